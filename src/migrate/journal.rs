//! What a migration did and must not forget: a file of lines that are only ever added, each on the
//! disk before what it speaks of is done.

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

/// What later runs have to know, and cannot see by looking at the world.
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent of each other"
)]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct State {
    /// The units that ran before they were stopped.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stopped: Vec<String>,
    /// Whether Synapse was stopped with a command.
    #[serde(skip_serializing_if = "is_false")]
    pub stopped_with_command: bool,
    /// The directory with the backups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup: Option<PathBuf>,
    /// Whether MAS's role was lent Synapse's by us.
    #[serde(skip_serializing_if = "is_false")]
    pub granted: bool,
    /// Whether what is in MAS's database comes from the import alone.
    #[serde(skip_serializing_if = "is_false")]
    pub imported: bool,
    /// When Synapse was made to let MAS authenticate its users.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut_over: Option<String>,
    /// Whether the migration came to its end.
    #[serde(skip_serializing_if = "is_false")]
    pub finished: bool,
    /// Whether going back has been decided.
    #[serde(skip_serializing_if = "is_false")]
    pub rolling_back: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_false(value: &bool) -> bool {
    !value
}

impl State {
    /// Whether there is something to finish or to take back.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        *self == State::default()
    }
}

/// What happened to a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepStatus {
    /// It begins.
    Begun,
    /// It is done.
    Done,
    /// It failed.
    Failed,
    /// It is a fact that has to be remembered.
    Noted,
}

/// A line of the journal.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// When, in UTC (RFC 3339).
    pub at: String,
    /// The command that did it, as a number that all its lines share.
    pub run: String,
    /// The step.
    pub step: String,
    /// What happened to it.
    pub phase: StepStatus,
    /// What there is to say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub said: String,
    /// What has to be remembered from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<State>,
}

/// The journal, which only one command at a time writes.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Flock<fs::File>,
    run: String,
    /// What has to be remembered.
    pub memory: State,
}

/// Whether a command is writing the journal in this directory.
///
/// # Errors
///
/// If there is a journal that cannot be opened.
pub fn is_in_use(directory: &Path) -> Result<bool, MigrateError> {
    let path = directory.join("journal");
    let file = match fs::File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(MigrateError::file(&path, error.to_string())),
    };
    Ok(Flock::lock(file, FlockArg::LockExclusiveNonblock).is_err())
}

impl Journal {
    /// Opens the journal in a directory, which is made.
    ///
    /// # Errors
    ///
    /// If it cannot be read or written, or another command is at it.
    pub fn open(directory: &Path) -> Result<Self, MigrateError> {
        let path = directory.join("journal");
        let failed = |error: io::Error| MigrateError::file(&path, error.to_string());
        // What is switched lies here too, and Synapse and the proxy read that.
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o711);
        if !directory.is_dir() {
            builder.create(directory).map_err(failed)?;
            // Whatever the umask says.
            let mode = fs::Permissions::from_mode(0o711);
            fs::set_permissions(directory, mode).map_err(failed)?;
        }
        let mut options = fs::OpenOptions::new();
        options.append(true).create(true).mode(0o600);
        let file = options.open(&path).map_err(failed)?;
        let file = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| {
            MigrateError::Missing(format!(
                "{}: another syn2mas is at work. Wait until it is done",
                path.display()
            ))
        })?;
        atomic_write::sync_directory(&path).map_err(failed)?;
        let lines = read(directory)?;
        let memory = remembered(&lines);
        // A line that was cut off when power was lost stays alone.
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

    /// Adds a line, with everything that has to be remembered if that changes.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn add(&mut self, step: &str, phase: StepStatus, said: &str) -> Result<(), MigrateError> {
        self.line(step, phase, said, None)
    }

    /// Adds a line about something that has to be remembered from now on.
    ///
    /// # Errors
    ///
    /// If it cannot be written; then nothing is remembered, and nothing may be done.
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
        let mut text = serde_json::to_string(&line)
            .map_err(|error| MigrateError::file(&self.path, error.to_string()))?;
        text.push('\n');
        self.append(text.as_bytes())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), MigrateError> {
        let written = self
            .file
            .write_all(bytes)
            .and_then(|()| self.file.sync_data());
        written.map_err(|error| MigrateError::file(&self.path, error.to_string()))
    }
}

/// The lines of the journal in a directory; none if there is no journal.
///
/// # Errors
///
/// If it cannot be read.
pub fn read(directory: &Path) -> Result<Vec<Line>, MigrateError> {
    let path = directory.join("journal");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(MigrateError::file(&path, error.to_string())),
    };
    // A line that power loss cut off said what had not been begun.
    let lines = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    Ok(lines.collect())
}

/// What has to be remembered after these lines.
#[must_use]
pub fn remembered(lines: &[Line]) -> State {
    let last = lines.iter().rev().find_map(|line| line.memory.clone());
    last.unwrap_or_default()
}

/// Now, as in the journal.
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
