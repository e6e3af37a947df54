# Seen at hatch01/flake, apps/matrix/mas.nix, commit d8e8a74.
# Every secret is in `credentials`; a function in a `let` writes the path below /run/credentials out.
# Unusual: the same file gives Synapse its copy of the shared secret (mode 0440, owner matrix-synapse).
let
  credential = name: "/run/credentials/matrix-authentication-service.service/${name}";
in
{
  services.matrix-authentication-service = {
    enable = true;
    credentials."shared" = "/run/agenix/mas_shared";
    credentials."authelia" = "/run/agenix/mas_authelia";
    credentials."encryption" = "/run/agenix/mas_encryption";
    credentials."kid1" = "/run/agenix/mas_kid1";
    settings = {
      http.public_base = "https://auth.example.com/";
      database.uri = "postgresql://matrix-authentication-service@localhost/mas?host=/run/postgresql";
      email.transport = "blackhole";
      passwords.enabled = false;
      matrix = {
        homeserver = "example.com";
        endpoint = "http://[::1]:8008/";
        secret_file = credential "shared";
      };
      upstream_oauth2.providers = [
        {
          id = "01HFVBY12TMNTYTBV8W921M5FA";
          client_secret_file = credential "authelia";
          issuer = "https://login.example.com";
          client_id = "mas";
          token_endpoint_auth_method = "client_secret_basic";
          scope = "openid profile email";
        }
      ];
      secrets = {
        encryption_file = credential "encryption";
        keys = [
          {
            kid = "kid1";
            key_file = credential "kid1";
          }
        ];
      };
    };
  };

  services.matrix-synapse = {
    enable = true;
    settings = {
      server_name = "example.com";
      matrix_authentication_service = {
        enabled = true;
        endpoint = "http://localhost:8080/";
        secret_path = "/run/agenix/mas_shared";
      };
    };
  };
}
