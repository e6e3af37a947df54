//! Writes files atomically: a reader sees the old content or the new, never a part.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

/// Replaces a file atomically and sets its mode. The change survives a power loss. Missing parent
/// directories are created. A symbolic link in the file's place is replaced, not followed.
///
/// # Errors
///
/// If a directory or the file cannot be created or written.
pub fn replace(path: &Path, content: &str, mode: u32) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    // What a killed run has left is not reused: somebody else may have put it there.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = create(&new, mode)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    sync_directory(path)
}

/// Creates a file and sets its mode. The owner of the directory cannot make it write to another file:
/// it fails if anything of this name exists, be it a symbolic link that leads nowhere.
///
/// # Errors
///
/// If the file exists or cannot be created.
pub fn create(path: &Path, mode: u32) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(mode).open(path)?;
    // `open` applies the umask to the mode; this does not.
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    Ok(file)
}

/// Syncs the parent directory of `of`, so that a creation, renaming or removal survives a power loss.
///
/// # Errors
///
/// If the directory cannot be opened or synced.
pub fn sync_directory(of: &Path) -> io::Result<()> {
    match of.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => fs::File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn no_symbolic_link_is_followed() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("victim"), "untouched").unwrap();
        for name in ["file", "file.new"] {
            symlink(path("victim"), path(name)).unwrap();
        }
        replace(&path("file"), "new", 0o600).unwrap();
        let read = |name: &str| fs::read_to_string(path(name)).unwrap();
        assert_eq!([read("victim"), read("file")], ["untouched", "new"]);
        assert!(!fs::symlink_metadata(path("file")).unwrap().is_symlink());
        assert!(!path("file.new").exists());
        symlink(path("absent"), path("link")).unwrap();
        assert!(create(&path("link"), 0o600).is_err());
        assert!(!path("absent").exists());
    }
}
