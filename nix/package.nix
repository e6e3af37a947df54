{ lib, rustPlatform }:
rustPlatform.buildRustPackage {
  pname = "mas2nix";
  inherit ((lib.importTOML ../Cargo.toml).package) version;

  src = (import ./source.nix { inherit lib; }).build;
  cargoLock.lockFile = ../Cargo.lock;
  postPatch = "cp ${import ./manifest.nix { inherit lib; }} Cargo.toml";

  # ./checks.nix runs them, with the programs they need.
  doCheck = false;

  meta = {
    description = "Compiles and checks the configuration of Matrix Authentication Service";
    mainProgram = "mas2nix";
  };
}
