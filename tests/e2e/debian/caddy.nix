{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.caddy;
  site = name: host: ''
    ${name} {
      ${host.extraConfig}
    }
  '';
  file = pkgs.writeText "Caddyfile" ''
    {
      ${cfg.globalConfig}
    }
    ${lib.concatStrings (lib.mapAttrsToList site cfg.virtualHosts)}
  '';
in
lib.mkIf cfg.enable {
  environment.etc."caddy/caddy_config".source = file;

  systemd.services.caddy = {
    description = "Caddy";
    wantedBy = [ "multi-user.target" ];
    wants = [ "network-online.target" ];
    after = [ "network-online.target" ];
    serviceConfig = {
      Type = "notify";
      # Debian's package brings the user.
      User = "caddy";
      Group = "caddy";
      ExecStart = "/usr/bin/caddy run --config /etc/caddy/caddy_config --adapter caddyfile";
      ExecReload = "/usr/bin/caddy reload --config /etc/caddy/caddy_config --adapter caddyfile --force";
      StateDirectory = "caddy";
      AmbientCapabilities = [ "CAP_NET_BIND_SERVICE" ];
      NoNewPrivileges = true;
      ProtectHome = true;
      PrivateDevices = true;
    };
  };
}
