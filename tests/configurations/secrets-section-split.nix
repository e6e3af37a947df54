# Seen at itzTheMeow/dotfiles, nixos/hyzenberg/matrix/default.nix (with a copy of the module).
# The section `secrets` is split: `keys` with a sops file's path is in the settings, `encryption` in a sops
# template that is the extra file, together with `matrix.secret` and the provider, whose client id is secret
# too. Unusual: MAS and Synapse share one host name, and nginx chooses by path, with priorities; Synapse's
# `matrix_authentication_service` has an `issuer`, which Synapse does not know.
{
  services.matrix-synapse = {
    enable = true;
    extras = [ "oidc" ];
    settings = {
      server_name = "example.com";
      public_baseurl = "https://matrix.example.com";
      enable_registration = false;
      password_config.enabled = false;
      matrix_authentication_service = {
        enabled = true;
        issuer = "https://matrix.example.com";
        endpoint = "http://100.64.0.2:21399";
        secret_path = "/run/secrets/mas-shared";
      };
    };
  };

  services.matrix-authentication-service = {
    enable = true;
    createDatabase = true;

    settings = {
      http = {
        public_base = "https://matrix.example.com";
        listeners = [
          {
            name = "web";
            resources = [
              { name = "discovery"; }
              { name = "human"; }
              { name = "oauth"; }
              { name = "compat"; }
              { name = "graphql"; }
              { name = "assets"; }
            ];
            binds = [
              {
                host = "100.64.0.2";
                port = 21399;
              }
            ];
            proxy_protocol = false;
          }
        ];
      };

      secrets.keys = [
        {
          kid = "primary";
          key_file = "/run/secrets/mas-rsa";
        }
      ];

      matrix = {
        homeserver = "example.com";
        endpoint = "http://100.64.0.2:21397";
      };

      passwords.enabled = false;
    };

    extraConfigFiles = [ "/run/secrets/rendered/mas-oidc.yaml" ];
  };

  services.nginx.virtualHosts."matrix.example.com" = {
    enableACME = true;
    forceSSL = true;
    locations = {
      "~ ^/_matrix/client/(.*)/(login|logout|refresh)" = {
        proxyPass = "http://100.64.0.2:21399";
        priority = 1;
      };
      "~ ^/(_matrix|_synapse)" = {
        proxyPass = "http://100.64.0.2:21397";
        priority = 2;
      };
      "/" = {
        proxyPass = "http://100.64.0.2:21399";
        priority = 3;
      };
    };
  };
}
