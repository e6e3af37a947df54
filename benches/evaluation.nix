# What NixOS evaluates of `settings`, for one way to declare them: `freeform` as nixpkgs would with no
# typed option at all, `settings` and `rendered` with our module, every rule checked. `rendered` is
# what goes into the configuration file, with credentials for paths.
{ declaration, settings }:
let
  lib = import <nixpkgs/lib>;
  user = builtins.fromJSON (builtins.readFile settings);

  # What `pkgs.formats.json { }` and `pkgs.formats.yaml { }` have as their type.
  yaml =
    let
      type = lib.types.nullOr (
        lib.types.oneOf [
          lib.types.bool
          lib.types.int
          lib.types.float
          lib.types.str
          lib.types.path
          (lib.types.attrsOf type)
          (lib.types.listOf type)
        ]
      );
    in
    type;

  service = {
    services.matrix-authentication-service = {
      enable = true;
      settings = user;
    };
  };

  inherit
    (
      if declaration == "freeform" then
        lib.evalModules {
          modules = [
            {
              options.services.matrix-authentication-service = {
                enable = lib.mkEnableOption "MAS";
                settings = lib.mkOption {
                  default = { };
                  type = lib.types.submodule { freeformType = yaml; };
                };
              };
            }
            service
          ];
        }
      else
        import ../tests/support/nix/module.nix { modules = [ service ]; }
    )
    config
    ;
in
assert builtins.all (problem: throw problem.message) (config.assertions or [ ]);
config.services.matrix-authentication-service.${
  if declaration == "rendered" then "finalSettings" else "settings"
}
