# nixpkgs nixos/modules/config/users-groups.nix
{ lib, ... }:
let
  inherit (lib) mkOption types;
in
{
  options.users = {
    users = mkOption {
      default = { };
      type = types.attrsOf (
        types.submodule {
          options = {
            createHome = mkOption {
              type = types.bool;
              default = false;
            };
            description = mkOption {
              type = types.passwdEntry types.str;
              default = "";
            };
            extraGroups = mkOption {
              type = types.listOf types.str;
              default = [ ];
            };
            group = mkOption {
              type = types.str;
              default = "";
            };
            home = mkOption {
              type = types.passwdEntry types.path;
              default = "/var/empty";
            };
            isNormalUser = mkOption {
              type = types.bool;
              default = false;
            };
            isSystemUser = mkOption {
              type = types.bool;
              default = false;
            };
            uid = mkOption {
              type = types.nullOr types.int;
              default = null;
            };
          };
        }
      );
    };
    groups = mkOption {
      default = { };
      type = types.attrsOf (
        types.submodule {
          options = {
            gid = mkOption {
              type = types.nullOr types.int;
              default = null;
            };
            members = mkOption {
              type = types.listOf (types.passwdEntry types.str);
              default = [ ];
            };
          };
        }
      );
    };
  };
}
