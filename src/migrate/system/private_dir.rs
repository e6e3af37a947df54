//! Temporary files with secrets for programs that we run, each readable by the user of the program alone.

use std::{
    fs,
    io::Write,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::migrate::{MigrateError, system::run_as::Account};
use crate::{
    service::{
        self,
        prepare::{Directories, prepare},
    },
    util::atomic_write,
};

/// A temporary directory, deleted on drop, and MAS's configuration files in it or elsewhere.
#[derive(Debug)]
pub struct PrivateDir {
    directory: TempDir,
    /// MAS's configuration files, in the order in which they are merged. Empty after [`PrivateDir::new`].
    pub files: Vec<PathBuf>,
}

impl PrivateDir {
    /// Creates an empty directory that only the current user can enter, and `account` if one is given. That
    /// user cannot write to it, or it could lead what root writes here to another place.
    ///
    /// # Errors
    ///
    /// If the directory cannot be created, or its group cannot be changed.
    pub fn new(account: Option<&Account>) -> Result<Self, MigrateError> {
        // /run is in memory, so secrets never reach a disk.
        let is_root = nix::unistd::Uid::effective().is_root();
        let below = match Path::new("/run") {
            run if is_root && run.is_dir() => run.to_owned(),
            _ => std::env::temp_dir(),
        };
        let directory = tempfile::Builder::new()
            .prefix("syn2mas-")
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in(&below)
            .map_err(MigrateError::io("create a directory in", &below))?;
        if let Some(account) = account.filter(|_| is_root) {
            let path = directory.path();
            chown(path, None, Some(account.gid))
                .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o710)))
                .map_err(MigrateError::io("change the owner of", path))?;
        }
        Ok(PrivateDir {
            directory,
            files: Vec::new(),
        })
    }

    /// Prepares MAS's configuration files as `mas-service` does, from its manifest: all of them, or `only`
    /// one section, for which other files need not exist.
    ///
    /// # Errors
    ///
    /// If the manifest, or a file that it names, cannot be read.
    pub fn of_service(
        manifest: &Path,
        account: Option<&Account>,
        only: Option<&str>,
    ) -> Result<Self, MigrateError> {
        let mut private_dir = PrivateDir::new(account)?;
        let manifest = service::manifest(manifest)?;
        let directories = Directories {
            credentials: Some(private_dir.directory.path().to_owned()),
            runtime: private_dir.directory.path().to_owned(),
        };
        for (name, file) in &manifest.credentials {
            let is_needed = only.is_none_or(|section| name.starts_with(&format!("{section}.")));
            if is_needed || file.exists() {
                private_dir.take(name, file)?;
            }
        }
        private_dir.files = prepare(&manifest, &directories, only)?;
        if let Some(account) = account {
            chown_recursive(private_dir.directory.path(), account)?;
        }
        Ok(private_dir)
    }

    /// The path of the directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Copies a credential as systemd's `LoadCredential=` does: a file `b` in a directory that is loaded as
    /// `a` becomes `a_b`.
    fn take(&self, name: &str, source: &Path) -> Result<(), MigrateError> {
        if !source.is_dir() {
            let content = fs::read_to_string(source).map_err(MigrateError::io("read", source))?;
            return self.write(name, &content, None).map(|_| ());
        }
        let unreadable = MigrateError::io("read", source);
        for entry in fs::read_dir(source).map_err(&unreadable)? {
            let entry = entry.map_err(&unreadable)?;
            let name = format!("{name}_{}", entry.file_name().to_string_lossy());
            self.take(&name, &entry.path())?;
        }
        Ok(())
    }

    /// Writes a new file with mode 0400, owned by `account` if one is given, and returns its path.
    ///
    /// # Errors
    ///
    /// If the file exists or cannot be written, or its owner cannot be changed.
    pub fn write(
        &self,
        name: &str,
        content: &str,
        account: Option<&Account>,
    ) -> Result<PathBuf, MigrateError> {
        let path = self.directory.path().join(name);
        let mut file =
            atomic_write::create(&path, 0o400).map_err(MigrateError::io("create", &path))?;
        file.write_all(content.as_bytes())
            .map_err(MigrateError::io("write", &path))?;
        if let Some(account) = account {
            account.fchown(&file, &path)?;
        }
        Ok(path)
    }
}

fn chown_recursive(directory: &Path, account: &Account) -> Result<(), MigrateError> {
    let unreadable = MigrateError::io("read", directory);
    for entry in fs::read_dir(directory).map_err(&unreadable)? {
        let entry = entry.map_err(&unreadable)?;
        let kind = entry.file_type().map_err(&unreadable)?;
        if kind.is_dir() {
            chown_recursive(&entry.path(), account)?;
        }
        if !kind.is_symlink() {
            account.lchown(&entry.path())?;
        }
    }
    Ok(())
}
