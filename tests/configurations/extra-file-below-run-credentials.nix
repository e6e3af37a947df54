# Seen at xanderio/dotfiles, hosts/carrot/matrix-authentication-services.nix, commit caa5794, and planned so
# in darkone-linux/darkone-nixos-framework, .specs/matrix-authentication-service.md.
# The host loads a sops template as a credential, and `extraConfigFiles` names it below the unit's own
# /run/credentials directory. Unusual: the extra file is a credential already; it has `matrix`, `clients`,
# `secrets` and the provider. (Written for the author's own module with the same options.)
{
  services.postgresql = {
    enable = true;
    ensureUsers = [
      {
        name = "matrix-authentication-service";
        ensureDBOwnership = true;
      }
    ];
    ensureDatabases = [ "matrix-authentication-service" ];
  };

  systemd.services.matrix-authentication-service.serviceConfig.LoadCredential = [
    "mas-secrets.yaml:/run/secrets/rendered/mas-secrets"
    "key_ec:/run/secrets/mas/key_ec"
    "key_rsa:/run/secrets/mas/key_rsa"
  ];

  services.matrix-authentication-service = {
    enable = true;
    extraConfigFiles = [
      "/run/credentials/matrix-authentication-service.service/mas-secrets.yaml"
    ];
    settings = {
      http = {
        public_base = "https://auth.example.com";
        listeners = [
          {
            name = "web";
            resources = [
              { name = "discovery"; }
              { name = "human"; }
              { name = "oauth"; }
              { name = "compat"; }
            ];
            binds = [
              { address = "[::]:8085"; }
            ];
          }
        ];
      };
      database = {
        uri = "postgres:///matrix-authentication-service";
      };
      passwords.enabled = false;
    };
  };
}
