# Seen at hatch01/flake, apps/matrix/mas.nix, commit 2733875 (on the pull request that became the module).
# The shared secret is an agenix file that Synapse's group may read; the unit gets that group by
# SupplementaryGroups, given as a string. The rest comes by EnvironmentFile and `preStart` into the state
# directory. Unusual: a file outside the unit's directories is read in place by a dynamic user.
{ pkgs, ... }:
let
  settingsFile = "/var/lib/matrix-authentication-service/secrets.yaml";
in
{
  services.matrix-synapse.enable = true;

  services.matrix-authentication-service = {
    enable = true;
    extraConfigFiles = [ settingsFile ];
    settings = {
      http.public_base = "https://auth.example.com/";
      database.uri = "postgresql://matrix-authentication-service@localhost/mas?host=/run/postgresql";
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
    serviceConfig.SupplementaryGroups = "matrix-synapse";
    preStart = ''
      ${pkgs.envsubst}/bin/envsubst -o ${settingsFile} -i ${pkgs.writeText "secrets.yaml" "secrets: { encryption: $encryption }"}
    '';
  };
}
