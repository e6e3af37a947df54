# Seen at the NixOS wiki, page Matrix, section "Matrix Authentication Service (MAS)", basic configuration.
# One credential carries the secret shared with Synapse, and the setting names its path below
# /run/credentials. Unusual: there is no `secrets` section at all, and Synapse is sent to port 8089,
# where MAS does not listen unless told to.
{
  services.matrix-authentication-service = {
    enable = true;
    createDatabase = true;
    credentials."shared" = "/run/agenix/mas-shared";
    settings = {
      http.public_base = "https://auth.example.com/";
      http.issuer = "https://auth.example.com/";
      matrix = {
        homeserver = "example.com";
        endpoint = "http://127.0.0.1:8008/";
        secret_file = "/run/credentials/matrix-authentication-service.service/shared";
      };
    };
  };

  services.matrix-synapse.settings = {
    matrix_authentication_service = {
      enabled = true;
      endpoint = "http://127.0.0.1:8089/";
      secret_path = "/run/agenix/mas-shared";
    };
  };
}
