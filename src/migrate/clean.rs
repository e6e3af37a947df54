//! Deletes what earlier migrations have left: backups, dumps and partial files, which hold password hashes
//! and tokens.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::migrate::{
    MigrateError,
    args::Args,
    control,
    journal::{Journal, State},
};

/// Something that can be deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Leftover {
    /// Its path.
    pub path: PathBuf,
    /// Its size in bytes, with everything in it.
    pub bytes: u64,
    /// What it is, and what is impossible without it.
    pub meaning: &'static str,
}

const OF_EARLIER: &str = "the backup of an earlier migration, which no command needs any more";
const OF_REHEARSAL: &str = "what an interrupted rehearsal has left";
const OF_THIS: &str = "the backup of this migration: without it, `rollback` empties MAS's database in place \
                       of restoring it, and `verify` has nothing to compare with";

/// What can be deleted. The journal is locked meanwhile, so that no migration needs it.
#[derive(Debug)]
pub struct Cleaning {
    /// What will be deleted.
    pub found: Vec<Leftover>,
    journal: Journal,
}

impl Cleaning {
    /// Finds what can be deleted. With `all`, that includes the backup of the migration in the journal. The
    /// backups of a rehearsal stay while one runs.
    ///
    /// # Errors
    ///
    /// If a directory cannot be read, or another `syn2mas` holds the lock of the journal.
    pub fn of(args: &Args, all: bool, is_rehearsing: bool) -> Result<Self, MigrateError> {
        let journal = Journal::open(&args.state())?;
        // A migration that was running is not, now that this has the journal.
        control::clear(&args.state())?;
        // A rollback that was interrupted needs its backup, whatever is asked for.
        let all = all && journal.state.going_back.is_none();
        let migration = journal.state.migration.as_deref();
        let mut found = Vec::new();
        for path in entries(&args.backups())? {
            let name = path.file_name().and_then(|name| name.to_str());
            // What somebody else has put there is not ours.
            if !name.is_some_and(is_of_migration) || !is_directory(&path)? {
                continue;
            }
            let is_this = name == migration;
            if is_this && !all {
                continue;
            }
            let meaning = if is_this { OF_THIS } else { OF_EARLIER };
            found.push(leftover(path, meaning)?);
        }
        let rehearsal = args.rehearsal();
        if rehearsal.exists() && !is_rehearsing {
            found.push(leftover(rehearsal, OF_REHEARSAL)?);
        }
        Ok(Cleaning { found, journal })
    }

    /// The state in the journal.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.journal.state
    }

    /// Deletes what was found, and returns it.
    ///
    /// # Errors
    ///
    /// If something cannot be deleted.
    pub fn delete(self) -> Result<Vec<Leftover>, MigrateError> {
        for leftover in &self.found {
            let path = &leftover.path;
            let deleted = if path.is_dir() {
                fs::remove_dir_all(path)
            } else {
                fs::remove_file(path)
            };
            deleted.map_err(MigrateError::io("delete", path))?;
        }
        Ok(self.found)
    }
}

/// Whether a directory is named as a migration is.
fn is_of_migration(name: &str) -> bool {
    ulid::Ulid::from_string(name).is_ok()
}

/// Whether this is a directory, and not a symbolic link to one.
fn is_directory(path: &Path) -> Result<bool, MigrateError> {
    let found = fs::symlink_metadata(path).map_err(MigrateError::io("look at", path))?;
    Ok(found.is_dir())
}

fn leftover(path: PathBuf, meaning: &'static str) -> Result<Leftover, MigrateError> {
    let bytes = size(&path)?;
    Ok(Leftover {
        path,
        bytes,
        meaning,
    })
}

/// The size of a file, or of everything in a directory. Symbolic links are not followed.
fn size(path: &Path) -> Result<u64, MigrateError> {
    let metadata = fs::symlink_metadata(path).map_err(MigrateError::io("look at", path))?;
    if !metadata.is_dir() {
        return Ok(metadata.len());
    }
    entries(path)?.iter().map(|entry| size(entry)).sum()
}

/// What is in a directory, sorted. Nothing if there is no such directory.
fn entries(directory: &Path) -> Result<Vec<PathBuf>, MigrateError> {
    let failed = MigrateError::io("read", directory);
    let read = match fs::read_dir(directory) {
        Ok(read) => read,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let paths: Result<Vec<PathBuf>, io::Error> =
        read.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(failed)?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrate::step::Step;

    #[test]
    fn the_backup_of_this_migration_stays_unless_all_is_to_go() {
        const THIS: &str = "01HFVBY12TMNTYTBV8W921M5FB";
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let (this, earlier) = (
            path("backup").join(THIS),
            path("backup/01HFVBY12TMNTYTBV8W921M5FA"),
        );
        let others = [path("backup/mydata"), path("backup/note.txt")];
        for made in [&this, &earlier, &others[0], &path("rehearsal")] {
            fs::create_dir_all(made).unwrap();
            fs::write(made.join("mas.dump"), "12345").unwrap();
        }
        fs::write(&others[1], "").unwrap();
        let link = path("backup/01HFVBY12TMNTYTBV8W921M5FC");
        std::os::unix::fs::symlink(&others[0], &link).unwrap();
        let mut journal = Journal::open(directory.path()).unwrap();
        let state = State {
            migration: Some(THIS.to_owned()),
            ..State::default()
        };
        journal.record(Step::Stop, &state).unwrap();
        drop(journal);

        let args = Args {
            state_dir: Some(directory.path().to_owned()),
            ..Args::default()
        };
        let clean = |all, is_rehearsing| Cleaning::of(&args, all, is_rehearsing).unwrap();
        drop(clean(false, false));
        assert!(earlier.exists() && path("rehearsal").exists());
        assert_eq!(clean(false, true).found.len(), 1);
        let deleted = clean(false, false).delete().unwrap();
        let sizes: Vec<u64> = deleted.iter().map(|leftover| leftover.bytes).collect();
        assert_eq!(sizes, [5, 5]);
        assert!(this.exists() && !earlier.exists());
        assert!(!path("rehearsal").exists());
        clean(true, false).delete().unwrap();
        assert!(!this.exists());
        // What somebody has put there.
        assert!(others.iter().chain([&link]).all(|other| other.exists()));
    }
}
