# Seen at kolyma-labs/instances, hosts/kolyma-6/services/matrix/auth.nix (and later copies of it).
# A sops template, an extra file, brings email with its password, `clients`, the whole `matrix` section and
# `secrets` with the keys in it. Unusual: `http.listener` instead of `http.listeners`, so the listeners that
# are written out never count; the owner of the template is read back from the unit's User, for which the
# tmpfiles rule here stands. (Written for pull request 387274's module.)
{ config, ... }:
let
  owner = config.systemd.services.matrix-authentication-service.serviceConfig.User;
in
{
  systemd.tmpfiles.rules = [ "z /run/secrets/rendered/extra-mas-conf.yaml 0400 ${owner} - -" ];

  services.matrix-authentication-service = {
    enable = true;
    createDatabase = true;
    extraConfigFiles = [
      "/run/secrets/rendered/extra-mas-conf.yaml"
    ];

    settings = {
      http = {
        public_base = "https://auth.example.com";
        issuer = "https://auth.example.com";
        listener = [
          {
            name = "web";
            resources = [
              { name = "discovery"; }
              { name = "human"; }
              {
                name = "assets";
                path = "${config.services.matrix-authentication-service.package}/share/matrix-authentication-service/assets";
              }
            ];
            binds = [
              {
                host = "0.0.0.0";
                port = 8090;
              }
            ];
            proxy_protocol = false;
          }
        ];
      };

      account = {
        email_change_allowed = true;
        displayname_change_allowed = true;
        password_registration_enabled = true;
        password_change_allowed = true;
        password_recovery_enabled = true;
      };

      passwords = {
        enabled = true;
        minimum_complexity = 3;
        schemes = [
          {
            version = 1;
            algorithm = "argon2id";
          }
          {
            version = 2;
            algorithm = "bcrypt";
          }
        ];
      };
    };
  };
}
