# Seen at the NixOS wiki, page Matrix, section "Matrix Authentication Service (MAS)", upstream provider.
# The client secret is a file below /run/credentials, but the example itself sets neither `credentials`
# nor `LoadCredential`, so the file is not there unless another part of the configuration brings it.
# Unusual: `matrix`, `database` and `secrets` are all missing; `discovery_mode` and `fetch_userinfo` are set.
{
  services.matrix-authentication-service = {
    enable = true;
    settings = {
      passwords.enabled = false;
      upstream_oauth2.providers = [
        {
          id = "01HFVBY12TMNTYTBV8W921M5FA";
          human_name = "Authelia";
          issuer = "https://login.example.com";
          client_id = "mas";
          client_secret_file = "/run/credentials/matrix-authentication-service.service/authelia";
          token_endpoint_auth_method = "client_secret_basic";
          discovery_mode = "insecure";
          fetch_userinfo = true;
          scope = "openid profile email";
          claims_imports = {
            localpart = {
              action = "require";
              template = "{{ user.preferred_username }}";
            };
            displayname = {
              action = "suggest";
              template = "{{ user.name }}";
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
  };
}
