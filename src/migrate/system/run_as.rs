//! Users of this host, as whom programs run and databases are reached.

use std::os::unix::fs::chown;
use std::path::Path;

use nix::unistd::{Gid, Uid, User, getegid, geteuid, setegid, seteuid};
use tokio::sync::{Mutex, MutexGuard};

use crate::migrate::MigrateError;

/// A user of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its number.
    pub uid: u32,
    /// The number of its group.
    pub gid: u32,
}

impl Account {
    /// The user with a name.
    ///
    /// # Errors
    ///
    /// If there is none, or this process may not act for it.
    pub fn named(name: &str) -> Result<Self, MigrateError> {
        let found = User::from_name(name).ok().flatten();
        let user = found.ok_or_else(|| {
            MigrateError::Missing(format!("there is no user {name} on this host"))
        })?;
        if !Uid::effective().is_root() && Uid::effective() != user.uid {
            return Err(MigrateError::Missing(format!(
                "only root may act for the user {name}. Put `sudo` before the command"
            )));
        }
        Ok(Account {
            name: name.to_owned(),
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
        })
    }

    /// Gives it a file or a directory.
    ///
    /// # Errors
    ///
    /// If the file cannot be given away.
    pub fn chown(&self, path: &Path) -> Result<(), MigrateError> {
        chown(path, Some(self.uid), Some(self.gid))
            .map_err(|error| MigrateError::file(path, format!("cannot be given away: {error}")))
    }

    /// Acts as this user until the result is dropped. PostgreSQL tells the user of a Unix socket's
    /// other end by whom it belonged to when it connected.
    ///
    /// # Errors
    ///
    /// If this process may not.
    pub async fn act(&self) -> Result<EffectiveUserGuard, MigrateError> {
        let alone = ACTING.lock().await;
        let acting = EffectiveUserGuard {
            uid: geteuid(),
            gid: getegid(),
            _alone: alone,
        };
        let failed =
            |error| MigrateError::Missing(format!("cannot act as the user {}: {error}", self.name));
        setegid(Gid::from_raw(self.gid)).map_err(failed)?;
        seteuid(Uid::from_raw(self.uid)).map_err(failed)?;
        Ok(acting)
    }
}

/// Whom a process acts as is one for all its threads.
static ACTING: Mutex<()> = Mutex::const_new(());

/// While it lasts, this process acts as another user.
pub struct EffectiveUserGuard {
    uid: Uid,
    gid: Gid,
    _alone: MutexGuard<'static, ()>,
}

impl Drop for EffectiveUserGuard {
    fn drop(&mut self) {
        // Going back is always allowed.
        let _ = seteuid(self.uid);
        let _ = setegid(self.gid);
    }
}
