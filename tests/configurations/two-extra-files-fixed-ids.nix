# Seen in stored files of a public repository that the index does not name (ids 20351250165, 20291483854).
# Two sops files are extra files, one for the provider and one for the `secrets` section; the shared secret
# is a sops file that the service reads in place. Unusual: uid and gid of MAS are fixed (for impermanence),
# binds are made from lists of addresses, `after` and `wants` are set again by hand, createDatabase is not
# used, and MAS reaches Synapse, and Synapse MAS, by their public names through Caddy.
{ config, lib, ... }:
{
  services.matrix-synapse = {
    enable = true;
    settings = {
      server_name = "example.com";
      matrix_authentication_service = {
        enabled = true;
        endpoint = "https://auth.example.com";
        secret_path = "/run/secrets/matrix/synapse/mas-secret";
      };
    };
  };

  services.matrix-authentication-service = {
    enable = true;
    settings = {
      http = {
        listeners = [
          {
            name = "web";
            proxy_protocol = false;
            resources = [
              {
                name = "discovery";
              }
              {
                name = "human";
              }
              {
                name = "oauth";
              }
              {
                name = "compat";
              }
            ];
            binds =
              map
                (host: {
                  inherit host;
                  port = 8080;
                })
                [
                  "127.0.0.1"
                  "::1"
                ];
          }
          {
            name = "internal";
            resources = [
              {
                name = "health";
              }
            ];
            binds = map (host: {
              inherit host;
              port = 8081;
            }) [ "127.0.0.1" ];
            proxy_protocol = false;
          }
        ];
        trusted_proxies = [ "127.0.0.1/8" ];
        public_base = "https://auth.example.com";
      };
      matrix = {
        homeserver = "example.com";
        endpoint = "https://example.com";
        secret_file = "/run/secrets/matrix/mas/matrix-secret";
      };
      passwords = {
        enabled = false;
      };
    };
    extraConfigFiles = [
      "/run/secrets/matrix/mas/upstream-oauth2.config"
      "/run/secrets/matrix/mas/secrets.config"
    ];
  };

  services.postgresql = {
    enable = true;
    ensureDatabases = [ "matrix-authentication-service" ];
    ensureUsers = [
      {
        name = "matrix-authentication-service";
        ensureDBOwnership = true;
      }
    ];
  };

  services.caddy.virtualHosts."auth.example.com".extraConfig = ''
    @health path /-/health
    reverse_proxy @health http://127.0.0.1:8081 {
      rewrite /health
    }
    reverse_proxy http://127.0.0.1:8080
  '';

  systemd.services.matrix-authentication-service = {
    after =
      lib.optional config.services.postgresql.enable "postgresql.service"
      ++ lib.optional config.services.matrix-synapse.enable config.services.matrix-synapse.serviceUnit;
    wants =
      lib.optional config.services.postgresql.enable "postgresql.service"
      ++ lib.optional config.services.matrix-synapse.enable config.services.matrix-synapse.serviceUnit;
  };

  users = {
    users.matrix-authentication-service.uid = 990;
    groups.matrix-authentication-service.gid = 990;
  };
}
