# Seen at NixOS/nixpkgs, pull request 538148 (closed; its envsubst went into #537261).
# The host fills `serviceConfig.LoadCredential` itself and the settings use the variable. Unusual: the
# option `credentials` is not used, so only the unit knows the names.
{
  services.matrix-authentication-service = {
    enable = true;
    createDatabase = true;
    settings = {
      http.public_base = "https://auth.example.com/";
      matrix = {
        homeserver = "example.com";
        endpoint = "http://localhost:8008/";
        secret_file = "$CREDENTIALS_DIRECTORY/shared";
      };
      upstream_oauth2.providers = [
        {
          id = "01HFVBY12TMNTYTBV8W921M5FA";
          issuer = "https://login.example.com";
          client_id = "mas";
          client_secret_file = "$CREDENTIALS_DIRECTORY/oidc";
          token_endpoint_auth_method = "client_secret_basic";
          scope = "openid";
        }
      ];
    };
  };

  systemd.services.matrix-authentication-service.serviceConfig.LoadCredential = [
    "shared:/run/secrets/mas-shared"
    "oidc:/run/secrets/mas-oidc"
  ];
}
