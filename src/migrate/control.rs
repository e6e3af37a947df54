//! How `syn2mas migrate`, while it runs, and other commands talk to each other: through two files in the
//! directory of the journal.

use std::{fs, io, path::Path};

use serde::{Deserialize, Serialize};

use crate::{
    migrate::{MigrateError, copy::Round, step::Step},
    util::atomic_write,
};

/// What a running migration is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Cut over as soon as the copy is close to Synapse (`syn2mas cutover`).
    CutOver,
    /// Undo everything (`syn2mas cancel`).
    Cancel,
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
}

impl Live {
    /// About how many seconds this will still take, if that is known.
    #[must_use]
    pub fn seconds_left(&self) -> Option<u64> {
        let [done, of] = self.rows?;
        of.saturating_sub(done).checked_div(self.rate?)
    }
}

const REQUEST: &str = "request";
const LIVE: &str = "live.json";

/// Asks the migration that runs with this directory for something.
///
/// # Errors
///
/// If the file cannot be written.
pub fn ask(state: &Path, request: Request) -> Result<(), MigrateError> {
    write(state, REQUEST, &request)
}

/// What was asked for last. None if nothing was, or nobody could have meant it.
#[must_use]
pub fn asked(state: &Path) -> Option<Request> {
    read(state, REQUEST)
}

/// Says what the migration is doing.
///
/// # Errors
///
/// If the file cannot be written.
pub fn show(state: &Path, live: &Live) -> Result<(), MigrateError> {
    write(state, LIVE, live)
}

/// What the migration is doing, or was doing when it was killed.
#[must_use]
pub fn shown(state: &Path) -> Option<Live> {
    read(state, LIVE)
}

/// Removes both files. A request of before is not meant for the next migration.
///
/// # Errors
///
/// If one cannot be removed.
pub fn clear(state: &Path) -> Result<(), MigrateError> {
    for name in [REQUEST, LIVE] {
        let path = state.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(MigrateError::io("remove", &path)(error));
            }
            _ => {}
        }
    }
    Ok(())
}

fn write(state: &Path, name: &str, content: &impl Serialize) -> Result<(), MigrateError> {
    let path = state.join(name);
    let text = serde_json::to_string(content).map_err(MigrateError::json(&path))?;
    atomic_write::replace(&path, &text, 0o600).map_err(MigrateError::io("write", &path))
}

fn read<T: for<'a> Deserialize<'a>>(state: &Path, name: &str) -> Option<T> {
    let text = fs::read_to_string(state.join(name)).ok()?;
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_arrives_until_it_is_cleared() {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path();
        assert_eq!(asked(state), None);
        ask(state, Request::CutOver).unwrap();
        assert_eq!(asked(state), Some(Request::CutOver));
        clear(state).unwrap();
        clear(state).unwrap();
        assert_eq!(asked(state), None);
        fs::write(state.join(REQUEST), "nonsense").unwrap();
        assert_eq!(asked(state), None);
    }

    #[test]
    fn the_time_left_follows_from_the_rate() {
        let live = Live {
            step: Step::Copy,
            since: String::new(),
            rows: Some([100, 400]),
            what: None,
            rate: Some(50),
            round: None,
            rounds: 0,
        };
        assert_eq!(live.seconds_left(), Some(6));
        assert_eq!(
            Live {
                rate: Some(0),
                ..live
            }
            .seconds_left(),
            None
        );
    }
}
