# The files that the tool is built and tested from.
{ lib }:
lib.fileset.toSource {
  root = ../.;
  fileset = lib.fileset.unions [
    ../Cargo.lock
    ../Cargo.toml
    ../clippy.toml
    ../docs
    ../flake.nix
    ../modules
    ../nix
    ../src
    ../tests
  ];
}
