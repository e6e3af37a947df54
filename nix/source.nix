# Two sets of files: `build` for building the tools, and `test` for testing them. A change of documentation
# or tests must not rebuild the tools, because that would restart MAS on every host.
{ lib }:
let
  toSource =
    files:
    lib.fileset.toSource {
      root = ../.;
      fileset = lib.fileset.unions files;
    };
in
{
  # Without Cargo.toml, which names the tests: see ./package.nix.
  build = toSource [
    ../Cargo.lock
    ../src
  ];
  test = toSource [
    ../.pre-commit-hooks.yaml
    ../Cargo.lock
    ../Cargo.toml
    ../benches
    ../clippy.toml
    ../docs
    ../flake.nix
    ../modules
    ../nix
    ../scripts
    ../src
    ../tests
  ];
}
