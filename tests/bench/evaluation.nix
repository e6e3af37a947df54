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

  modules = rec {
    freeform = {
      options.services.matrix-authentication-service = {
        enable = lib.mkEnableOption "MAS";
        settings = lib.mkOption {
          default = { };
          type = lib.types.submodule { freeformType = yaml; };
        };
      };
    };
    settings = {
      imports = [ ../../modules ];
      config._module.args.pkgs.matrix-authentication-service = {
        type = "derivation";
        name = "matrix-authentication-service";
        version = "1.22.0";
        outPath = "/nix/store/00000000000000000000000000000000-matrix-authentication-service";
      };
      options.assertions = lib.mkOption { type = lib.types.listOf lib.types.raw; };
      options.systemd = lib.mkOption { type = lib.types.lazyAttrsOf lib.types.raw; };
      options.services.postgresql = lib.mkOption { type = lib.types.lazyAttrsOf lib.types.raw; };
    };
    rendered = settings;
  };

  inherit
    (lib.evalModules {
      modules = [
        modules.${declaration}
        {
          services.matrix-authentication-service = {
            enable = true;
            settings = user;
          };
        }
      ];
    })
    config
    ;
in
assert builtins.all (problem: throw problem.message) (config.assertions or [ ]);
config.services.matrix-authentication-service.${
  if declaration == "rendered" then "finalSettings" else "settings"
}
