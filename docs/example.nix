# MAS for the homeserver example.com, with people's accounts at an identity provider.
{
  services.matrix-authentication-service = {
    enable = true;
    createDatabase = true;
    settings = {
      http.public_base = "https://auth.example.com/";
      matrix = {
        homeserver = "example.com";
        endpoint = "http://localhost:8008/";
        secret_file = "/run/secrets/mas-synapse";
      };
      secrets = {
        encryption_file = "/run/secrets/mas-encryption";
        keys = [ { key_file = "/run/secrets/mas-rsa-key"; } ];
      };
      upstream_oauth2.providers = [
        {
          id = "01HFVBY12TMNTYTBV8W921M5FA";
          human_name = "Example ID";
          issuer = "https://id.example.com/";
          client_id = "mas";
          client_secret_file = "/run/secrets/oidc";
          token_endpoint_auth_method = "client_secret_basic";
          scope = "openid profile email";
          claims_imports.localpart = {
            action = "require";
            template = "{{ user.preferred_username }}";
          };
        }
      ];
    };
  };
}
