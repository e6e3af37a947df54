//! Creates the users and administrators that the configuration names, once. Later changes are left alone.

use std::{fs, path::Path};

use super::{
    ServiceError,
    prepare::{Directories, Mas},
    register::{Outcome, register},
};
use crate::deploy::manifests::Manifest;
use crate::util::secret::secret_text;

/// What was done for a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// The user was created.
    Created,
    /// The user already existed and was not changed.
    Found,
    /// The user was made an administrator.
    Promoted,
    /// The user to promote does not exist.
    Missing,
}

/// Creates users and promotes administrators, each only once. The directory `state` records which are
/// done.
///
/// # Errors
///
/// If a user cannot be created or promoted. The next run continues with that user.
pub fn create(
    manifest: &Manifest,
    state: &Path,
    mut tell: impl FnMut(&str, Done),
) -> Result<(), ServiceError> {
    let remembered = state.join("users");
    fs::create_dir_all(&remembered)
        .map_err(ServiceError::file(&remembered, "cannot be created"))?;
    let created = |name: &String| remembered.join(format!("{name}.created"));
    let promoted = |name: &String| remembered.join(format!("{name}.promoted"));
    let users = manifest.users.iter();
    let users: Vec<_> = users.filter(|(name, _)| !created(name).exists()).collect();
    let admins = manifest.admins.iter();
    let admins: Vec<_> = admins.filter(|name| !promoted(name).exists()).collect();
    if users.is_empty() && admins.is_empty() {
        return Ok(());
    }
    let mas = Mas::ready(manifest)?;
    let credentials = Directories::of_this_unit()?.credentials.unwrap_or_default();
    for (name, user) in users {
        let password = match &user.password_file {
            Some(_) => Some(password(&credentials.join(format!("user-{name}")))?),
            None => None,
        };
        let done = match register(&mas, name, user, password.as_deref())? {
            Outcome::Registered => Done::Created,
            Outcome::Exists => Done::Found,
        };
        remember(&created(name))?;
        tell(name, done);
    }
    for name in admins {
        if promote(&mas, name)? {
            remember(&promoted(name))?;
            tell(name, Done::Promoted);
        } else {
            tell(name, Done::Missing);
        }
    }
    Ok(())
}

fn password(path: &Path) -> Result<String, ServiceError> {
    let content = fs::read_to_string(path).map_err(ServiceError::file(path, "cannot be read"))?;
    Ok(secret_text(&content).to_owned())
}

/// Makes a user an administrator. Returns false if the user does not exist.
fn promote(mas: &Mas, name: &str) -> Result<bool, ServiceError> {
    let output = mas.output(&mut mas.command(&["manage", "promote-admin", name]))?;
    if output.status.success() {
        return Ok(true);
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if said.contains("User not found") {
        return Ok(false);
    }
    let reason = said.lines().find(|line| !line.trim().is_empty());
    Err(ServiceError::Mas(format!(
        "{name} was not made an administrator: {}",
        reason.unwrap_or("MAS gave no reason")
    )))
}

fn remember(seen: &Path) -> Result<(), ServiceError> {
    fs::write(seen, "").map_err(ServiceError::file(seen, "cannot be created"))
}
