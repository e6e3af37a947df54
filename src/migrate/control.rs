//! How `syn2mas migrate`, while it runs, and other commands talk to each other: through files in the
//! directory of the journal.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Instant,
};

use serde::{Deserialize, Serialize};

use crate::{
    migrate::{MigrateError, copy::Round, step::Step},
    util::atomic_write,
};

/// What a running migration is to do. Each has a file of this name, whose content does not matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Cut over as soon as the copy is close to Synapse (`syn2mas cutover`).
    CutOver,
    /// Undo everything (`syn2mas cancel`).
    Cancel,
}

impl Request {
    /// The file that asks for it, in the directory of the journal.
    #[must_use]
    pub fn file(self, state: &Path) -> PathBuf {
        state.join(match self {
            Request::CutOver => "cutover-requested",
            Request::Cancel => "cancel-requested",
        })
    }

    /// Whether somebody asks for it.
    #[must_use]
    pub fn is_made(self, state: &Path) -> bool {
        self.file(state).exists()
    }

    /// Asks for it.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn make(self, state: &Path) -> Result<(), MigrateError> {
        let path = self.file(state);
        atomic_write::replace(&path, "", 0o600).map_err(MigrateError::io("write", &path))
    }
}

/// How fast rows pass, of one kind after the other.
#[derive(Debug, Default)]
pub struct Pace(Option<(String, Instant)>);

impl Pace {
    /// Rows in a second since those of this kind began. None within the first second.
    pub fn rate(&mut self, what: &str, done: u64) -> Option<u64> {
        let begun = match &self.0 {
            Some((of, begun)) if of == what => *begun,
            _ => {
                let now = Instant::now();
                self.0 = Some((what.to_owned(), now));
                now
            }
        };
        done.checked_div(begun.elapsed().as_secs())
    }
}

/// About how many seconds it takes until so many rows are done. None if it is not known.
#[must_use]
pub fn seconds_left([done, of]: [u64; 2], rate: Option<u64>) -> Option<u64> {
    of.saturating_sub(done).checked_div(rate?)
}

/// What a running migration is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Live {
    /// The step.
    pub step: Step,
    /// Since when, in UTC (RFC 3339).
    pub since: String,
    /// Rows that are copied or imported so far, and about how many there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<[u64; 2]>,
    /// What these rows are, for example `users`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// Rows in a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<u64>,
    /// The last round of catching up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<Round>,
    /// Number of rounds so far.
    #[serde(default)]
    pub rounds: usize,
    /// Whether it cuts over only when it is told to, or at a given time.
    #[serde(default)]
    pub waits: bool,
    /// What it has last said, in this step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

const LIVE: &str = "live.json";

/// Says what the migration is doing.
///
/// # Errors
///
/// If the file cannot be written.
pub fn show(state: &Path, live: &Live) -> Result<(), MigrateError> {
    let path = state.join(LIVE);
    let text = serde_json::to_string(live).map_err(MigrateError::json(&path))?;
    atomic_write::replace(&path, &text, 0o600).map_err(MigrateError::io("write", &path))
}

/// What the migration is doing, or was doing when it was killed.
#[must_use]
pub fn shown(state: &Path) -> Option<Live> {
    let text = fs::read_to_string(state.join(LIVE)).ok()?;
    serde_json::from_str(&text).ok()
}

/// Removes what an earlier migration has left. A request of then is not meant for this one.
///
/// # Errors
///
/// If a file cannot be removed.
pub fn clear(state: &Path) -> Result<(), MigrateError> {
    let requests = [Request::CutOver, Request::Cancel].map(|request| request.file(state));
    for path in requests.into_iter().chain([state.join(LIVE)]) {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(MigrateError::io("remove", &path)(error));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_stays_until_it_is_cleared() {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path();
        Request::CutOver.make(state).unwrap();
        assert!(Request::CutOver.is_made(state) && !Request::Cancel.is_made(state));
        clear(state).unwrap();
        clear(state).unwrap();
        assert!(!Request::CutOver.is_made(state));
        fs::write(state.join(LIVE), "nonsense").unwrap();
        assert_eq!(shown(state), None);
    }

    #[test]
    fn the_time_left_follows_from_the_rate() {
        assert_eq!(seconds_left([100, 400], Some(50)), Some(6));
        assert_eq!(seconds_left([100, 400], Some(0)), None);
        assert_eq!(seconds_left([500, 400], Some(50)), Some(0));
        assert_eq!(seconds_left([100, 400], None), None);
    }
}
