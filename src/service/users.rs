//! Users and administrators that the configuration names: created once, then left alone.

use std::{fs, path::Path};

use super::{
    ServiceError, prepare,
    prepare::Directories,
    register::{Outcome, register},
    secret_text,
};
use crate::manifest::Manifest;

/// What was done for a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// Created.
    Created,
    /// Found, and left alone.
    Found,
    /// Given administrators' rights.
    Promoted,
    /// Not there to be given them.
    Missing,
}

/// Creates the users and promotes the administrators that were not seen before. `state` is a
/// directory that remembers which were.
///
/// # Errors
///
/// At the first user that cannot be created or promoted; the next run carries on with it.
pub fn create(
    manifest: &Manifest,
    state: &Path,
    mut tell: impl FnMut(&str, Done),
) -> Result<(), ServiceError> {
    let directories = Directories::of_this_unit()?;
    let remembered = state.join("users");
    fs::create_dir_all(&remembered).map_err(ServiceError::file(&remembered, "cannot be made"))?;
    for (name, user) in &manifest.users {
        let seen = remembered.join(format!("{name}.created"));
        if seen.exists() {
            continue;
        }
        let password = match &user.password_file {
            Some(_) => Some(password(
                &directories.credentials.join(format!("user-{name}")),
            )?),
            None => None,
        };
        let command = prepare::mas_cli(manifest)?;
        let done = match register(command, name, user, password.as_deref())? {
            Outcome::Registered => Done::Created,
            Outcome::Exists => Done::Found,
        };
        remember(&seen)?;
        tell(name, done);
    }
    for name in &manifest.admins {
        let seen = remembered.join(format!("{name}.promoted"));
        if seen.exists() {
            continue;
        }
        if promote(manifest, name)? {
            remember(&seen)?;
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

/// Gives a user administrators' rights; false if there is no such user.
fn promote(manifest: &Manifest, name: &str) -> Result<bool, ServiceError> {
    let output = prepare::mas_cli(manifest)?
        .args(["manage", "promote-admin", name])
        .output()
        .map_err(ServiceError::file(&manifest.mas_cli, "cannot be run"))?;
    if output.status.success() {
        return Ok(true);
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if said.contains("User not found") {
        return Ok(false);
    }
    let reason = said.lines().find(|line| !line.trim().is_empty());
    Err(ServiceError::Mas(format!(
        "{name} was not given administrators' rights: {}",
        reason.unwrap_or("MAS did not say why")
    )))
}

fn remember(seen: &Path) -> Result<(), ServiceError> {
    fs::write(seen, "").map_err(ServiceError::file(seen, "cannot be made"))
}
