# Seen at xanderio/dotfiles, hosts/carrot/matrix-authentication-services.nix (newest version).
# A sops template in JSON brings the whole `matrix` section, clients, provider and secrets; it names two
# keys below /run/credentials, which the host loads. Unusual: `matrix` is not set in Nix at all, database.uri
# has neither host nor user, the graphql resource has `playground`, and nginx serves MAS's assets from
# `package`. (Written for the author's own module with the same options.)
{ config, ... }:
{
  services.postgresql = {
    enable = true;
    ensureUsers = [
      {
        name = "matrix-authentication-service";
        ensureDBOwnership = true;
      }
    ];
    ensureDatabases = [ "matrix-authentication-service" ];
  };

  services.nginx = {
    enable = true;
    virtualHosts."auth.example.com" = {
      enableACME = true;
      forceSSL = true;
      locations = {
        "/".proxyPass = "http://[::]:8085";
        "/assets/" = {
          alias = "${config.services.matrix-authentication-service.package}/share/matrix-authentication-service/assets/";
          extraConfig = ''
            expires 365d;
          '';
        };
      };
    };
  };

  systemd.services.matrix-authentication-service.serviceConfig.LoadCredential = [
    "key_ec:/run/secrets/mas/key_ec"
    "key_rsa:/run/secrets/mas/key_rsa"
  ];

  services.matrix-authentication-service = {
    enable = true;
    extraConfigFiles = [ "/run/secrets/rendered/mas-secrets" ];
    settings = {
      http = {
        public_base = "https://auth.example.com";
        listeners = [
          {
            name = "web";
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
              {
                name = "graphql";
                playground = true;
              }
            ];
            binds = [
              { address = "[::]:8085"; }
            ];
          }
        ];
      };
      database = {
        uri = "postgres:///matrix-authentication-service";
      };
      passwords.enabled = false;
    };
  };
}
