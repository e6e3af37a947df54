# As on NixOS, all of nginx runs as a user of its own: what it includes, that user has to be able to read.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.nginx;

  location = path: site: ''
    location ${path} {
    ${lib.optionalString (site.proxyPass != null) "proxy_pass ${site.proxyPass};"}
    ${lib.optionalString (site.tryFiles != null) "try_files ${site.tryFiles};"}
    ${site.extraConfig}
    }
  '';
  server =
    name: host:
    let
      serverName = if host.serverName != null then host.serverName else name;
      hasTls = host.onlySSL || host.addSSL || host.forceSSL;
    in
    ''
      server {
        server_name ${serverName};
        ${lib.optionalString hasTls ''
          listen 443 ssl;
          http2 on;
          ssl_certificate ${host.sslCertificate};
          ssl_certificate_key ${host.sslCertificateKey};
        ''}
        ${lib.optionalString (!host.onlySSL && !host.forceSSL) "listen 80;"}
        ${lib.optionalString (host.root != null) "root ${host.root};"}
        ${lib.concatStrings (lib.mapAttrsToList location host.locations)}
        ${host.extraConfig}
      }
    ''
    + lib.optionalString host.forceSSL ''
      server {
        server_name ${serverName};
        listen 80;
        return 301 https://$host$request_uri;
      }
    '';

  file = pkgs.writeText "nginx.conf" ''
    pid /run/nginx/nginx.pid;
    error_log stderr;
    events { }
    http {
      include /etc/nginx/mime.types;
      access_log off;
      client_body_temp_path /var/cache/nginx/body;
      proxy_temp_path /var/cache/nginx/proxy;
      fastcgi_temp_path /var/cache/nginx/fastcgi;
      uwsgi_temp_path /var/cache/nginx/uwsgi;
      scgi_temp_path /var/cache/nginx/scgi;
      ${cfg.commonHttpConfig}
      ${lib.concatStrings (lib.mapAttrsToList server cfg.virtualHosts)}
      ${cfg.appendHttpConfig}
    }
  '';
in
lib.mkIf cfg.enable {
  users.users.nginx = {
    isSystemUser = true;
    group = "nginx";
  };
  users.groups.nginx = { };

  systemd.services.nginx = {
    description = "Nginx Web Server";
    wantedBy = [ "multi-user.target" ];
    wants = [ "network-online.target" ];
    after = [ "network-online.target" ];
    serviceConfig = {
      User = "nginx";
      Group = "nginx";
      ExecStartPre = [ "/usr/sbin/nginx -e stderr -t -c ${file}" ];
      ExecStart = "/usr/sbin/nginx -e stderr -c ${file} -g 'daemon off;'";
      ExecReload = [
        "/usr/sbin/nginx -e stderr -t -c ${file}"
        "/bin/kill -HUP $MAINPID"
      ];
      Restart = "always";
      RestartSec = "10s";
      RuntimeDirectory = "nginx";
      CacheDirectory = "nginx";
      AmbientCapabilities = [ "CAP_NET_BIND_SERVICE" ];
      CapabilityBoundingSet = [ "CAP_NET_BIND_SERVICE" ];
      NoNewPrivileges = true;
      ProtectSystem = "strict";
      ProtectHome = true;
      PrivateTmp = true;
    };
  };
}
