//! Creates the users and administrators that the configuration names, once. Later changes are left alone.

use std::{fs, path::Path};

use super::{
    ServiceError,
    prepare::{self, Directories},
    register::{Registration, register},
};
use crate::deploy::manifests::Manifest;
use crate::mas_cli::MasCli;
use crate::util::secret::secret_text;

/// What was done for a user or administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserOutcome {
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
    mut on_outcome: impl FnMut(&str, UserOutcome),
) -> Result<(), ServiceError> {
    let markers = state.join("users");
    fs::create_dir_all(&markers).map_err(ServiceError::io("create", &markers))?;
    let created = |name: &String| markers.join(format!("{name}.created"));
    let promoted = |name: &String| markers.join(format!("{name}.promoted"));
    let users = manifest.users.iter();
    let users: Vec<_> = users.filter(|(name, _)| !created(name).exists()).collect();
    let admins = manifest.admins.iter();
    let admins: Vec<_> = admins.filter(|name| !promoted(name).exists()).collect();
    if users.is_empty() && admins.is_empty() {
        return Ok(());
    }
    let mas_cli = prepare::ready(manifest)?;
    let credentials = Directories::of_this_unit()?.credentials.unwrap_or_default();
    for (name, user) in users {
        let password = match &user.password_file {
            Some(_) => Some(password(&credentials.join(format!("user-{name}")))?),
            None => None,
        };
        let outcome = match register(&mas_cli, name, user, password.as_deref())? {
            Registration::Registered => UserOutcome::Created,
            Registration::Exists => UserOutcome::Found,
        };
        mark_done(&created(name))?;
        on_outcome(name, outcome);
    }
    for name in admins {
        if promote(&mas_cli, name)? {
            mark_done(&promoted(name))?;
            on_outcome(name, UserOutcome::Promoted);
        } else {
            on_outcome(name, UserOutcome::Missing);
        }
    }
    Ok(())
}

fn password(path: &Path) -> Result<String, ServiceError> {
    let content = fs::read_to_string(path).map_err(ServiceError::io("read", path))?;
    Ok(secret_text(&content).to_owned())
}

/// Makes a user an administrator. Returns false if the user does not exist.
fn promote(mas_cli: &MasCli, name: &str) -> Result<bool, ServiceError> {
    let output = prepare::output(&mut mas_cli.parsable(&["manage", "promote-admin", name]))?;
    if output.status.success() {
        return Ok(true);
    }
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    if error.contains("User not found") {
        return Ok(false);
    }
    let reason = error.lines().find(|line| !line.trim().is_empty());
    Err(ServiceError::NotPromoted {
        user: name.to_owned(),
        reason: reason.unwrap_or("MAS gave no reason").to_owned(),
    })
}

fn mark_done(marker: &Path) -> Result<(), ServiceError> {
    fs::write(marker, "").map_err(ServiceError::io("create", marker))
}
