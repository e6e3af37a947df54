//! PostgreSQL's client programs.

use std::path::PathBuf;

/// The directory of `pg_dump`, `pg_restore` and `psql`. None means that they are on PATH.
#[derive(Clone, Debug, Default)]
pub struct Programs(pub Option<PathBuf>);

impl Programs {
    /// The path of a program, or only its name if it is on PATH.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        match &self.0 {
            Some(directory) => directory.join(name),
            None => name.into(),
        }
    }
}
