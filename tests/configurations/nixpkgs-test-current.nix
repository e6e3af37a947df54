# Seen at NixOS/nixpkgs, nixos/tests/matrix/matrix-authentication-service.nix (node mas1).
# `preStart` writes three secret files into the state directory; an extra file in the Nix store names two
# of them; the client secret is a credential whose source is in the Nix store. Unusual: `http.tls`, which
# MAS does not know (the listener has it too), a bind by `address` only, and MAS without Synapse on the host.
{ pkgs, lib, ... }:
let
  certificates = pkgs.runCommand "certificates" { } "mkdir $out && touch $out/{cert,key}.pem";
  secrets = pkgs.writeText "secrets.yml" (
    builtins.toJSON {
      secrets = {
        encryption_file = "/var/lib/matrix-authentication-service/encryption";
        keys = [
          {
            kid = "rsa";
            key_file = "/var/lib/matrix-authentication-service/rsa.pem";
          }
        ];
      };
    }
  );
in
{
  services.matrix-authentication-service = {
    enable = true;
    createDatabase = true;
    extraConfigFiles = [ (toString secrets) ];
    settings = {
      http = {
        public_base = "https://auth.example.com:8080/";
        tls = {
          certificate_file = "${certificates}/cert.pem";
          key_file = "${certificates}/key.pem";
        };
        listeners = [
          {
            name = "web";
            binds = [ { address = "0.0.0.0:8080"; } ];
            resources = [
              { name = "discovery"; }
              { name = "human"; }
              { name = "oauth"; }
            ];
            tls = {
              certificate_file = "${certificates}/cert.pem";
              key_file = "${certificates}/key.pem";
            };
          }
        ];
      };
      matrix = {
        homeserver = "hs1";
        endpoint = "https://matrix.example.com:8448/";
        secret_file = "/var/lib/matrix-authentication-service/matrix_secret";
      };
      database.uri = "postgresql:///matrix-authentication-service?host=/run/postgresql&user=matrix-authentication-service";
      policy.data.client_registration.allow_insecure_uris = true;
      upstream_oauth2.providers = [
        {
          id = "01HFVBY12TMNTYTBV8W921M5FA";
          client_id = "mas";
          client_secret_file = "\${CREDENTIALS_DIRECTORY}/oidc";
          issuer = "https://dex.example.com:5556";
          scope = "openid email profile";
          token_endpoint_auth_method = "client_secret_post";
        }
      ];
    };
    credentials.oidc = "${pkgs.writeText "oidc" "invented"}";
  };

  services.postgresql.authentication = lib.mkOverride 10 ''
    local all all trust
  '';

  systemd.services.matrix-authentication-service.preStart = ''
    echo -n invented > /var/lib/matrix-authentication-service/matrix_secret
    ${pkgs.openssl}/bin/openssl rand -hex 32 | tr -d '\n' > /var/lib/matrix-authentication-service/encryption
    ${pkgs.openssl}/bin/openssl genrsa -out /var/lib/matrix-authentication-service/rsa.pem 4096
  '';
}
