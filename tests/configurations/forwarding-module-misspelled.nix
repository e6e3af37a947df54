# Seen at efael/infra, nixos/auth.nix (a module for others to import).
# Secrets are in extra files only, which an option of the author's own hands through (its element type was
# `types.inferred`, which nixpkgs' lib does not have). Unusual: everything is behind `mkIf`, ports and
# domains come from options, and `http.listener` is misspelled, so that MAS listens where defaults say.
{ config, lib, ... }:
let
  cfg = config.services.example-server;
in
{
  options.services.example-server = {
    auth.enable = lib.mkEnableOption "MAS";
    auth.webPort = lib.mkOption {
      type = lib.types.int;
      default = 8080;
    };
    auth.extraConfigFiles = lib.mkOption {
      type = lib.types.listOf lib.types.anything;
    };
    domain = lib.mkOption {
      type = lib.types.str;
    };
  };

  config = lib.mkMerge [
    {
      services.example-server = {
        auth.enable = true;
        auth.extraConfigFiles = [ "/run/secrets/rendered/mas.yaml" ];
        domain = "example.com";
      };
    }
    (lib.mkIf cfg.auth.enable {
      services.matrix-authentication-service = {
        enable = true;
        createDatabase = true;
        extraConfigFiles = cfg.auth.extraConfigFiles;

        settings = {
          http = {
            public_base = "https://auth.${cfg.domain}";
            issuer = "https://auth.${cfg.domain}";
            listener = [
              {
                name = "web";
                resources = [ { name = "human"; } ];
                binds = [
                  {
                    host = "0.0.0.0";
                    port = cfg.auth.webPort;
                  }
                ];
                proxy_protocol = false;
              }
            ];
          };
          account.password_registration_enabled = true;
        };
      };
    })
  ];
}
