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

use super::{MigrateError, step::Step};
use crate::{
    migrate::postgres::{identity::DatabaseId, tables::LastTokens},
    util::atomic_write,
};

/// What a migration is about. All of it is checked again before anything is changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Synapse's database.
    pub synapse: DatabaseId,
    /// MAS's database.
    pub mas: DatabaseId,
    /// `server_name` of the homeserver.
    pub server_name: String,
    /// The overlay of Synapse's configuration.
    pub overlay: PathBuf,
    /// The includes of the reverse proxy.
    pub includes: Vec<PathBuf>,
    /// Synapse's units, or the command that stops it.
    pub synapse_services: Vec<String>,
    /// MAS's units.
    pub mas_units: Vec<String>,
}

impl Target {
    /// In what `now` differs, each as a sentence. Services and includes may change once a migration is
    /// complete.
    #[must_use]
    pub fn differences(&self, now: &Target, is_complete: bool) -> Vec<String> {
        let mut found = Vec::new();
        let mut compare = |what: &str, then: String, now: String| {
            if then != now {
                found.push(format!("{what} was {then}, and is {now} now"));
            }
        };
        compare(
            "Synapse's database",
            self.synapse.to_string(),
            now.synapse.to_string(),
        );
        compare("MAS's database", self.mas.to_string(), now.mas.to_string());
        compare(
            "the server name",
            self.server_name.clone(),
            now.server_name.clone(),
        );
        let path = |path: &Path| path.display().to_string();
        compare("the overlay", path(&self.overlay), path(&now.overlay));
        if !is_complete {
            let paths = |paths: &[PathBuf]| {
                let paths: Vec<String> = paths.iter().map(|one| path(one)).collect();
                format!("`{}`", paths.join(", "))
            };
            compare(
                "the list of includes",
                paths(&self.includes),
                paths(&now.includes),
            );
            let units = |units: &[String]| format!("`{}`", units.join(", "));
            compare(
                "the list of Synapse's units",
                units(&self.synapse_services),
                units(&now.synapse_services),
            );
            compare(
                "the list of MAS's units",
                units(&self.mas_units),
                units(&now.mas_units),
            );
        }
        found
    }
}

/// A rollback that is under way after the cutover.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GoingBack {
    /// The dump of what MAS's database had, once it has been checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<PathBuf>,
    /// Whether the overlay was emptied by that.
    #[serde(skip_serializing_if = "is_false")]
    pub undelegated: bool,
    /// Whether Synapse's database no longer has what MAS had ended.
    #[serde(skip_serializing_if = "is_false")]
    pub repaired: bool,
}

/// What the journal records of a migration, in addition to what can be seen on the host.
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent of each other"
)]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct State {
    /// The migration, a ULID. None if nothing was begun, or everything was reverted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub migration: Option<String>,
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// The units that ran before the migration stopped them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stopped: Vec<String>,
    /// Whether Synapse was stopped with a shell command and not started again.
    #[serde(skip_serializing_if = "is_false")]
    pub stopped_with_command: bool,
    /// The directory of the backups, once they have been checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup: Option<PathBuf>,
    /// Whether this program has granted Synapse's role to MAS's and not revoked it yet.
    #[serde(skip_serializing_if = "is_false")]
    pub granted: bool,
    /// Whether an import has started, so that MAS's database must be restored.
    #[serde(skip_serializing_if = "is_false")]
    pub imported: bool,
    /// Whether there is, or may be, a copy of Synapse's tables.
    #[serde(skip_serializing_if = "is_false")]
    pub copied: bool,
    /// When Synapse was told to delegate, in UTC (RFC 3339 with milliseconds).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut_over: Option<String>,
    /// The last tokens that Synapse made before the cutover.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_tokens: Option<LastTokens>,
    /// Whether the migration is complete.
    #[serde(skip_serializing_if = "is_false")]
    pub finished: bool,
    /// The rollback after the cutover, if one has begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub going_back: Option<GoingBack>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_false(value: &bool) -> bool {
    !value
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
    Recorded,
}

/// A line of the journal.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// UTC timestamp, RFC 3339 with milliseconds.
    pub at: String,
    /// A ULID that all lines of the same run of `syn2mas` share.
    pub run: String,
    /// The step.
    pub step: Step,
    /// What the line says about the step.
    pub status: StepStatus,
    /// The summary of a step that is done, or the error of one that failed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The complete state from this line on, if it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
}

/// The journal, opened for writing. It is locked, so only one command at a time can open it.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Flock<fs::File>,
    run: String,
    /// The current state, as in the last line that has one.
    pub state: State,
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
        let state = last_state(&lines);
        // If a loss of power has cut the last line off, end it, so that the next one is intact.
        let torn = fs::read(&path).map_err(failed)?;
        let mut journal = Journal {
            run: ulid::Ulid::new().to_string(),
            state,
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
    pub fn log(
        &mut self,
        step: Step,
        status: StepStatus,
        message: &str,
    ) -> Result<(), MigrateError> {
        self.line(step, status, message, None)
    }

    /// Appends a line with a new state, if it differs. Call this before making the change on the host
    /// that it announces.
    ///
    /// # Errors
    ///
    /// If the line cannot be written. Then the state is unchanged, and the host must not be changed either.
    pub fn record(&mut self, step: Step, state: &State) -> Result<(), MigrateError> {
        if *state == self.state {
            return Ok(());
        }
        self.line(step, StepStatus::Recorded, "", Some(state.clone()))?;
        self.state = state.clone();
        Ok(())
    }

    fn line(
        &mut self,
        step: Step,
        status: StepStatus,
        message: &str,
        state: Option<State>,
    ) -> Result<(), MigrateError> {
        let line = Line {
            at: now(),
            run: self.run.clone(),
            step,
            status,
            message: message.to_owned(),
            state,
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
/// If the journal exists and cannot be read, or a line of it is from another version of this program.
pub fn read(directory: &Path) -> Result<Vec<Line>, MigrateError> {
    let path = directory.join("journal");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(MigrateError::io("read", &path)(error)),
    };
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate() {
        // After a loss of power, some file systems have zeros where a line was about to be.
        match serde_json::from_str(line.trim_end_matches('\0')) {
            Ok(line) => lines.push(line),
            // A loss of power has cut the line off. What it announces was never started.
            Err(error) if error.is_eof() => {}
            Err(error) => {
                let reason = format!(
                    "line {}: {error}. It was written by another version of syn2mas, or changed",
                    number + 1
                );
                return Err(MigrateError::content(&path, reason));
            }
        }
    }
    Ok(lines)
}

/// The state that the journal in a directory records.
///
/// # Errors
///
/// As for [`read`].
pub fn recorded(directory: &Path) -> Result<State, MigrateError> {
    Ok(last_state(&read(directory)?))
}

/// The state after these lines: that of the last line that has one, or the default.
#[must_use]
pub fn last_state(lines: &[Line]) -> State {
    let last = lines.iter().rev().find_map(|line| line.state.clone());
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
    fn a_state_outlasts_a_torn_line() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(directory.path()).unwrap();
        assert!(Journal::open(directory.path()).is_err());
        journal.log(Step::Grant, StepStatus::Begun, "").unwrap();
        let granted = State {
            granted: true,
            ..State::default()
        };
        journal.record(Step::Grant, &granted).unwrap();
        drop(journal);
        let path = directory.path().join("journal");
        let mut text = fs::read_to_string(&path).unwrap();
        text.push_str("{\"at\":\"2026");
        fs::write(&path, text).unwrap();

        let mut journal = Journal::open(directory.path()).unwrap();
        assert!(journal.state.granted);
        journal.record(Step::Revoke, &State::default()).unwrap();
        drop(journal);
        let lines = read(directory.path()).unwrap();
        assert_eq!(lines.len(), 3);
        assert_eq!(last_state(&lines), State::default());
    }

    #[test]
    fn a_line_of_another_version_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let line = r#"{"at": "2026", "run": "1", "step": "stop", "phase": "begun"}"#;
        fs::write(directory.path().join("journal"), format!("{line}\n")).unwrap();
        let error = read(directory.path()).unwrap_err().to_string();
        assert!(error.contains("line 1"), "{error}");
    }
}
