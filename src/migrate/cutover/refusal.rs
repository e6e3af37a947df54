//! Why nothing is done, and what to do about it.

use std::fmt;

use crate::migrate::{cutover::data_loss::Loss, postgres::marker::Marker};

/// What to do without the database that a rollback needs.
const BY_HAND: &str = "If it is gone, what people did in MAS is lost. Then go back by hand: stop MAS and \
                       Synapse, empty the overlay and the includes, start Synapse, reload the proxy";

/// Why nothing is done, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The overlay has content that no migration wrote.
    ForeignOverlay,
    /// The overlay, or MAS's database, is that of a migration that the journal does not know.
    JournalLost {
        /// The migration.
        migration: String,
        /// The marker in MAS's database, if it is of this migration.
        marker: Option<Box<Marker>>,
        /// Whether the journal knows the migration, but not its last steps.
        is_cut_off: bool,
    },
    /// The command is about something else than the journal.
    OtherTarget {
        /// In what, each as a sentence.
        differences: Vec<String>,
        /// Whether MAS's database is another one, and no marker is in it.
        is_mas_gone: bool,
        /// Whether the marker says that these are the databases of the migration in the journal.
        has_moved: bool,
    },
    /// MAS's database was imported from another database of Synapse.
    OtherSynapse {
        /// The identity of that database.
        then: String,
        /// The identity of Synapse's database.
        now: String,
    },
    /// The overlay, or MAS's database, is that of another migration than the journal is about.
    OtherMigration {
        /// The migration in the journal.
        ours: String,
        /// The other one.
        found: String,
    },
    /// The overlay makes Synapse delegate to a database that has not been verified.
    NotVerified,
    /// Something has to be known first.
    Unknown(String),
    /// Synapse's configuration delegates even without the overlay.
    DelegatesByItself,
    /// Somebody else keeps the units from being started.
    Inhibited(Vec<String>),
    /// The overlay was emptied by hand after the cutover.
    OverlayEmptied,
    /// A rollback would lose something.
    Losses(Vec<Loss>),
    /// The administrator wants to say when to cut over, but Synapse would be stopped at once: its tables cannot
    /// be copied, for this reason.
    CannotWait(String),
    /// The role that was granted can only be revoked by a superuser.
    AdminNeeded,
}

impl Refusal {
    /// The next command to type, without its options.
    #[must_use]
    pub fn next(&self) -> Option<&'static str> {
        match self {
            Refusal::NotVerified | Refusal::OverlayEmptied => Some("syn2mas rollback"),
            Refusal::JournalLost {
                marker: Some(_), ..
            }
            | Refusal::Inhibited(_) => Some("syn2mas rollback --lost-journal"),
            Refusal::Losses(_) => Some("syn2mas rollback --accept-loss"),
            _ => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::ForeignOverlay => write!(
                out,
                "the overlay has content that no migration wrote. Move it to a file of its own that \
                 Synapse reads, and empty the overlay"
            ),
            Refusal::JournalLost {
                migration,
                marker,
                is_cut_off,
            } => journal_lost(out, migration, marker.as_deref(), *is_cut_off),
            Refusal::OtherTarget {
                differences,
                is_mas_gone,
                has_moved,
            } => {
                write!(
                    out,
                    "the migration in the journal is about something else: {}. Name what it was about",
                    differences.join("; ")
                )?;
                match (is_mas_gone, has_moved) {
                    (true, _) => write!(out, ". {BY_HAND}, and move the journal away"),
                    (_, true) => write!(
                        out,
                        ". If a database was restored from a dump, or has moved to another server, move \
                         the journal away, and go back with `syn2mas rollback --lost-journal`"
                    ),
                    _ => Ok(()),
                }
            }
            Refusal::OtherSynapse { then, now } => write!(
                out,
                "MAS's database was imported from Synapse's database {then}, and Synapse's database is \
                 {now} now. Name the right ones. If it is the same, but was restored from a dump or has moved \
                 to another server, say so in MAS's database with `UPDATE syn2mas.migration SET synapse = \
                 '{now}'`"
            ),
            Refusal::OtherMigration { ours, found } => write!(
                out,
                "the journal is about the migration {ours}, but the overlay or MAS's database is of the \
                 migration {found}. Name the right ones, and their journal with `--state-dir`"
            ),
            Refusal::NotVerified => write!(
                out,
                "MAS's database does not say that it holds this homeserver's users. Restore it, or go back \
                 with `syn2mas rollback`"
            ),
            Refusal::Unknown(reason) => write!(out, "{reason}"),
            Refusal::DelegatesByItself => write!(
                out,
                "Synapse's own configuration delegates, whatever the overlay says. Set \
                 `migration.enable` again, or take `matrix_authentication_service` out of it, first"
            ),
            Refusal::Inhibited(units) => write!(
                out,
                "a migration that is not in this journal keeps {} from being started. Name its directory \
                 with `--state-dir`. If it is lost, `syn2mas rollback --lost-journal` goes back",
                units.join(", ")
            ),
            Refusal::OverlayEmptied => write!(
                out,
                "the homeserver was moved, and somebody has emptied the overlay since. What people did \
                 after that is not in MAS, so go back with `syn2mas rollback`"
            ),
            Refusal::Losses(losses) => {
                let losses: Vec<String> = losses
                    .iter()
                    .map(|loss| format!("{} {}", loss.count, loss.what))
                    .collect();
                write!(out, "going back would lose {}", losses.join(", "))
            }
            Refusal::CannotWait(reason) => write!(
                out,
                "`--wait` and `--at` need a copy of Synapse's tables, and none can be made: {reason}. \
                 Without a copy, run `syn2mas migrate` when Synapse may be down"
            ),
            Refusal::AdminNeeded => write!(
                out,
                "the migration has granted MAS's role Synapse's. Only a superuser can revoke that: name \
                 it with `--admin-database-uri`, as before"
            ),
        }
    }
}

fn journal_lost(
    out: &mut fmt::Formatter<'_>,
    migration: &str,
    marker: Option<&Marker>,
    is_cut_off: bool,
) -> fmt::Result {
    let what = if is_cut_off {
        "has gone on after what this journal says"
    } else {
        "has begun, but is not in this journal"
    };
    write!(out, "the migration {migration} {what}. ")?;
    if let Some(marker) = marker {
        write!(
            out,
            "MAS's database has been {} since {}. Its journal was in {}. ",
            marker.progress.name(),
            marker.since,
            marker.state_dir
        )?;
    }
    let right = if is_cut_off {
        "Restore the end of the journal"
    } else {
        "Name its directory with `--state-dir`"
    };
    write!(out, "{right}. ")?;
    if marker.is_some() {
        write!(
            out,
            "If it is lost, `syn2mas rollback --lost-journal` goes back"
        )
    } else {
        write!(
            out,
            "MAS's database, as it is named, is not of this migration: name the right one. \
             {BY_HAND}"
        )
    }
}
