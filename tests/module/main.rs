//! The NixOS module: what Nix makes of it, beside NixOS's own options and nixpkgs' module, and what `mas2nix
//! render` writes in its place.

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
    compatibility,
    configurations,
    diagnostics,
    evaluation,
    nixos_options,
    render,
    twins,
];
