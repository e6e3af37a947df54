//! The file of a report.

use std::{
    fs,
    io::{ErrorKind, Read as _},
    path::Path,
};

use crate::{
    migrate::{MigrateError, report::page::BEGINNING},
    util::atomic_write,
};

/// Fails unless a report can be written to this path. Nothing but an earlier report is overwritten.
///
/// # Errors
///
/// If there is something else, or the directory does not exist or cannot be written.
pub fn check(path: &Path) -> Result<(), MigrateError> {
    let refused = |reason: &str| {
        let place = format!("--report {}", path.display());
        Err(MigrateError::setting(&place, reason))
    };
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            return refused("this is a directory. Name a file in it");
        }
        Ok(found) if !found.is_file() => {
            return refused("this is not a regular file, which a report replaces");
        }
        Ok(found) if found.len() > 0 && !is_report(path)? => {
            return refused("this file exists, and is not a report. Name another one");
        }
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(MigrateError::io("read", path)(error));
        }
        _ => {}
    }
    let (Some(directory), Some(_)) = (path.parent(), path.file_name()) else {
        return refused("this does not name a file");
    };
    let directory = if directory.as_os_str().is_empty() {
        Path::new(".")
    } else {
        directory
    };
    if !directory.is_dir() {
        return refused("there is no such directory. Make it first");
    }
    tempfile::NamedTempFile::new_in(directory)
        .map(drop)
        .map_err(MigrateError::io("write to", directory))
}

fn is_report(path: &Path) -> Result<bool, MigrateError> {
    let failed = MigrateError::io("read", path);
    let file = fs::File::open(path).map_err(&failed)?;
    let mut beginning = Vec::new();
    file.take(BEGINNING.len() as u64)
        .read_to_end(&mut beginning)
        .map_err(&failed)?;
    Ok(beginning == BEGINNING.as_bytes())
}

/// Writes a page atomically, readable only by its owner.
///
/// # Errors
///
/// If it cannot be written.
pub fn write(path: &Path, page: &str) -> Result<(), MigrateError> {
    atomic_write::replace(path, page, 0o600).map_err(MigrateError::io("write", path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn only_a_report_is_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let refused = |name: &str| check(&path(name)).unwrap_err().to_string();
        assert!(refused("").contains("is a directory"));
        assert!(refused("absent/report.html").contains("no such directory"));
        fs::write(path("homeserver.yaml"), "server_name: example.com\n").unwrap();
        assert!(refused("homeserver.yaml").contains("not a report"));
        assert!(refused("homeserver.yaml/report.html").contains("cannot read"));
        symlink("/dev/null", path("null")).unwrap();
        assert!(refused("null").contains("not a regular file"));

        check(&path("report.html")).unwrap();
        assert!(!path("report.html").exists());
        write(&path("report.html"), BEGINNING).unwrap();
        let mode = fs::metadata(path("report.html")).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        check(&path("report.html")).unwrap();
        fs::write(path("empty.html"), "").unwrap();
        check(&path("empty.html")).unwrap();
    }
}
