# Seen at NixOS/nixpkgs, pull request 527621, a version of its test in a fork (stored file 55218553640).
# Files from `preStart`, but the secret of Synapse's client is written out on both sides. Unusual: the old
# delegation by `experimental_features.msc3861`, a client id that is no name, and `createDatabase = false`
# with a database that an SQL script makes.
{ pkgs, ... }:
let
  client = "01J9ZX4K8Q2R3S5T6V7W8X9Y0Z";
in
{
  services.matrix-synapse = {
    enable = true;
    extras = [ "oidc" ];
    settings = {
      server_name = "example.com";
      experimental_features.msc3861 = {
        enabled = true;
        issuer = "http://localhost:8080/";
        client_id = client;
        client_auth_method = "client_secret_basic";
        client_secret = "invented";
        admin_token = "invented-too";
      };
    };
  };

  services.matrix-authentication-service = {
    enable = true;
    createDatabase = false;
    settings = {
      http.public_base = "http://localhost:8080/";
      matrix = {
        homeserver = "example.com";
        endpoint = "https://localhost:8448/";
        secret_file = "/var/lib/matrix-authentication-service/matrix_secret";
      };
      database.uri = "postgresql:///matrix-authentication-service?host=/run/postgresql&user=matrix-authentication-service";
      secrets = {
        encryption_file = "/var/lib/matrix-authentication-service/encryption";
        keys = [
          {
            kid = "rsa";
            key_file = "/var/lib/matrix-authentication-service/rsa.pem";
          }
        ];
      };
      clients = [
        {
          client_id = client;
          client_secret = "invented";
          client_auth_method = "client_secret_basic";
        }
      ];
    };
  };

  systemd.services.matrix-authentication-service.preStart = ''
    echo -n invented-too > /var/lib/matrix-authentication-service/matrix_secret
    ${pkgs.openssl}/bin/openssl rand -hex 32 | tr -d '\n' > /var/lib/matrix-authentication-service/encryption
    ${pkgs.openssl}/bin/openssl genrsa -out /var/lib/matrix-authentication-service/rsa.pem 4096
  '';

  services.postgresql = {
    enable = true;
    initialScript = pkgs.writeText "databases.sql" ''
      CREATE ROLE "matrix-synapse" WITH LOGIN;
      CREATE DATABASE "matrix-synapse" WITH OWNER "matrix-synapse"
        TEMPLATE template0 LC_COLLATE = "C" LC_CTYPE = "C";
      CREATE ROLE "matrix-authentication-service" WITH LOGIN;
      CREATE DATABASE "matrix-authentication-service" WITH OWNER "matrix-authentication-service"
        TEMPLATE template0 LC_COLLATE = "C" LC_CTYPE = "C";
    '';
  };
}
