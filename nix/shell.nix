{
  lib,
  mkShell,
  stdenv,
  cargo,
  cargo-nextest,
  clippy,
  curl,
  debootstrap,
  iproute2,
  matrix-authentication-service,
  nix,
  nixfmt-tree,
  openssl,
  pgbouncer,
  postgresql,
  python3,
  rustc,
  rustfmt,
  util-linux,
  # The path of nixpkgs, as a string: a path value would be copied to the store.
  nixpkgsPath,
}:
mkShell {
  packages = [
    cargo
    cargo-nextest
    clippy
    curl
    matrix-authentication-service
    nix
    nixfmt-tree
    openssl
    pgbouncer
    postgresql
    python3
    rustc
    rustfmt
  ]
  # Those of the containers; systemd is the host's.
  ++ lib.optionals stdenv.hostPlatform.isLinux [
    debootstrap
    iproute2
    util-linux
  ];
  # The tests evaluate the module with <nixpkgs/lib>.
  NIX_PATH = "nixpkgs=${nixpkgsPath}";
}
