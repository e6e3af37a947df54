//! Migrates an existing homeserver to MAS: everything around the import that `mas-cli syn2mas` does.

pub mod args;
pub mod clean;
pub mod context;
pub mod control;
pub mod copy;
pub mod cutover;
pub mod cutover_file;
mod error;
pub mod health;
pub mod import;
pub mod journal;
pub mod output_file;
pub mod plan;
pub mod postgres;
pub mod preflight;
pub mod rehearse;
pub mod report;
pub mod status;
pub mod step;
pub mod step_failures;
pub mod synapse_config;
pub mod system;
pub mod translate;
pub mod verify;

pub use error::MigrateError;
