# Seen at hatch01/flake, apps/matrix/mas.nix, commits 1af3ec6 to ab633ff.
# An EnvironmentFile brings the secrets as variables; `preStart` puts them into a YAML template with
# envsubst and writes the result into the state directory, where `extraConfigFiles` names it. Unusual: the
# unit's user is forced to one called mas, the whole provider is in the extra file, and the path of the
# extra file does not exist before the unit's own start.
{ lib, pkgs, ... }:
let
  dataDir = "/var/lib/matrix-authentication-service";
  settingsFile = "${dataDir}/secrets.yaml";
  template = pkgs.writeText "secrets.yaml" (
    lib.generators.toYAML { } {
      secrets = {
        encryption = "$encryption";
        keys = [
          {
            kid = "kid1";
            key = "$kid1";
          }
        ];
      };
      upstream_oauth2.providers = [
        {
          id = "01HFVBY12TMNTYTBV8W921M5FA";
          client_secret = "$client_secret";
          issuer = "https://login.example.com";
          client_id = "mas";
          token_endpoint_auth_method = "client_secret_basic";
          scope = "openid profile email";
        }
      ];
    }
  );
in
{
  users = {
    groups.mas = { };
    users.mas = {
      isSystemUser = true;
      group = "mas";
      home = dataDir;
      createHome = true;
    };
  };

  services.matrix-authentication-service = {
    enable = true;
    extraConfigFiles = [ settingsFile ];
    settings = {
      http.public_base = "https://auth.example.com/";
      database.uri = "postgresql://mas@localhost/mas?host=/run/postgresql";
      passwords.enabled = false;
      matrix = {
        homeserver = "example.com";
        endpoint = "http://[::1]:8008/";
        secret_file = "/run/agenix/mas_shared";
      };
    };
  };

  systemd.services.matrix-authentication-service = {
    serviceConfig.EnvironmentFile = "/run/agenix/mas_environment";
    serviceConfig.User = lib.mkForce "mas";
    preStart = ''
      ${pkgs.coreutils}/bin/mkdir -p ${dataDir}
      ${pkgs.envsubst}/bin/envsubst -i ${template} -o ${settingsFile}
      ${pkgs.coreutils}/bin/chmod 600 ${settingsFile}
    '';
  };
}
