{
  config,
  lib,
  pkgs,
  ...
}:
let
  enabled = lib.filterAttrs (_: server: server.enable) config.services.redis.servers;
  unit = name: if name == "" then "redis" else "redis-${name}";
in
{
  systemd.services = lib.mapAttrs' (
    name: server:
    lib.nameValuePair (unit name) {
      description = "Redis Server - ${unit name}";
      wantedBy = [ "multi-user.target" ];
      after = [ "network.target" ];
      serviceConfig = {
        Type = "notify";
        User = server.user;
        RuntimeDirectory = unit name;
        StateDirectory = unit name;
        ExecStart = "/usr/bin/redis-server ${pkgs.writeText "redis.conf" ''
          port ${toString server.port}
          bind 127.0.0.1
          unixsocket ${server.unixSocket}
          dir /var/lib/${unit name}
          supervised systemd
        ''}";
      };
    }
  ) enabled;
}
