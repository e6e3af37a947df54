{
  lib,
  rustPlatform,
  # What the flake checks, for `passthru.tests`.
  flakeChecks ? { },
}:
rustPlatform.buildRustPackage {
  pname = "mas2nix";
  inherit ((lib.importTOML ../Cargo.toml).package) version;

  src = (import ./source.nix { inherit lib; }).build;
  cargoLock.lockFile = ../Cargo.lock;
  postPatch = "cp ${import ./manifest.nix { inherit lib; }} Cargo.toml";

  # ./checks.nix runs them, with the programs they need.
  doCheck = false;

  # Man pages and completions. A cross-compiled program does not run here.
  postInstall = ''
    if "$out/bin/mas2nix" --version; then
      for program in mas2nix syn2mas mas-service; do
        "$out/bin/$program" package-files --out "$out/share"
      done
    fi
  '';

  passthru.tests = flakeChecks;

  # No homepage and no changelog: the project has no address yet.
  meta = {
    description = "Typed and checked configuration for Matrix Authentication Service, and migration to it";
    license = [
      lib.licenses.mit
      lib.licenses.asl20
    ];
    maintainers = [ ];
    mainProgram = "mas2nix";
    platforms = lib.platforms.linux ++ lib.platforms.darwin;
  };
}
