//! The NixOS module, as evaluated by Nix, compared with NixOS's own options, nixpkgs' module and
//! the output of `mas2nix render`.

mod clients;
mod compatibility;
mod configurations;
mod diagnostics;
mod evaluation;
mod nixos_options;
mod render;
#[path = "../support/mod.rs"]
mod support;
mod twins;

support::harness::main![
    clients,
    compatibility,
    configurations,
    diagnostics,
    evaluation,
    nixos_options,
    render,
    twins,
];
