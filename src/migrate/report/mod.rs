//! Reports to look at: one self-contained HTML page about a run of a command.
//!
//! A [`Recorder`] takes note of what happens. At the end this becomes a [`Document`], which has everything
//! that the page shows, and nothing that it must not show: no secrets, and names of users only if they are
//! wanted (`private.rs`). A template, `page.html.j2`, makes the page of it.

pub mod configuration;
mod document;
mod page;
mod private;
mod record;
mod timeline;
mod verdict;

use std::path::Path;

pub use self::{
    document::Document,
    page::{BEGINNING, page},
    record::{Command, Down, Part, Record, Recorded, Recorder, Size},
};
use crate::migrate::{
    MigrateError, cutover::Outcome, preflight::finding::Finding, rehearse::Rehearsal,
    verify::Report,
};

/// How a run ended.
#[derive(Clone, Copy, Debug)]
pub enum Ending<'a> {
    /// `inspect` found this.
    Inspected(&'a [Finding]),
    /// `rehearse` measured this.
    Rehearsed(&'a Rehearsal),
    /// `migrate` ended like this.
    Migrated(&'a Outcome),
    /// `verify` compared this.
    Verified(&'a [Report]),
    /// There is no result, because of this error.
    Failed(&'a MigrateError),
}

impl<'a> Ending<'a> {
    /// The comparison of both databases.
    fn proof(&self) -> &'a [Report] {
        match self {
            Ending::Rehearsed(rehearsal) => &rehearsal.entities,
            Ending::Migrated(Outcome::Migrated(summary)) => &summary.entities,
            Ending::Verified(reports) => reports,
            _ => &[],
        }
    }

    /// The directory of the backups of a migration.
    fn backup(&self) -> Option<&'a Path> {
        match self {
            Ending::Migrated(Outcome::Migrated(summary)) => Some(&summary.backup),
            _ => None,
        }
    }
}
