//! mas2nix: Matrix Authentication Service in front of Synapse on NixOS.
//!
//! Each folder uses only those below it:
//!
//! - [`migrate`] migrates a homeserver; [`codegen`] writes the artifacts
//! - [`service`] contains the commands of the units
//! - [`deploy`] describes a host: settings, units, routes, files
//! - [`mas_cli`] runs MAS's own program
//! - [`rules`] are conditions across options, and the check of a configuration
//! - [`config`] reads configurations and walks their options
//! - [`expr`] is the language of rules and conditions
//! - [`schema`] has the options of MAS and of the module as types
//! - [`util`] has helpers for all of them: files, YAML, logs

pub mod codegen;
pub mod config;
pub mod deploy;
pub mod expr;
pub mod mas_cli;
pub mod migrate;
pub mod rules;
pub mod schema;
pub mod service;
pub mod util;
