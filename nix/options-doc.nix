# The module's options in CommonMark, as nixpkgs documents its own. Neither NixOS nor a configuration is
# evaluated: the declarations alone are enough, so what the module sets elsewhere is not looked at.
{
  lib,
  nixosOptionsDoc,
  pkgs,
}:
let
  inherit
    (lib.evalModules {
      modules = [
        ../modules
        {
          _module.check = false;
          _module.args.pkgs = pkgs;
        }
      ];
    })
    options
    ;
in
(nixosOptionsDoc {
  options = removeAttrs options [ "_module" ];
  # They would be paths in the Nix store.
  transformOptions = option: option // { declarations = [ ]; };
}).optionsCommonMark
