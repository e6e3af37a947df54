//! Why something about a migration failed.

use std::path::{Path, PathBuf};

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
    /// Somebody asked to stop: Ctrl-C, or systemd.
    #[error("interrupted")]
    Interrupted,
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
    /// A pooler is between us and a database.
    #[error(
        "{which}: PgBouncer or another pooler is in between ({said}), and the import needs PostgreSQL \
         itself. Name the server with `--synapse-database-uri` and `--mas-database-uri`"
    )]
    Pooled {
        /// Synapse's or MAS's.
        which: &'static str,
        /// How it shows.
        said: String,
    },
    /// A program cannot be run, or fails.
    #[error("{program}: {reason}")]
    Program {
        /// The program and its arguments.
        program: String,
        /// Why.
        reason: String,
    },
}

impl MigrateError {
    /// A file is not what it should be.
    #[must_use]
    pub fn file(file: &Path, reason: String) -> Self {
        MigrateError::File {
            file: file.to_owned(),
            reason,
        }
    }
}
