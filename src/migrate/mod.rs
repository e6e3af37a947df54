//! Moving an existing homeserver to MAS: everything around the import that `mas-cli syn2mas` does.

pub mod database;
pub mod findings;
pub mod inputs;
pub mod inspect;
pub mod mapping;
pub mod rows;
pub mod server;
pub mod synapse;
pub mod verify;

use std::path::PathBuf;

/// Why something about a migration cannot be told or done.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A file is not what it should be.
    #[error("{file}: {reason}")]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// Something that is needed is not given.
    #[error("{0}")]
    Missing(String),
    /// A database cannot be reached, or does not answer.
    #[error("{which}: {doing}: {source}")]
    Database {
        /// Synapse's or MAS's.
        which: &'static str,
        /// What failed.
        doing: String,
        /// Why.
        source: sqlx::Error,
    },
}
