# Three sets of files: `build` for building the tools, `test` for testing them, and `docs` for the book. A change
# of documentation or tests must not rebuild the tools, because that would restart MAS on every host.
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
    ../CHANGELOG.md
    ../CONTRIBUTING.md
    ../Cargo.lock
    ../Cargo.toml
    ../LICENSE-APACHE
    ../LICENSE-MIT
    ../README.md
    ../SECURITY.md
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
  docs = toSource [ ../docs ];
}
