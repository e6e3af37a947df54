# Seen at NixOS/nixpkgs, pull request 387274 (closed), its test.
# An extra file in the Nix store brings encryption secret and keys; the other secrets are written out in
# `settings`. Unusual: `extraConfigFiles` gets a derivation, not a string, which the merged module's
# `listOf str` refuses; `matrix.endpoint` without a final slash; `matrix.homeserver` read from Synapse.
{ config, pkgs, ... }:
{
  services.matrix-synapse = {
    enable = true;
    settings.server_name = "example.com";
  };

  services.matrix-authentication-service = {
    enable = true;
    createDatabase = true;
    extraConfigFiles = [
      (pkgs.writeText "extra.yml" ''
        secrets:
          encryption: 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
          keys:
            - kid: first
              key: invented
      '')
    ];
    settings = {
      clients = [
        {
          client_id = "0000000000000000000SYNAPSE";
          client_auth_method = "client_secret_basic";
          client_secret = "invented";
        }
      ];
      matrix = {
        homeserver = config.services.matrix-synapse.settings.server_name;
        secret = "invented-too";
        endpoint = "https://localhost:8448";
      };
      upstream_oauth2 = {
        providers = [
          {
            id = "01HFVBY12TMNTYTBV8W921M5FA";
            issuer = "https://login.example.com/realms/users";
            token_endpoint_auth_method = "client_secret_basic";
            client_id = "mas";
            client_secret = "invented-again";
            scope = "openid profile email";
            claims_imports.email = {
              action = "suggest";
              template = "{{ user.email }}";
              set_email_verification = "always";
            };
          }
        ];
      };
    };
  };
}
