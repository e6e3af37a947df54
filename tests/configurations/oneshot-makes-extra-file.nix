# Seen at hatch01/flake, apps/matrix/mas.nix, commit 2a8e61c (after nixpkgs#537261).
# A oneshot unit with an EnvironmentFile writes the extra file into MAS's state directory before MAS
# starts; the shared secret is a credential. Unusual: the oneshot runs as root in the state directory of
# another unit, and MAS only wants it and comes after it.
{ pkgs, ... }:
let
  directory = "/var/lib/matrix-authentication-service";
  settingsFile = "${directory}/secrets.yaml";
in
{
  services.matrix-authentication-service = {
    enable = true;
    extraConfigFiles = [ settingsFile ];
    credentials."shared" = "/run/agenix/mas_shared";
    settings = {
      http.public_base = "https://auth.example.com/";
      database.uri = "postgresql://matrix-authentication-service@localhost/mas?host=/run/postgresql";
      matrix = {
        homeserver = "example.com";
        endpoint = "http://[::1]:8008/";
        secret_file = "/run/credentials/matrix-authentication-service.service/shared";
      };
    };
  };

  systemd.services.matrix-authentication-service-init = {
    serviceConfig = {
      Type = "oneshot";
      EnvironmentFile = "/run/agenix/mas_environment";
    };
    script = ''
      ${pkgs.coreutils}/bin/mkdir -p ${directory}
      ${pkgs.envsubst}/bin/envsubst -o ${settingsFile} -i ${pkgs.writeText "secrets.yaml" "secrets: { encryption: $encryption }"}
      ${pkgs.coreutils}/bin/chmod 600 ${settingsFile}
    '';
  };

  systemd.services.matrix-authentication-service = {
    wants = [ "matrix-authentication-service-init.service" ];
    after = [ "matrix-authentication-service-init.service" ];
  };
}
