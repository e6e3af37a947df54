//! Everything that a migration sees and changes, behind one interface. The real host is in
//! `real_host.rs`; the tests have a simulated one, which fails and is killed at every point.
//!
//! Every change can be made again: what is done already stays as it is.

use std::path::{Path, PathBuf};

use crate::mas_cli::syn2mas::Progress;
use crate::migrate::{
    MigrateError,
    copy::{Copied, Round},
    cutover::{data_loss::Loss, decide::Observed},
    journal::{State, StepStatus},
    postgres::{
        marker::{self, Marker},
        tables::LastTokens,
    },
    preflight::finding::Finding,
    step::Step,
    system::systemd::Component,
    verify::Report,
};

/// Whether a migration that has caught up may cut over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It may.
    Ready,
    /// It is not time.
    Waits,
    /// It is time, but somebody is in the way, in words.
    Blocked(String),
}

/// A host with Synapse, MAS, their databases and the journal of a migration.
#[expect(
    async_fn_in_trait,
    reason = "a migration runs in one task, so its futures need not be `Send`"
)]
pub trait Host {
    /// The state in the journal.
    fn state(&self) -> &State;

    /// Appends a line about a step to the journal.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    async fn log(
        &mut self,
        step: Step,
        status: StepStatus,
        message: &str,
    ) -> Result<(), MigrateError>;

    /// Records a new state in the journal.
    ///
    /// # Errors
    ///
    /// If it cannot be written. Then the state is as before.
    async fn record(&mut self, step: Step, state: &State) -> Result<(), MigrateError>;

    /// A new name for a migration, a ULID.
    fn new_migration(&mut self) -> String;

    /// The current time, in UTC (RFC 3339 with milliseconds).
    fn now(&self) -> String;

    /// Waits before a step is tried again. False if it has been tried for long enough.
    async fn wait(&mut self, tries: u32) -> bool;

    /// Looks at everything that the next step depends on, but not for losses.
    async fn observe(&mut self) -> Observed;

    /// What a rollback would lose that has happened since this time.
    ///
    /// # Errors
    ///
    /// If a database cannot be read.
    async fn losses(&mut self, cut_over: &str) -> Result<Vec<Loss>, MigrateError>;

    /// Everything that may be wrong before a migration.
    ///
    /// # Errors
    ///
    /// If something cannot be read, or is not as the later steps need it.
    async fn inspect(&mut self) -> Result<Vec<Finding>, MigrateError>;

    /// The units that run.
    ///
    /// # Errors
    ///
    /// If systemd does not answer.
    async fn running(&mut self) -> Result<Vec<String>, MigrateError>;

    /// The units of Synapse or MAS.
    fn units(&self, component: Component) -> Vec<String>;

    /// Whether Synapse is stopped with a shell command.
    fn by_command(&self) -> bool;

    /// Stops Synapse or MAS, and keeps it from being started.
    ///
    /// # Errors
    ///
    /// If it does not stop.
    async fn stop(&mut self, component: Component) -> Result<(), MigrateError>;

    /// Starts units of Synapse or MAS, and allows all others to be started.
    ///
    /// # Errors
    ///
    /// If one does not start.
    async fn start(&mut self, component: Component, units: &[String]) -> Result<(), MigrateError>;

    /// Starts Synapse with the shell command for that.
    ///
    /// # Errors
    ///
    /// If the command fails.
    async fn start_by_command(&mut self) -> Result<(), MigrateError>;

    /// Waits until nobody else is connected to Synapse's database.
    ///
    /// # Errors
    ///
    /// If somebody stays.
    async fn wait_until_alone(&mut self) -> Result<(), MigrateError>;

    /// Backs both databases up, under a name of this migration, and checks the backups. Returns the
    /// directory, and its size in words.
    ///
    /// # Errors
    ///
    /// If a backup cannot be made, or is not complete. What there was before is not touched.
    async fn back_up(&mut self, migration: &str) -> Result<(PathBuf, String), MigrateError>;

    /// Dumps what MAS's database has, under a new name, and checks the dump.
    ///
    /// # Errors
    ///
    /// If the dump cannot be made, or is not complete.
    async fn keep_mas(&mut self, migration: &str) -> Result<PathBuf, MigrateError>;

    /// Whether a dump that [`Host::keep_mas`] made is still there.
    fn has_dump(&self, dump: &Path) -> bool;

    /// Deletes the backups of a migration that was undone.
    async fn delete_backup(&mut self, migration: &str);

    /// Whether MAS's role has to be granted Synapse's.
    ///
    /// # Errors
    ///
    /// If the server does not answer.
    async fn needs_grant(&mut self) -> Result<bool, MigrateError>;

    /// Grants MAS's role Synapse's.
    ///
    /// # Errors
    ///
    /// If the server refuses.
    async fn grant(&mut self) -> Result<(), MigrateError>;

    /// Revokes the grant.
    ///
    /// # Errors
    ///
    /// If the server refuses.
    async fn revoke(&mut self) -> Result<(), MigrateError>;

    /// Writes the marker into MAS's database before an import.
    ///
    /// # Errors
    ///
    /// If the database cannot be written, or belongs to another migration.
    async fn mark_import(&mut self, marker: &Marker) -> Result<(), MigrateError>;

    /// Moves the marker on.
    ///
    /// # Errors
    ///
    /// If the database cannot be written, or its marker is not of this migration, this homeserver and one of
    /// the states `from`.
    async fn mark(
        &mut self,
        from: &[marker::Progress],
        to: marker::Progress,
    ) -> Result<(), MigrateError>;

    /// Copies the tables of Synapse that the import reads, while Synapse runs. A copy that there is already
    /// is replaced. Returns how much there is, in words.
    ///
    /// # Errors
    ///
    /// If the copy cannot be made.
    async fn copy(&mut self, on_progress: &mut dyn FnMut(Copied)) -> Result<String, MigrateError>;

    /// Brings the copy and what was imported up to what Synapse has now, and compares what it has changed.
    /// With `is_last`, nobody can write to Synapse's tables until [`Host::start`].
    ///
    /// # Errors
    ///
    /// If that is impossible, the copy is gone, MAS has run since the import, or a configuration or version
    /// has changed since the copy was made.
    async fn catch_up(&mut self, is_last: bool) -> Result<Round, MigrateError>;

    /// Whether to cut over now. If not, this waits before the next round.
    ///
    /// # Errors
    ///
    /// If a database or Synapse does not answer, or Synapse no longer accepts the token that the migration
    /// checks after the cutover.
    async fn may_cut_over(&mut self, last: Round) -> Result<Readiness, MigrateError>;

    /// Compares the copy with Synapse's tables as they were at the cutover, if that snapshot is still there. Compares
    /// MAS's database completely with the copy, except for what users have done since the cutover, and keeps the copy
    /// with the backup. None if the copy is gone: Synapse's database is no longer what was imported.
    ///
    /// # Errors
    ///
    /// If a database cannot be read, or the copy differs from Synapse's tables.
    async fn verify_again(&mut self) -> Result<Option<Vec<Report>>, MigrateError>;

    /// Drops the copy, if there is one.
    ///
    /// # Errors
    ///
    /// If it cannot be dropped.
    async fn drop_copy(&mut self) -> Result<(), MigrateError>;

    /// Imports, from the copy if there is one. Returns the path of the log.
    ///
    /// # Errors
    ///
    /// If the import fails.
    async fn import(
        &mut self,
        on_progress: &mut dyn FnMut(&Progress),
    ) -> Result<String, MigrateError>;

    /// Compares MAS's database with the copy, or with Synapse's database if there is none. In the latter case
    /// nobody can write to Synapse's tables from before the comparison until [`Host::start`].
    ///
    /// # Errors
    ///
    /// If they cannot be compared.
    async fn verify(&mut self) -> Result<Vec<Report>, MigrateError>;

    /// The file in which a comparison leaves the rows that differ.
    fn differences(&self) -> PathBuf;

    /// Fills the overlay. Its first line names the migration.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    async fn fill_overlay(&mut self, migration: &str) -> Result<(), MigrateError>;

    /// Empties the overlay.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    async fn empty_overlay(&mut self) -> Result<(), MigrateError>;

    /// Fills the includes, and lets the proxy read them.
    ///
    /// # Errors
    ///
    /// If one cannot be written, or the proxy does not reload.
    async fn fill_includes(&mut self) -> Result<(), MigrateError>;

    /// Empties the includes, and lets the proxy read them. Returns what did not prevent that, in words.
    ///
    /// # Errors
    ///
    /// If one cannot be written.
    async fn empty_includes(&mut self) -> Result<Option<String>, MigrateError>;

    /// Waits until all listeners of Synapse delegate to MAS. Returns MAS's issuer.
    ///
    /// # Errors
    ///
    /// If one does not.
    async fn probe_delegation(&mut self) -> Result<String, MigrateError>;

    /// Waits until all listeners of Synapse authenticate users by themselves.
    ///
    /// # Errors
    ///
    /// If one does not.
    async fn probe_synapse(&mut self) -> Result<(), MigrateError>;

    /// What `mas-cli doctor` has to say.
    async fn doctor(&mut self) -> Vec<String>;

    /// Replaces MAS's database by its backup and, if given, the marker, in one transaction. Without a
    /// backup it is emptied, which is how it was before an import.
    ///
    /// # Errors
    ///
    /// If the database cannot be written, or is not the one in the journal. Then it is as before.
    async fn restore(
        &mut self,
        backup: Option<&Path>,
        marker: Option<&Marker>,
    ) -> Result<(), MigrateError>;

    /// The last tokens that Synapse has made.
    ///
    /// # Errors
    ///
    /// If its database cannot be read.
    async fn last_tokens(&mut self) -> Result<LastTokens, MigrateError>;

    /// Deletes from Synapse's database what was ended in MAS since this time, and prepares
    /// [`Host::log_out`]. Tokens after `last` stay.
    ///
    /// # Errors
    ///
    /// If a database cannot be read or written. Then Synapse's is as before.
    async fn repair(&mut self, cut_over: &str, last: LastTokens) -> Result<String, MigrateError>;

    /// Logs out of Synapse the devices that came through MAS. Returns how many.
    ///
    /// # Errors
    ///
    /// If Synapse or its database does not answer.
    async fn log_out(&mut self) -> Result<usize, MigrateError>;
}
