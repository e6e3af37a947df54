# Seen at uzinfocom-org/instances, modules/matrix-py/default.nix and hosts/internal/uchar/services.nix.
# One binary sops file, owned by the user matrix-authentication-service, is the extra file. Unusual: the
# whole service is `lib.mkIf (...) { ... }`, and inside `settings` `account` and `passwords` are chosen
# with if and else. (Written for a copy of pull request 387274's module.)
{ lib, ... }:
let
  auth = "oidc";
in
{
  services = {
    matrix-authentication-service = lib.mkIf (auth != "ldap") {
      enable = true;
      createDatabase = true;
      extraConfigFiles = [ "/run/secrets/matrix/authentication" ];

      settings = {
        account =
          if (auth == "oidc") then
            {
              email_change_allowed = false;
            }
          else
            {
              email_change_allowed = true;
              password_registration_enabled = true;
            };
        http = {
          public_base = "https://auth.example.com";
          issuer = "https://auth.example.com";
        };
        passwords =
          if (auth == "oidc") then
            {
              enabled = false;
            }
          else
            {
              enabled = true;
              minimum_complexity = 3;
              schemes = [
                {
                  version = 1;
                  algorithm = "argon2id";
                }
              ];
            };
      };
    };
  };
}
