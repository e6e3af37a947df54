//! Users of this host that programs run as and databases are connected to as.

use std::{
    fs::File,
    os::unix::fs::{fchown, lchown},
    path::Path,
};

use nix::unistd::{Gid, Uid, User, getegid, geteuid, setegid, seteuid};
use tokio::sync::{Mutex, MutexGuard};

use crate::migrate::MigrateError;

/// A user of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user name, for example `matrix-synapse`.
    pub name: String,
    /// The numeric user id.
    pub uid: u32,
    /// The numeric id of the primary group.
    pub gid: u32,
}

impl Account {
    /// Looks a user up by name.
    ///
    /// # Errors
    ///
    /// If there is no such user, or this process runs neither as root nor as that user.
    pub fn named(name: &str) -> Result<Self, MigrateError> {
        let found = User::from_name(name).map_err(|source| MigrateError::User {
            action: "look up",
            user: name.to_owned(),
            source,
        })?;
        let user = found.ok_or_else(|| MigrateError::NoUser(name.to_owned()))?;
        if !Uid::effective().is_root() && Uid::effective() != user.uid {
            return Err(MigrateError::NotRoot(name.to_owned()));
        }
        Ok(Account {
            name: name.to_owned(),
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
        })
    }

    /// Makes this user and its group the owner of an open file, which is at `path`.
    ///
    /// # Errors
    ///
    /// If the owner cannot be changed.
    pub fn fchown(&self, file: &File, path: &Path) -> Result<(), MigrateError> {
        fchown(file, Some(self.uid), Some(self.gid))
            .map_err(MigrateError::io("change the owner of", path))
    }

    /// Makes this user and its group the owner of a file or a directory. Does not follow a symbolic link.
    ///
    /// # Errors
    ///
    /// If the owner cannot be changed.
    pub fn lchown(&self, path: &Path) -> Result<(), MigrateError> {
        lchown(path, Some(self.uid), Some(self.gid))
            .map_err(MigrateError::io("change the owner of", path))
    }

    /// Switches the effective user and group of this process until the guard is dropped. PostgreSQL's
    /// peer authentication uses the effective user at the time of the connection.
    ///
    /// # Errors
    ///
    /// If this process is not permitted to switch.
    pub async fn act(&self) -> Result<EffectiveUserGuard, MigrateError> {
        let alone = ACTING.lock().await;
        let acting = EffectiveUserGuard {
            uid: geteuid(),
            gid: getegid(),
            _alone: alone,
        };
        let failed = |source| MigrateError::User {
            action: "act as",
            user: self.name.clone(),
            source,
        };
        setegid(Gid::from_raw(self.gid)).map_err(failed)?;
        seteuid(Uid::from_raw(self.uid)).map_err(failed)?;
        Ok(acting)
    }
}

/// The effective user is the same for all threads of the process, so only one task may change it at once.
static ACTING: Mutex<()> = Mutex::const_new(());

/// Restores the effective user and group of this process when it is dropped.
pub struct EffectiveUserGuard {
    uid: Uid,
    gid: Gid,
    _alone: MutexGuard<'static, ()>,
}

impl Drop for EffectiveUserGuard {
    fn drop(&mut self) {
        // Switching back is always permitted.
        let _ = seteuid(self.uid);
        let _ = setegid(self.gid);
    }
}
