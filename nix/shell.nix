{
  lib,
  mkShell,
  stdenv,
  cargo,
  cargo-deny,
  cargo-nextest,
  chromium,
  clippy,
  curl,
  debootstrap,
  iproute2,
  matrix-authentication-service,
  mdbook,
  mypy,
  nginx,
  nix,
  nixfmt-tree,
  openssl,
  pgbouncer,
  postgresql,
  python3,
  ruff,
  rumdl,
  rustc,
  rustfmt,
  shellcheck,
  shfmt,
  util-linux,
  # The path of nixpkgs, as a string: a path value would be copied to the store.
  nixpkgsPath,
}:
mkShell {
  packages = [
    cargo
    cargo-deny
    cargo-nextest
    clippy
    curl
    matrix-authentication-service
    mdbook
    mypy
    nginx
    nix
    nixfmt-tree
    openssl
    pgbouncer
    postgresql
    python3
    ruff
    rumdl
    rustc
    rustfmt
    shellcheck
    shfmt
  ]
  # Those of the containers; systemd is the host's.
  ++ lib.optionals stdenv.hostPlatform.isLinux [
    chromium
    debootstrap
    iproute2
    util-linux
  ];
  # The tests evaluate the module with <nixpkgs/lib>.
  NIX_PATH = "nixpkgs=${nixpkgsPath}";
}
