# Seen at skiinganchor/config, modules/homelab/services/matrix/mas.nix (newest version).
# Every secret is a sops file in `credentials`; those for the signing keys are made from a list of paths
# and joined with `//`. Unusual: keys without `kid`, resources made with `map`, pool sizes that repeat the
# defaults, `skip_confirmation`, and `pkce_method`. The nixpkgs module is imported from another nixpkgs.
{ lib, ... }:
let
  credential = name: "\${CREDENTIALS_DIRECTORY}/${name}";
  keys = [
    "/run/secrets/mas/key-rsa"
    "/run/secrets/mas/key-ec"
  ];
  keyCredentials = lib.listToAttrs (
    lib.imap0 (i: path: lib.nameValuePair "signing-key-${toString i}" path) keys
  );
in
{
  services.matrix-authentication-service = {
    enable = true;
    createDatabase = true;
    credentials = {
      encryption = "/run/secrets/mas/encryption";
      shared = "/run/secrets/mas/shared";
      upstream = "/run/secrets/mas/oidc";
    }
    // keyCredentials;
    settings = {
      http = {
        public_base = "https://auth.example.com/";
        issuer = "https://auth.example.com/";
        listeners = [
          {
            name = "web";
            resources = map (name: { inherit name; }) [
              "discovery"
              "human"
              "oauth"
              "compat"
              "graphql"
              "assets"
            ];
            binds = [
              {
                host = "127.0.0.1";
                port = 8083;
              }
            ];
            proxy_protocol = false;
          }
        ];
      };
      database = {
        uri = "postgresql:///matrix-authentication-service?host=/run/postgresql";
        max_connections = 10;
        min_connections = 0;
        connect_timeout = 30;
        idle_timeout = 600;
        max_lifetime = 1800;
      };
      email = {
        from = ''"Authentication Service" <root@localhost>'';
        reply_to = ''"Authentication Service" <root@localhost>'';
        transport = "blackhole";
      };
      secrets = {
        encryption_file = credential "encryption";
        keys = lib.imap0 (i: _: { key_file = credential "signing-key-${toString i}"; }) keys;
      };
      passwords = {
        enabled = false;
        minimum_complexity = 3;
      };
      matrix = {
        kind = "synapse";
        homeserver = "example.com";
        secret_file = credential "shared";
        endpoint = "http://[::1]:8008/";
      };
      upstream_oauth2.providers = [
        {
          id = "01HFVBY12TMNTYTBV8W921M5FA";
          issuer = "https://login.example.com/realms/users";
          client_id = "mas";
          client_secret_file = credential "upstream";
          id_token_signed_response_alg = "ES256";
          pkce_method = "always";
          token_endpoint_auth_method = "client_secret_post";
          scope = "openid profile email";
          claims_imports = {
            skip_confirmation = true;
            localpart = {
              action = "require";
              template = "{{ user.preferred_username }}";
            };
            displayname = {
              action = "force";
              template = "{{ user.name }}";
            };
            email = {
              action = "force";
              template = "{{ user.email }}";
              set_email_verification = "import";
            };
          };
        }
      ];
    };
  };

  services.nginx.virtualHosts."auth.example.com".locations."/" = {
    proxyPass = "http://127.0.0.1:8083";
    extraConfig = ''
      proxy_http_version 1.1;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    '';
  };

  services.matrix-synapse = {
    enable = true;
    settings = {
      server_name = "example.com";
      matrix_authentication_service = {
        enabled = true;
        endpoint = "http://127.0.0.1:8083/";
        secret_path = "/run/secrets/mas/shared";
      };
    };
  };
}
