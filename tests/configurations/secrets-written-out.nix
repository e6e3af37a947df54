# Seen at xinyangli/nixos-config, machines/biotite/services/synapse.nix, on a branch with MAS.
# `matrix.secret`, Synapse's copy of it and the provider's `client_secret` are written out in Nix; only the
# `secrets` section is a sops file and an extra file. Unusual: lines with `secret_path` for `matrix` are
# commented out (MAS calls it secret_file), all endpoints of the provider are set, as is
# `forward_login_hint`; passwords are disabled but have schemes; Caddy is the proxy.
{
  services.matrix-synapse = {
    enable = true;
    settings = {
      server_name = "example.com";
      matrix_authentication_service = {
        enabled = true;
        endpoint = "http://127.0.0.1:5124/";
        secret = "invented";
      };
    };
  };

  services.matrix-authentication-service = {
    enable = true;
    createDatabase = true;
    extraConfigFiles = [
      "/run/secrets/mas/secrets"
    ];
    settings = {
      http = {
        public_base = "https://auth.example.com";
        issuer = "https://auth.example.com";
        trusted_proxies = [
          "127.0.0.1/8"
          "::1/128"
        ];
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
                host = "127.0.0.1";
                port = 5124;
              }
            ];
            proxy_protocol = false;
          }
        ];
      };
      passwords = {
        enabled = false;
        schemes = [
          {
            version = 1;
            algorithm = "bcrypt";
            unicode_normalization = true;
          }
          {
            version = 2;
            algorithm = "argon2id";
          }
        ];
      };
      upstream_oauth2 = {
        providers = [
          {
            id = "01HFVBY12TMNTYTBV8W921M5FA";
            synapse_idp_id = "oidc-Kanidm";
            issuer = "https://idm.example.com/oauth2/openid/synapse";
            human_name = "idm.example.com";
            client_id = "synapse";
            client_secret = "invented-too";
            token_endpoint_auth_method = "client_secret_basic";
            scope = "openid email profile";
            fetch_userinfo = true;
            authorization_endpoint = "https://idm.example.com/ui/oauth2";
            userinfo_endpoint = "https://idm.example.com/oauth2/openid/synapse/userinfo";
            token_endpoint = "https://idm.example.com/oauth2/token";
            claims_imports.localpart = {
              action = "suggest";
              template = "{{ user.preferred_username }}";
            };
            forward_login_hint = false;
          }
        ];
      };
      matrix = {
        kind = "synapse";
        homeserver = "example.com";
        secret = "invented";
        endpoint = "http://127.0.0.1:8008";
      };
    };
  };

  services.caddy.virtualHosts."https://auth.example.com".extraConfig = ''
    reverse_proxy 127.0.0.1:5124
  '';
}
