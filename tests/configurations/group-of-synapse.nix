# Seen at uku3lig/flake, systems/etna/matrix/mas.nix, commit 512a8db (first day of nixpkgs' module).
# Secrets are agenix files of mode 0440 with Synapse's group; the unit's Group is set to that one, so that
# both services read them in place. Unusual: password scheme 1, with Synapse's pepper, is in the extra
# file, while scheme 2 is in the settings.
{ config, ... }:
{
  services.matrix-synapse = {
    enable = true;
    settings.server_name = "example.com";
  };

  services.matrix-authentication-service = {
    enable = true;
    createDatabase = true;
    extraConfigFiles = [ "/run/agenix/masExtraConfig" ];
    settings = {
      http = {
        public_base = "https://auth.example.com";
        listeners = [
          {
            name = "web";
            resources = [
              { name = "discovery"; }
              { name = "human"; }
              { name = "oauth"; }
              { name = "compat"; }
            ];
            binds = [
              {
                host = "0.0.0.0";
                port = 8010;
              }
            ];
            proxy_protocol = false;
          }
        ];
        trusted_proxies = [
          "127.0.0.1/8"
          "::1/128"
          "100.0.0.0/8"
        ];
      };
      matrix = {
        homeserver = config.services.matrix-synapse.settings.server_name;
        kind = "synapse";
        endpoint = "http://localhost:8009";
        secret_file = "/run/agenix/masSharedSecret";
      };
      upstream_oauth2.providers = [
        {
          id = "01HFVBY12TMNTYTBV8W921M5FA";
          synapse_idp_id = "oidc-pocket_id";
          human_name = "Pocket ID";
          issuer = "https://id.example.com";
          client_id = "mas";
          client_secret_file = "/run/agenix/masClientSecret";
          token_endpoint_auth_method = "client_secret_basic";
          scope = "openid profile";
          claims_imports.localpart = {
            action = "require";
            template = "{{ user.preferred_username }}";
          };
        }
      ];
      passwords = {
        enabled = true;
        schemes = [
          {
            version = 2;
            algorithm = "argon2id";
          }
        ];
        minimum_complexity = 3;
      };
      email.transport = "blackhole";
    };
  };

  systemd.services.matrix-authentication-service.serviceConfig = {
    Group = "matrix-synapse";
  };
}
