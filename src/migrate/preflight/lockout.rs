//! The guard: whether Synapse's users would be locked out if MAS authenticated them. Only proof lets the
//! switch through; what cannot be read is not proof.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::migrate::{
    MigrateError,
    context::Context,
    postgres::{
        identity::{identity_on, is_same},
        marker::{self, Marker, Progress},
        mas_state::{MasState, mas_state},
    },
    system::systemd::Services,
};

/// What to do if the guard is wrong, or right.
const PROCEED: &str = "If the homeserver was not moved, set \
    `services.matrix-authentication-service.migration.enable` to true, and move it with `syn2mas migrate`. \
    If it was moved in another way, or its database is now on another server, set `migration.assumeMoved` \
    to true";

/// SQLSTATE `invalid_catalog_name`: the database does not exist.
const NO_SUCH_DATABASE: &str = "3D000";

/// What the administrator says, and what only the host's configuration knows.
#[derive(Clone, Debug, Default)]
pub struct Circumstances {
    /// Whether the administrator asserts that the homeserver was moved.
    pub assume_moved: bool,
    /// Synapse's own directory on this host, which exists once Synapse has been started.
    pub synapse_directory: Option<PathBuf>,
}

/// Why users would be locked out, or why that is unknown, and how to proceed. `None` if it is certain that
/// they would not. The context needs no MAS configuration: it is prepared here, and only if Synapse has
/// sessions.
pub async fn locked_out(context: Context, circumstances: &Circumstances) -> Option<String> {
    let (sessions, synapse) = match synapse(&context).await {
        Ok(None) => return None,
        Ok(Some(found)) => found,
        Err(error) => {
            if circumstances.assume_moved
                || has_no_database(&error)
                || is_not_installed(&context, circumstances).await
            {
                return None;
            }
            return Some(format!(
                "Cannot tell whether Synapse has users whom this would log out: {}. Make its \
                 database reachable, and switch again. {PROCEED}. `NIXOS_NO_CHECK=1` skips all checks of \
                 one switch",
                error.with_causes()
            ));
        }
    };
    let mas = mas(context).await;
    if circumstances.assume_moved {
        return match mas {
            Ok((state, _)) if !matches!(state, MasState::Populated(_)) => Some(format!(
                "`migration.assumeMoved` is set, but MAS's database is {state}, and Synapse has \
                 {sessions} sessions. Its users were not moved to this database of MAS"
            )),
            _ => None,
        };
    }
    let reason = match mas {
        Ok((state, marker)) => unproven(&state, marker.as_ref(), &synapse)?,
        Err(error) => format!(
            "it is unknown whether MAS has them: {}",
            error.with_causes()
        ),
    };
    Some(format!(
        "Synapse has {sessions} sessions, and {reason}. If MAS authenticated its users now, everybody \
         could be logged out and lose their encryption keys. {PROCEED}"
    ))
}

/// Why it is not proven that MAS has the users of this Synapse; `None` if it is.
fn unproven(state: &MasState, marker: Option<&Marker>, synapse: &str) -> Option<String> {
    let MasState::Populated(_) = state else {
        return Some(format!("MAS's database is {state}"));
    };
    let Some(marker) = marker else {
        return Some(
            "MAS's database has rows, but nothing in it says that `syn2mas` has moved a homeserver to it"
                .to_owned(),
        );
    };
    if !is_same(&marker.synapse, synapse) {
        return Some(format!(
            "MAS's database says that another homeserver was moved to it: {} was, and Synapse uses {synapse} \
             (system identifier, OID and name of the database)",
            marker.synapse
        ));
    }
    match marker.progress {
        Progress::CutOver | Progress::Served => None,
        Progress::RollingBack | Progress::RolledBack => {
            Some("the move of this homeserver to MAS was undone".to_owned())
        }
        progress @ (Progress::Importing | Progress::Verified) => Some(format!(
            "its move to MAS is not complete ({}): `syn2mas status` says what to do",
            progress.name()
        )),
    }
}

/// The number of sessions of people, and the identity of Synapse's database. `None` if there are no such
/// sessions.
async fn synapse(context: &Context) -> Result<Option<(i64, String)>, MigrateError> {
    let synapse = context.synapse_database()?;
    let mut connection = synapse.snapshot().await?;
    let failed = || synapse.failed("cannot tell whether it has users");
    let (is_there, is_somewhere): (bool, bool) = sqlx::query_as(
        "SELECT to_regclass('access_tokens') IS NOT NULL,
           EXISTS (SELECT FROM pg_class WHERE relname = 'access_tokens')",
    )
    .fetch_one(&mut connection)
    .await
    .map_err(failed())?;
    if !is_there {
        if is_somewhere {
            return Err(MigrateError::Marker {
                which: synapse.which,
                problem: "the table access_tokens is in no schema of the role's search_path"
                    .to_owned(),
            });
        }
        return Ok(None);
    }
    let sessions: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM access_tokens t JOIN users u ON u.name = t.user_id
         WHERE u.appservice_id IS NULL AND t.puppets_user_id IS NULL",
    )
    .fetch_one(&mut connection)
    .await
    .map_err(failed())?;
    if sessions == 0 {
        return Ok(None);
    }
    let identity = identity_on(&mut connection, synapse).await?;
    Ok(Some((sessions, identity.to_string())))
}

/// The state of MAS's database, and its marker. Reads no more of MAS's configuration than where that is.
async fn mas(context: Context) -> Result<(MasState, Option<Marker>), MigrateError> {
    let context = context.with_mas_config(Some("database"))?;
    let mas = context.mas_database()?;
    let mut connection = mas.snapshot().await?;
    let marker = marker::read_on(&mut connection, mas).await?;
    Ok((mas_state(&mut connection, mas).await?, marker))
}

/// Whether the server has answered that there is no such database.
fn has_no_database(error: &MigrateError) -> bool {
    let MigrateError::Database {
        source: sqlx::Error::Database(source),
        ..
    } = error
    else {
        return false;
    };
    source.code().as_deref() == Some(NO_SUCH_DATABASE)
}

/// Whether there was never a Synapse on this host: its directory does not exist, and the running systemd
/// knows none of its units. Neither can be said of a host whose PostgreSQL is only down.
async fn is_not_installed(context: &Context, circumstances: &Circumstances) -> bool {
    // The directory that sd_booted(3) looks at. It is absent while NixOS is being installed to a disk.
    const SYSTEMD: &str = "/run/systemd/system";
    let Some(directory) = &circumstances.synapse_directory else {
        return false;
    };
    match directory.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        _ => return false,
    }
    if context.args.synapse_unit.is_empty() {
        return false;
    }
    if !Path::new(SYSTEMD).exists() {
        return true;
    }
    let Ok(services) = Services::new(&context.args.synapse_unit, &[], None) else {
        return false;
    };
    let missing = services.missing().await;
    missing.is_ok_and(|missing| missing.len() == context.args.synapse_unit.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_marker_of_this_synapse_is_proof() {
        let full = MasState::Populated(vec!["users".to_owned()]);
        let marker = |synapse: &str, progress| Marker {
            migration: "1".to_owned(),
            synapse: synapse.to_owned(),
            progress,
            since: String::new(),
            cut_over: None,
            last_tokens: None,
            granted: false,
            state_dir: String::new(),
        };
        let unproven = |state: &MasState, marker: Option<&Marker>| {
            super::unproven(state, marker, "1/2/synapse")
        };
        for progress in [Progress::CutOver, Progress::Served] {
            let good = marker("1/2/synapse", progress);
            assert_eq!(unproven(&full, Some(&good)), None);
            let other = marker("1/3/synapse", progress);
            assert!(
                unproven(&full, Some(&other))
                    .unwrap()
                    .contains("1/3/synapse")
            );
            for empty in [MasState::New, MasState::Empty, MasState::Partial] {
                assert!(unproven(&empty, Some(&good)).is_some());
            }
        }
        for progress in [
            Progress::Importing,
            Progress::Verified,
            Progress::RollingBack,
            Progress::RolledBack,
        ] {
            let wrong = marker("1/2/synapse", progress);
            assert!(unproven(&full, Some(&wrong)).is_some(), "{progress:?}");
        }
        assert!(unproven(&full, None).is_some());
    }
}
