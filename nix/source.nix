# Two sets of files: `build` is what the tools are built from, `test` what they are tested from. A change
# to a document or a test must not rebuild the tools, which would restart MAS on every host.
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
