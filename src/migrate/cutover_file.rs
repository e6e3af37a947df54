//! Files that are empty before the cutover and full after it: what Synapse reads after its own
//! configuration, and what the reverse proxy includes.

use std::{fs, io, path::PathBuf, str::FromStr};

use serde::{Deserialize, Serialize};

use super::MigrateError;
use crate::util::atomic_write;

/// Such a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CutoverFile {
    /// The file that is empty or full.
    pub file: PathBuf,
    /// What it is filled with.
    pub source: PathBuf,
}

impl FromStr for CutoverFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((file, source)) if !file.is_empty() && !source.is_empty() => Ok(CutoverFile {
                file: file.into(),
                source: source.into(),
            }),
            _ => Err(
                "write FILE=SOURCE, the file that is switched and what it is filled with".into(),
            ),
        }
    }
}

impl CutoverFile {
    /// Whether there is something in the file. One that is not there is as good as empty.
    ///
    /// # Errors
    ///
    /// If it cannot be told.
    pub fn is_on(&self) -> Result<bool, MigrateError> {
        match fs::read(&self.file) {
            Ok(content) => Ok(!content.trim_ascii().is_empty()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(MigrateError::file(&self.file, error.to_string())),
        }
    }

    /// What it is filled with.
    ///
    /// # Errors
    ///
    /// If the source cannot be read, or is empty itself.
    pub fn content(&self) -> Result<String, MigrateError> {
        let content = fs::read_to_string(&self.source)
            .map_err(|error| MigrateError::file(&self.source, error.to_string()))?;
        if content.is_empty() {
            let reason = "it is empty, so the file that it is for would never be on";
            return Err(MigrateError::file(&self.source, reason.to_owned()));
        }
        Ok(content)
    }

    /// Fills the file.
    ///
    /// # Errors
    ///
    /// If the source cannot be read, or the file not be written.
    pub fn turn_on(&self) -> Result<(), MigrateError> {
        self.write(&self.content()?)
    }

    /// Empties the overlay, by whose size systemd tells whether MAS may start.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn empty(&self) -> Result<(), MigrateError> {
        self.write("")
    }

    /// Leaves an empty line in an include: Caddy 2.6 does not import a file without any.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn blank(&self) -> Result<(), MigrateError> {
        self.write("\n")
    }

    fn write(&self, content: &str) -> Result<(), MigrateError> {
        // Synapse and the proxy have users of their own, and nothing in it is secret.
        atomic_write::replace(&self.file, content, 0o644)
            .map_err(|error| MigrateError::file(&self.file, error.to_string()))
    }
}
