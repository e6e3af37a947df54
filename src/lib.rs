//! mas2nix: Matrix Authentication Service in front of Synapse on NixOS.
//!
//! Data flows one way: [`schema`] and [`rules`] say what can be configured, [`check`] and
//! [`diff`] hold configurations and upstream's schema against them.

pub mod check;
pub mod compile;
pub mod defaults;
pub mod delegation;
pub mod diff;
pub mod disk;
pub mod expr;
pub mod files;
pub mod load;
pub mod logging;
pub mod manifest;
pub mod migrate;
pub mod render;
pub mod routes;
pub mod rules;
pub mod schema;
pub mod service;
pub mod switch;
pub mod tree;
pub mod units;
pub mod yaml;
