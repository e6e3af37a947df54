# MAS for the homeserver example.com, with user accounts at an identity provider.
{
  services.matrix-authentication-service = {
    enable = true;
    createDatabase = true;
    synapse.enable = true;
    routes = {
      nginx = true;
      host = "auth.example.com";
      matrixHost = "matrix.example.com";
    };
    settings = {
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

  services.matrix-synapse = {
    enable = true;
    settings.server_name = "example.com";
  };
}
