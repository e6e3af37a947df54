//! Files that are empty before the cutover and filled by it: the overlay of Synapse's configuration, and
//! the includes of the reverse proxy.

use std::{
    fs, io,
    path::{Path, PathBuf},
    str::FromStr,
};

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{MigrateError, synapse_config::yaml};
use crate::util::atomic_write;

/// The beginning of an overlay that a migration has filled. The name of the migration follows.
const OURS: &str = "# Written by syn2mas. Do not change this file. Migration: ";

/// What is in the overlay of Synapse's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Overlay {
    /// Nothing but white space, or no file.
    Empty,
    /// It says itself that this migration wrote it.
    Ours(String),
    /// Something else.
    Foreign,
}

/// A file that the cutover fills and a rollback empties.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CutoverFile {
    /// The path that Synapse or the proxy reads.
    pub file: PathBuf,
    /// The file with the content, copied at the cutover.
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
    /// Locks the directory of the file, so that only one command at a time switches it. None if there is
    /// no such directory yet.
    ///
    /// # Errors
    ///
    /// If another process holds the lock, or the directory cannot be opened.
    pub fn lock(&self) -> Result<Option<Flock<fs::File>>, MigrateError> {
        let directory = match self.file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let opened = match fs::File::open(directory) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(MigrateError::io("open", directory)(error)),
        };
        Flock::lock(opened, FlockArg::LockExclusiveNonblock)
            .map(Some)
            .map_err(|_| MigrateError::Locked(directory.to_owned()))
    }

    /// Whether the file has content other than white space. A file that does not exist counts as empty.
    ///
    /// # Errors
    ///
    /// If the file exists and cannot be read.
    pub fn is_on(&self) -> Result<bool, MigrateError> {
        match fs::read(&self.file) {
            Ok(content) => Ok(!content.trim_ascii().is_empty()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(MigrateError::io("read", &self.file)(error)),
        }
    }

    /// Reads the source.
    ///
    /// # Errors
    ///
    /// If the source cannot be read, or is empty.
    pub fn content(&self) -> Result<String, MigrateError> {
        let content =
            fs::read_to_string(&self.source).map_err(MigrateError::io("read", &self.source))?;
        if content.is_empty() {
            let reason = "empty, so there is nothing to fill the cutover file with";
            return Err(MigrateError::content(&self.source, reason));
        }
        Ok(content)
    }

    /// The settings in the source of the overlay, as Synapse reads them. They are null if there are none.
    ///
    /// # Errors
    ///
    /// If the source cannot be read, is empty, or is not YAML.
    pub fn settings(&self) -> Result<Value, MigrateError> {
        yaml::parse(&self.content()?).map_err(MigrateError::form(&self.source, "YAML"))
    }

    /// Writes the content of the source to an include.
    ///
    /// # Errors
    ///
    /// If the source cannot be read or is empty, or the file cannot be written.
    pub fn fill(&self) -> Result<(), MigrateError> {
        self.write(&self.content()?)
    }

    /// Writes the content of the source to the overlay, below a line that names the migration.
    ///
    /// # Errors
    ///
    /// If the source cannot be read or is empty, or the file cannot be written.
    pub fn fill_overlay(&self, migration: &str) -> Result<(), MigrateError> {
        self.write(&format!("{OURS}{migration}\n{}", self.content()?))
    }

    /// What is in the overlay.
    ///
    /// # Errors
    ///
    /// If the file exists and cannot be read.
    pub fn content_of_overlay(&self) -> Result<Overlay, MigrateError> {
        let content = match fs::read_to_string(&self.file) {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Overlay::Empty),
            Err(error) => return Err(MigrateError::io("read", &self.file)(error)),
        };
        let first = content.lines().next().unwrap_or_default();
        Ok(match first.strip_prefix(OURS) {
            _ if content.trim().is_empty() => Overlay::Empty,
            Some(migration) => Overlay::Ours(migration.trim().to_owned()),
            None => Overlay::Foreign,
        })
    }

    /// Truncates the overlay to zero bytes: MAS's units have `ConditionFileNotEmpty=` with this file. Does
    /// nothing if it is empty already, which may be because it cannot be written.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn empty(&self) -> Result<(), MigrateError> {
        match fs::metadata(&self.file) {
            Ok(found) if found.len() == 0 => Ok(()),
            _ => self.write(""),
        }
    }

    /// Fails unless the overlay can be filled. It must be empty.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn check_writable(&self) -> Result<(), MigrateError> {
        self.write("")
    }

    /// Empties an include except for a newline, because Caddy 2.6 does not import a file of zero bytes.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn blank(&self) -> Result<(), MigrateError> {
        self.write("\n")
    }

    fn write(&self, content: &str) -> Result<(), MigrateError> {
        // World-readable: Synapse and the proxy run as other users, and the content is not secret.
        atomic_write::replace(&self.file, content, 0o644)
            .map_err(MigrateError::io("write", &self.file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overlay_that_is_empty_need_not_be_writable() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("overlay.yaml");
        // Nothing can be written in place of the file.
        fs::create_dir(directory.path().join("overlay.yaml.new")).unwrap();
        let overlay = CutoverFile {
            source: directory.path().join("source"),
            file: file.clone(),
        };
        fs::write(&file, "").unwrap();
        overlay.empty().unwrap();
        assert!(overlay.check_writable().is_err());
        fs::write(&file, "full").unwrap();
        assert!(overlay.empty().is_err());
    }

    #[test]
    fn one_command_at_a_time_switches_an_overlay() {
        let directory = tempfile::tempdir().unwrap();
        let overlay = |name: &str| CutoverFile {
            source: directory.path().join("source"),
            file: directory.path().join(name),
        };
        let lock = overlay("overlay.yaml").lock().unwrap();
        assert!(lock.is_some() && overlay("overlay.yaml").lock().is_err());
        drop(lock);
        assert!(overlay("overlay.yaml").lock().is_ok());
        assert!(overlay("absent/overlay.yaml").lock().unwrap().is_none());
    }
}
