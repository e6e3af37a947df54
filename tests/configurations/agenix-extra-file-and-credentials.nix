# Seen at pdmos/infra, hosts/lena/matrix/mas.nix and synapse.nix (with a copy of nixpkgs' module).
# An agenix file with nothing but the `secrets` section is an extra file; two more secrets are
# `credentials`, named by "${CREDENTIALS_DIRECTORY}/name". Unusual: `http.public_base` is read back for the
# .well-known document, and a path is appended to it; database.uri names the user.
{ config, ... }:
let
  publicBase = config.services.matrix-authentication-service.settings.http.public_base;
in
{
  services.matrix-authentication-service = {
    enable = true;
    createDatabase = true;
    extraConfigFiles = [ "/run/agenix/mas-secrets" ];
    credentials = {
      shared = "/run/agenix/mas-shared";
      pocket-id = "/run/agenix/mas-oidc";
    };
    settings = {
      http = {
        public_base = "https://auth.example.com/";
        listeners = [
          {
            name = "web";
            binds = [
              {
                host = "127.0.0.1";
                port = 8080;
              }
            ];
            resources = [
              { name = "discovery"; }
              { name = "human"; }
              { name = "oauth"; }
              { name = "compat"; }
              { name = "graphql"; }
              { name = "assets"; }
            ];
          }
          {
            name = "internal";
            binds = [
              {
                host = "127.0.0.1";
                port = 8081;
              }
            ];
            resources = [ { name = "health"; } ];
          }
        ];
      };
      database.uri = "postgresql:///matrix-authentication-service?host=/run/postgresql&user=matrix-authentication-service";
      matrix = {
        homeserver = "example.com";
        endpoint = "http://127.0.0.1:8008/";
        secret_file = "\${CREDENTIALS_DIRECTORY}/shared";
      };
      passwords.enabled = false;
      upstream_oauth2.providers = [
        {
          id = "01HFVBY12TMNTYTBV8W921M5FA";
          human_name = "Example ID";
          issuer = "https://id.example.com";
          client_id = "matrix";
          client_secret_file = "\${CREDENTIALS_DIRECTORY}/pocket-id";
          token_endpoint_auth_method = "client_secret_basic";
          scope = "openid profile email";
          claims_imports.localpart = {
            action = "suggest";
            template = "{{ user.preferred_username }}";
          };
        }
      ];
    };
  };

  services.matrix-synapse = {
    enable = true;
    settings = {
      server_name = "example.com";
      matrix_authentication_service = {
        enabled = true;
        endpoint = "http://127.0.0.1:8080/";
        secret_path = "/run/agenix/mas-shared";
      };
    };
  };

  services.nginx.virtualHosts = {
    "auth.example.com" = {
      addSSL = true;
      enableACME = true;
      locations."/".proxyPass = "http://127.0.0.1:8080";
    };
    "matrix.example.com" = {
      locations."~ ^/_matrix/client/(.*)/(login|logout|refresh)".proxyPass = "http://127.0.0.1:8080";
      locations."/_matrix".proxyPass = "http://127.0.0.1:8008";
      locations."/_synapse/mas".proxyPass = "http://127.0.0.1:8008";
    };
    "example.com".locations."= /.well-known/matrix/client".extraConfig = ''
      default_type application/json;
      return 200 '${
        builtins.toJSON {
          "m.homeserver".base_url = "https://matrix.example.com";
          "org.matrix.msc2965.authentication" = {
            issuer = publicBase;
            account = "${publicBase}account/";
          };
        }
      }';
    '';
  };
}
