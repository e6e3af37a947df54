# Seen at uku3lig/flake, systems/etna/matrix/mas.nix, commit 4bbd1d8 (newest version).
# An extra file, and two credentials that the host loads itself. Unusual: user and group of MAS are
# declared by the host and set on a unit that has DynamicUser, and RestartSec is forced.
{ lib, ... }:
{
  services.matrix-authentication-service = {
    enable = true;
    createDatabase = true;
    extraConfigFiles = [ "/run/agenix/masExtraConfig" ];
    settings = {
      http.public_base = "https://auth.example.com";
      matrix = {
        homeserver = "example.com";
        kind = "synapse";
        endpoint = "http://localhost:8009";
        secret_file = "/run/credentials/matrix-authentication-service.service/masSharedSecret";
      };
      upstream_oauth2.providers = [
        {
          id = "01HFVBY12TMNTYTBV8W921M5FA";
          synapse_idp_id = "oidc-pocket_id";
          issuer = "https://id.example.com";
          client_id = "mas";
          client_secret_file = "/run/credentials/matrix-authentication-service.service/masClientSecret";
          token_endpoint_auth_method = "client_secret_basic";
          scope = "openid profile";
        }
      ];
      passwords = {
        enabled = true;
        schemes = [
          {
            version = 2;
            algorithm = "argon2id";
          }
        ];
        minimum_complexity = 3;
      };
      email.transport = "blackhole";
    };
  };

  users = {
    groups.matrix-authentication-service = { };
    users.matrix-authentication-service = {
      isSystemUser = true;
      group = "matrix-authentication-service";
    };
  };

  systemd.services.matrix-authentication-service.serviceConfig = {
    User = "matrix-authentication-service";
    Group = "matrix-authentication-service";
    RestartSec = lib.mkForce "10s";
    LoadCredential = [
      "masClientSecret:/run/agenix/masClientSecret"
      "masSharedSecret:/run/agenix/masSharedSecret"
    ];
  };
}
