# Seen at hatch01/flake, apps/matrix/mas.nix (newest version; the author also wrote nixpkgs' module).
# Every secret is an agenix file in `credentials`, and the settings say "$CREDENTIALS_DIRECTORY/name",
# without braces. Unusual: a database with another name than its user, which a script makes; an unknown
# section `experimental_features`; binds by `address` and by `host`; a list of trusted proxies.
{ pkgs, ... }:
{
  services.matrix-authentication-service = {
    enable = true;
    credentials."shared" = "/run/agenix/mas_shared";
    credentials."authelia" = "/run/agenix/mas_authelia";
    credentials."encryption" = "/run/agenix/mas_encryption";
    credentials."kid1" = "/run/agenix/mas_kid1";
    credentials."kid2" = "/run/agenix/mas_kid2";
    settings = {
      http = {
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
              { address = "[::]:${toString 8089}"; }
            ];
            proxy_protocol = false;
          }
          {
            name = "internal";
            resources = [
              { name = "health"; }
            ];
            binds = [
              {
                host = "localhost";
                port = 8083;
              }
            ];
            proxy_protocol = false;
          }
        ];
        trusted_proxies = [
          "192.168.0.0/16"
          "10.0.0.0/10"
          "127.0.0.1/8"
          "::1/128"
        ];
        public_base = "https://auth.example.com/";
        issuer = "https://auth.example.com/";
      };
      database = {
        uri = "postgresql://matrix-authentication-service@localhost/mas?host=/run/postgresql";
      };
      email = {
        from = "\"Authentication Service\" <root@localhost>";
        reply_to = "\"Authentication Service\" <root@localhost>";
        transport = "blackhole";
      };
      experimental_features = {
        msc4108_enabled = true;
      };
      passwords = {
        enabled = false;
      };
      matrix = {
        homeserver = "example.com";
        endpoint = "http://[::1]:8008/";
        secret_file = "$CREDENTIALS_DIRECTORY/shared";
      };
      upstream_oauth2 = {
        providers = [
          {
            id = "01HFVBY12TMNTYTBV8W921M5FA";
            client_secret_file = "$CREDENTIALS_DIRECTORY/authelia";
            human_name = "Authelia";
            issuer = "https://login.example.com";
            client_id = "invented-client.id_1";
            token_endpoint_auth_method = "client_secret_basic";
            scope = "openid profile email";
            discovery_mode = "insecure";
            fetch_userinfo = true;
            claims_imports = {
              localpart = {
                action = "require";
                template = "{{ user.preferred_username }}";
              };
              email = {
                action = "suggest";
                template = "{{ user.email }}";
                set_email_verification = "always";
              };
            };
          }
        ];
      };
      secrets = {
        encryption_file = "$CREDENTIALS_DIRECTORY/encryption";
        keys = [
          {
            kid = "kid1";
            key_file = "$CREDENTIALS_DIRECTORY/kid1";
          }
          {
            kid = "kid2";
            key_file = "$CREDENTIALS_DIRECTORY/kid2";
          }
        ];
      };
    };
  };

  services.postgresql = {
    enable = true;
    initialScript = pkgs.writeText "mas.sql" ''
      CREATE ROLE "matrix-authentication-service" WITH LOGIN;
      CREATE DATABASE "mas" WITH OWNER "matrix-authentication-service";
    '';
  };
}
