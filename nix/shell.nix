{
  mkShell,
  cargo,
  cargo-nextest,
  clippy,
  matrix-authentication-service,
  nix,
  nixfmt-tree,
  path,
  rustc,
  rustfmt,
}:
mkShell {
  packages = [
    cargo
    cargo-nextest
    clippy
    matrix-authentication-service
    nix
    nixfmt-tree
    rustc
    rustfmt
  ];
  # The tests evaluate the module with <nixpkgs/lib>.
  NIX_PATH = "nixpkgs=${path}";
}
