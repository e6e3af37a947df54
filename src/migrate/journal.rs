//! The journal of a migration, an append-only file with one JSON object per line. Each line is on the
//! disk before the change that it announces is made.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::SystemTime,
};

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use super::MigrateError;
use crate::util::atomic_write;

/// What later runs need and cannot determine from the host itself.
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent of each other"
)]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct State {
    /// The units that ran before the migration stopped them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stopped: Vec<String>,
    /// Whether Synapse was stopped with a shell command and not started again.
    #[serde(skip_serializing_if = "is_false")]
    pub stopped_with_command: bool,
    /// The directory of the backups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup: Option<PathBuf>,
    /// Whether this program has granted Synapse's role to MAS's and not revoked it yet.
    #[serde(skip_serializing_if = "is_false")]
    pub granted: bool,
    /// Whether an import has started, so that a rollback must restore MAS's database.
    #[serde(skip_serializing_if = "is_false")]
    pub imported: bool,
    /// UTC timestamp of the cutover, RFC 3339 with milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut_over: Option<String>,
    /// Whether the migration is complete.
    #[serde(skip_serializing_if = "is_false")]
    pub finished: bool,
    /// Whether a rollback after the cutover has started and is not complete.
    #[serde(skip_serializing_if = "is_false")]
    pub rolling_back: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_false(value: &bool) -> bool {
    !value
}

impl State {
    /// Whether there is nothing to complete or to revert.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        *self == State::default()
    }
}

/// What a line says about its step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepStatus {
    /// The step starts.
    Begun,
    /// The step is done.
    Done,
    /// The step failed.
    Failed,
    /// The line has a new [`State`].
    Noted,
}

/// A line of the journal.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// UTC timestamp, RFC 3339 with milliseconds.
    pub at: String,
    /// A ULID that all lines of the same run of `syn2mas` share.
    pub run: String,
    /// The name of the step, for example `back-up`.
    pub step: String,
    /// What the line says about the step.
    pub phase: StepStatus,
    /// The summary of a step that is done, or the error of one that failed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub said: String,
    /// The complete state from this line on, if it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<State>,
}

/// The journal, opened for writing. It is locked, so only one command at a time can open it.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Flock<fs::File>,
    run: String,
    /// The current state, as in the last line that has one.
    pub memory: State,
}

/// Whether another process holds the lock of the journal in this directory.
///
/// # Errors
///
/// If the journal exists and cannot be opened.
pub fn is_in_use(directory: &Path) -> Result<bool, MigrateError> {
    let path = directory.join("journal");
    let file = match fs::File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(MigrateError::io("read", &path)(error)),
    };
    Ok(Flock::lock(file, FlockArg::LockExclusiveNonblock).is_err())
}

impl Journal {
    /// Opens and locks the journal in a directory. Creates both if they do not exist.
    ///
    /// # Errors
    ///
    /// If the journal cannot be read or written, or another process holds its lock.
    pub fn open(directory: &Path) -> Result<Self, MigrateError> {
        let path = directory.join("journal");
        let failed = &MigrateError::io("open", &path);
        // Synapse and the proxy read the cutover files in this directory, so others may traverse it.
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o711);
        if !directory.is_dir() {
            builder.create(directory).map_err(failed)?;
            // Independent of the umask.
            let mode = fs::Permissions::from_mode(0o711);
            fs::set_permissions(directory, mode).map_err(failed)?;
        }
        let mut options = fs::OpenOptions::new();
        options.append(true).create(true).mode(0o600);
        let file = options.open(&path).map_err(failed)?;
        let file = Flock::lock(file, FlockArg::LockExclusiveNonblock)
            .map_err(|_| MigrateError::Locked(path.clone()))?;
        atomic_write::sync_directory(&path).map_err(failed)?;
        let lines = read(directory)?;
        let memory = remembered(&lines);
        // If a loss of power has cut the last line off, end it, so that the next one is intact.
        let torn = fs::read(&path).map_err(failed)?;
        let mut journal = Journal {
            run: ulid::Ulid::new().to_string(),
            memory,
            path: path.clone(),
            file,
        };
        if torn.last().is_some_and(|last| *last != b'\n') {
            journal.append(b"\n")?;
        }
        Ok(journal)
    }

    /// Appends a line about a step and syncs it to the disk.
    ///
    /// # Errors
    ///
    /// If the line cannot be written.
    pub fn add(&mut self, step: &str, phase: StepStatus, said: &str) -> Result<(), MigrateError> {
        self.line(step, phase, said, None)
    }

    /// Changes the state, and appends a line with the new one if it differs. Call this before making the
    /// change on the host.
    ///
    /// # Errors
    ///
    /// If the line cannot be written. Then the state is unchanged, and the host must not be changed either.
    pub fn remember(
        &mut self,
        step: &str,
        change: impl FnOnce(&mut State),
    ) -> Result<(), MigrateError> {
        let mut memory = self.memory.clone();
        change(&mut memory);
        if memory == self.memory {
            return Ok(());
        }
        self.line(step, StepStatus::Noted, "", Some(memory.clone()))?;
        self.memory = memory;
        Ok(())
    }

    fn line(
        &mut self,
        step: &str,
        phase: StepStatus,
        said: &str,
        memory: Option<State>,
    ) -> Result<(), MigrateError> {
        let line = Line {
            at: now(),
            run: self.run.clone(),
            step: step.to_owned(),
            phase,
            said: said.to_owned(),
            memory,
        };
        let mut text = serde_json::to_string(&line).map_err(MigrateError::json(&self.path))?;
        text.push('\n');
        self.append(text.as_bytes())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), MigrateError> {
        let written = self
            .file
            .write_all(bytes)
            .and_then(|()| self.file.sync_data());
        written.map_err(MigrateError::io("write", &self.path))
    }
}

/// Reads the journal in a directory, without locking it. Empty if there is none.
///
/// # Errors
///
/// If the journal exists and cannot be read.
pub fn read(directory: &Path) -> Result<Vec<Line>, MigrateError> {
    let path = directory.join("journal");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(MigrateError::io("read", &path)(error)),
    };
    // Skip lines that a loss of power has cut off: what they announce was never started.
    let lines = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    Ok(lines.collect())
}

/// The state after these lines: that of the last line that has one, or the default.
#[must_use]
pub fn remembered(lines: &[Line]) -> State {
    let last = lines.iter().rev().find_map(|line| line.memory.clone());
    last.unwrap_or_default()
}

/// The current time in UTC, RFC 3339 with milliseconds.
#[must_use]
pub fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_remembered_outlasts_a_torn_line() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(directory.path()).unwrap();
        assert!(Journal::open(directory.path()).is_err());
        journal.add("grant", StepStatus::Begun, "").unwrap();
        journal
            .remember("grant", |memory| memory.granted = true)
            .unwrap();
        drop(journal);
        let path = directory.path().join("journal");
        let mut text = fs::read_to_string(&path).unwrap();
        text.push_str("{\"at\":\"2026");
        fs::write(&path, text).unwrap();

        let mut journal = Journal::open(directory.path()).unwrap();
        assert!(journal.memory.granted);
        journal
            .remember("revoke", |memory| memory.granted = false)
            .unwrap();
        drop(journal);
        let lines = read(directory.path()).unwrap();
        assert_eq!(lines.len(), 3);
        assert!(remembered(&lines).is_clear());
    }
}
