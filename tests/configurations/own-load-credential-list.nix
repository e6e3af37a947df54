# Seen at darkone-linux/darkone-nixos-framework, modules/service/matrix.nix, commit b7c8e45.
# The host gives the unit a list LoadCredential of four sops files, and the settings name them below
# /run/credentials. Unusual: the option `credentials` did not exist yet, and where the module sets
# LoadCredential as a list too, both are joined.
let
  directory = "/run/credentials/matrix-authentication-service.service";
in
{
  services.matrix-authentication-service = {
    enable = true;
    createDatabase = true;
    settings = {
      http.public_base = "https://auth.example.com/";
      matrix = {
        kind = "synapse";
        homeserver = "example.com";
        endpoint = "http://localhost:8008";
        secret_file = "${directory}/shared";
      };
      secrets = {
        encryption_file = "${directory}/encryption";
        keys = [
          {
            kid = "rsa";
            key_file = "${directory}/rsa-key";
          }
        ];
      };
      upstream_oauth2.providers = [
        {
          id = "01HFVBY12TMNTYTBV8W921M5FA";
          issuer = "https://idm.example.com/oauth2/openid/matrix";
          client_id = "matrix";
          client_secret_file = "${directory}/oidc";
          scope = "openid profile";
          token_endpoint_auth_method = "client_secret_basic";
          synapse_idp_id = "oidc-kanidm";
        }
      ];
    };
  };

  systemd.services.matrix-authentication-service.serviceConfig.LoadCredential = [
    "encryption:/run/secrets/mas-encryption"
    "rsa-key:/run/secrets/mas-rsa"
    "shared:/run/secrets/mas-shared"
    "oidc:/run/secrets/mas-oidc"
  ];

  services.matrix-synapse = {
    enable = true;
    settings = {
      server_name = "example.com";
      matrix_authentication_service = {
        enabled = true;
        endpoint = "http://localhost:8080/";
        secret_path = "/run/secrets/mas-shared";
      };
    };
  };
}
