# The module, evaluated with nixpkgs' `lib` alone: the options of NixOS are those in
# ../../e2e/nixos_options, and packages are where a shell finds their programs.
{
  modules,
  module ? ../../../modules,
  version ? "1.22.0",
  masCli ? "/nix/store/00000000000000000000000000000000-matrix-authentication-service",
  tools ? "/usr/local",
  # Further packages that the modules use.
  packages ? { },
}:
let
  lib = import <nixpkgs/lib>;
in
lib.evalModules {
  modules = [
    module
    ../../e2e/nixos_options
    {
      _module.args.pkgs =
        import ../../e2e/nixos_options/pkgs.nix {
          inherit tools;
          mas = masCli;
          masVersion = version;
        }
        // packages;
      services.matrix-authentication-service.enable = lib.mkDefault true;
    }
  ]
  ++ modules;
}
