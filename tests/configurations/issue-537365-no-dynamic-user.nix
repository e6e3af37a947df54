# Seen at NixOS/nixpkgs, issue 537365 (the first of four ways it lists to make secret files readable).
# Secret files stay where the secret manager puts them, owned by a user that the host declares.
# Unusual: the unit's DynamicUser is taken back; the issue meant it for the module, and a host that does
# it by itself has to force it.
{ lib, ... }:
{
  services.matrix-authentication-service = {
    enable = true;
    createDatabase = true;
    settings = {
      http.public_base = "https://auth.example.com/";
      matrix = {
        homeserver = "example.com";
        endpoint = "http://localhost:8008/";
        secret_file = "/run/secrets/mas-shared";
      };
      upstream_oauth2.providers = [
        {
          id = "01HFVBY12TMNTYTBV8W921M5FA";
          issuer = "https://login.example.com";
          client_id = "mas";
          client_secret_file = "/run/secrets/mas-oidc";
          token_endpoint_auth_method = "client_secret_basic";
          scope = "openid";
        }
      ];
    };
  };

  systemd.services.matrix-authentication-service.serviceConfig = {
    User = "matrix-authentication-service";
    Group = "matrix-authentication-service";
    DynamicUser = lib.mkForce false;
  };

  users.users.matrix-authentication-service = {
    isSystemUser = true;
    group = "matrix-authentication-service";
  };
  users.groups.matrix-authentication-service = { };
}
