//! Files that somebody names for what a command writes, such as a report. They are replaced, so what is there
//! must be an earlier one.

use std::{
    fs,
    io::{ErrorKind, Read as _},
    path::Path,
};

use crate::migrate::MigrateError;

/// Fails unless a file that begins with `beginning` can be written to this path. Nothing but an empty file or one
/// that begins so is replaced. `option` names it on the command line.
///
/// # Errors
///
/// If there is something else, or the directory does not exist or cannot be written.
pub fn check(option: &str, path: &Path, beginning: &str) -> Result<(), MigrateError> {
    let place = format!("{option} {}", path.display());
    let refused = |reason: &str| Err(MigrateError::setting(&place, reason));
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => {
            return refused("this is a directory. Name a file in it");
        }
        Ok(found) if found.is_symlink() => {
            return refused("this is a symbolic link, which would be replaced. Name a file itself");
        }
        Ok(found) if !found.is_file() => {
            return refused("this is not a regular file, and would be replaced");
        }
        Ok(found) if found.len() > 0 && !begins_with(path, beginning)? => {
            return refused("this file exists, and has something else in it. Name another one");
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

fn begins_with(path: &Path, beginning: &str) -> Result<bool, MigrateError> {
    let failed = MigrateError::io("read", path);
    let mut found = Vec::new();
    let file = fs::File::open(path).map_err(&failed)?;
    file.take(beginning.len() as u64)
        .read_to_end(&mut found)
        .map_err(&failed)?;
    Ok(found == beginning.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::os::unix::{fs::symlink, net::UnixListener};

    use super::*;

    #[test]
    fn only_one_of_its_kind_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let check = |name: &str| check("--report", &path(name), "a report");
        let refused = |name: &str| check(name).unwrap_err().to_string();
        assert!(refused("").contains("is a directory"));
        assert!(refused("absent/report.html").contains("no such directory"));
        fs::write(path("homeserver.yaml"), "server_name: example.com\n").unwrap();
        assert!(refused("homeserver.yaml").contains("something else in it"));
        assert!(refused("homeserver.yaml/report.html").contains("cannot read"));
        let _socket = UnixListener::bind(path("socket")).unwrap();
        assert!(refused("socket").contains("not a regular file"));

        check("new").unwrap();
        assert!(!path("new").exists());
        fs::write(path("earlier"), "a report on something").unwrap();
        check("earlier").unwrap();
        fs::write(path("empty"), "").unwrap();
        check("empty").unwrap();
        for (name, to) in [
            ("null", "/dev/null"),
            ("link", "earlier"),
            ("dangling", "x"),
        ] {
            symlink(to, path(name)).unwrap();
            assert!(refused(name).contains("symbolic link"));
        }
    }
}
