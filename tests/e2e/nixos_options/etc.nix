# nixpkgs nixos/modules/system/etc/etc.nix
{ lib, pkgs, ... }:
let
  inherit (lib) mkOption types;
in
{
  options.environment.etc = mkOption {
    default = { };
    type = types.attrsOf (
      types.submodule (
        {
          config,
          name,
          options,
          ...
        }:
        {
          options = {
            enable = mkOption {
              type = types.bool;
              default = true;
            };
            target = mkOption { type = types.str; };
            text = mkOption {
              type = types.nullOr types.lines;
              default = null;
            };
            source = mkOption { type = types.path; };
            mode = mkOption {
              type = types.str;
              default = "symlink";
            };
            uid = mkOption {
              type = types.int;
              default = 0;
            };
            gid = mkOption {
              type = types.int;
              default = 0;
            };
            user = mkOption {
              type = types.str;
              default = "+${toString config.uid}";
            };
            group = mkOption {
              type = types.str;
              default = "+${toString config.gid}";
            };
          };
          config = {
            target = lib.mkDefault name;
            # With the priority of the text: whoever gives both contradicts himself.
            source = lib.mkIf (config.text != null) (
              lib.mkDerivedConfig options.text (pkgs.writeText "etc-${lib.replaceStrings [ "/" ] [ "-" ] name}")
            );
          };
        }
      )
    );
  };
}
