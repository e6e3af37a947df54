# Seen at NixOS/nixpkgs, nixos/tests/matrix/matrix-authentication-service.nix, as it was before #537261.
# Files that `preStart` writes into the state directory, named by the settings themselves; the client
# secret of the provider is written out in `settings`. Unusual: no extra file and no credential.
{ pkgs, ... }:
{
  services.matrix-authentication-service = {
    enable = true;
    createDatabase = true;
    settings = {
      http.public_base = "https://auth.example.com:8080/";
      matrix = {
        homeserver = "hs1";
        endpoint = "https://matrix.example.com:8448/";
        secret_file = "/var/lib/matrix-authentication-service/matrix_secret";
      };
      secrets = {
        encryption_file = "/var/lib/matrix-authentication-service/encryption";
        keys = [
          {
            kid = "rsa";
            key_file = "/var/lib/matrix-authentication-service/rsa.pem";
          }
        ];
      };
      upstream_oauth2.providers = [
        {
          id = "01HFVBY12TMNTYTBV8W921M5FA";
          client_id = "mas";
          client_secret = "invented";
          issuer = "https://dex.example.com:5556";
          scope = "openid email profile";
          token_endpoint_auth_method = "client_secret_post";
        }
      ];
    };
  };

  systemd.services.matrix-authentication-service.preStart = ''
    echo -n invented > /var/lib/matrix-authentication-service/matrix_secret
    ${pkgs.openssl}/bin/openssl rand -hex 32 | tr -d '\n' > /var/lib/matrix-authentication-service/encryption
    ${pkgs.openssl}/bin/openssl genrsa -out /var/lib/matrix-authentication-service/rsa.pem 4096
  '';
}
