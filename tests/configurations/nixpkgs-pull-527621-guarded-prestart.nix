# Seen at NixOS/nixpkgs, pull request 527621, an early version of its test (also in the review thread).
# `preStart` makes each secret file in the state directory only if it is missing; the settings name them.
# Unusual: `http.public_base` is http on localhost, and everything else is a default.
{ pkgs, ... }:
{
  services.matrix-authentication-service = {
    enable = true;
    createDatabase = true;
    settings = {
      http.public_base = "http://localhost:8080/";
      matrix = {
        homeserver = "localhost";
        endpoint = "http://localhost:8008/";
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
    };
  };

  systemd.services.matrix-authentication-service.preStart = ''
    cd /var/lib/matrix-authentication-service
    [ -f matrix_secret ] || echo -n invented > matrix_secret
    [ -f encryption ] || ${pkgs.openssl}/bin/openssl rand -hex 32 | tr -d '\n' > encryption
    [ -f rsa.pem ] || ${pkgs.openssl}/bin/openssl genrsa -out rsa.pem 4096
  '';
}
