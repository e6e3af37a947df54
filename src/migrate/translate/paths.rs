//! Paths as options of a host need them.

use std::path::{self, Component, Path, PathBuf};

use crate::migrate::MigrateError;

/// The same path, absolute and without `..` and a slash at the end: units have no working directory of an
/// administrator, and systemd accepts nothing else.
///
/// # Errors
///
/// If a path is relative, and the working directory is unknown.
pub fn for_units(path: &Path) -> Result<PathBuf, MigrateError> {
    let absolute = path::absolute(path).map_err(MigrateError::io("find", path))?;
    let mut plain = PathBuf::new();
    for component in absolute.components() {
        if component == Component::ParentDir {
            // The parent of a directory is not that of a link to it.
            plain = plain.canonicalize().unwrap_or(plain);
            plain.pop();
        } else {
            plain.push(component);
        }
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{env, fs, os::unix::fs::symlink};

    #[test]
    fn units_get_plain_paths() {
        let here = env::current_dir().unwrap();
        for (given, expected) in [
            ("/etc/synapse/conf.d/", Path::new("/etc/synapse/conf.d")),
            ("/etc//synapse/./a", Path::new("/etc/synapse/a")),
            ("/srv/not-there/../s/", Path::new("/srv/s")),
            ("/../a", Path::new("/a")),
            ("conf.d/", &here.join("conf.d")),
            ("../s", &here.parent().unwrap().join("s")),
        ] {
            assert_eq!(for_units(Path::new(given)).unwrap(), expected, "{given}");
        }
    }

    #[test]
    fn a_link_leads_where_it_leads() {
        let directory = tempfile::TempDir::new().unwrap();
        let root = directory.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("far/away")).unwrap();
        symlink(root.join("far/away"), root.join("link")).unwrap();
        let found = for_units(&root.join("link/../s")).unwrap();
        assert_eq!(found, root.join("far/s"));
    }
}
