//! The error type of migrations.

use std::path::{Path, PathBuf};

/// An error of a migration.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A file cannot be read or written, or its content is wrong.
    #[error("{file}: {reason}")]
    File {
        /// Its path.
        file: PathBuf,
        /// What is wrong, and where useful what to do about it.
        reason: String,
    },
    /// SIGINT, as from Ctrl-C, or SIGTERM, as from systemd.
    #[error("interrupted")]
    Interrupted,
    /// Any other error, often a missing input. The text is the whole message.
    #[error("{0}")]
    Missing(String),
    /// A database cannot be reached, or a query failed.
    #[error("{which}: {doing}: {source}")]
    Database {
        /// The database, for example `Synapse's database`.
        which: &'static str,
        /// What was being done, for example `cannot connect`.
        doing: String,
        /// The error of `SQLx`.
        source: sqlx::Error,
    },
    /// A database is behind a connection pooler.
    #[error(
        "{which}: PgBouncer or another pooler is in between ({said}), and the import needs PostgreSQL \
         itself. Name the server with `--synapse-database-uri` and `--mas-database-uri`"
    )]
    Pooled {
        /// The database, for example `Synapse's database`.
        which: &'static str,
        /// The sign of a pooler, for example its error text.
        said: String,
    },
    /// A program cannot be run, or failed.
    #[error("{program}: {reason}")]
    Program {
        /// The program and its arguments.
        program: String,
        /// The exit status and the end of its output, or why it cannot be run.
        reason: String,
    },
}

impl MigrateError {
    /// Constructs [`MigrateError::File`].
    #[must_use]
    pub fn file(file: &Path, reason: String) -> Self {
        MigrateError::File {
            file: file.to_owned(),
            reason,
        }
    }
}
