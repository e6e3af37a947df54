//! PostgreSQL's own programs.

use std::path::PathBuf;

/// Where `pg_dump`, `pg_restore` and `psql` are: in a directory, or on PATH.
#[derive(Clone, Debug, Default)]
pub struct Programs(pub Option<PathBuf>);

impl Programs {
    /// The path of one of them.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        match &self.0 {
            Some(directory) => directory.join(name),
            None => name.into(),
        }
    }
}
