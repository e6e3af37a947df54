//! The rehearsal: everything except the cutover, on copies of both databases, while Synapse runs.

use std::{
    fs, io,
    path::Path,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::mas_cli::syn2mas::Progress;
use crate::migrate::{
    MigrateError,
    context::Context,
    control, copy,
    import::PreparedMasCli,
    journal::{Journal, State},
    postgres::{
        backup::{self, BackupScope},
        connection::Database,
        mas_state,
        role_grant::Grant,
        scratch,
        tables::wait_for_table_locks,
    },
    preflight::host::{self, Writes},
    step::Step,
    system::{signals::Signals, systemd::Component},
    verify::{Comparison, Report},
};

/// A stage of the rehearsal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Back both databases up.
    BackUp,
    /// Restore the backup of Synapse's tables into a scratch database.
    Copy,
    /// Import from that into another scratch database.
    Import,
    /// Compare both scratch databases row by row.
    Verify,
    /// Restore the backup of MAS's database over the import, as a rollback does.
    Restore,
}

impl Stage {
    /// The name in kebab case, as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Stage::BackUp => "back-up",
            Stage::Copy => "copy",
            Stage::Import => "import",
            Stage::Verify => "verify",
            Stage::Restore => "restore",
        }
    }
}

/// Progress of the rehearsal, for display.
#[derive(Debug)]
pub enum Event<'a> {
    /// A stage starts.
    Begun(Stage),
    /// Progress of the import.
    Importing(&'a Progress),
    /// A stage is done, and took this long.
    Done(Stage, Duration),
}

/// Results of the rehearsal, for output as JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rehearsal {
    /// Whether the comparison found no difference.
    pub identical: bool,
    /// The comparison of both scratch databases.
    pub entities: Vec<Report>,
    /// How long each stage took, in seconds.
    pub parts: Vec<(Stage, f64)>,
    /// How long Synapse took to start the last time, in seconds. Null if that is unknown.
    pub start: Option<f64>,
    /// How long a scan of Synapse's tables takes, in seconds. Null if they cannot be copied while it runs.
    pub scan: Option<f64>,
    /// Expected downtime of Synapse, in seconds: a scan and its start. If its tables cannot be copied while it
    /// runs, the sum of backup, import, comparison and start.
    pub downtime: f64,
    /// The size of both backups, in bytes.
    pub backup_size: u64,
    /// The size of MAS's database after the import, in bytes.
    pub mas_size: u64,
}

/// Runs the rehearsal. Removes both scratch databases afterwards, also after an interruption. If this
/// process is killed, the next rehearsal or `verify` with a backup removes them.
///
/// # Errors
///
/// If there is not enough space on the disk, or a stage fails.
pub async fn rehearse(
    context: &Context,
    on_event: impl FnMut(Event),
) -> Result<Rehearsal, MigrateError> {
    let mut signals = Signals::listen()?;
    context.drop_leftovers().await?;
    host::make_sure_of_room(context, Writes::Rehearsal).await?;
    let directory = context.args.rehearsal();
    let synapse = context
        .scratch("the copy of Synapse's database", scratch::COPY)
        .await?;
    let mas = match context
        .scratch("the rehearsal's database of MAS", scratch::REHEARSAL)
        .await
    {
        Ok(mas) => mas,
        Err(error) => {
            synapse.remove().await?;
            return Err(error);
        }
    };
    let work = on_scratch(
        context,
        &directory,
        &synapse.database,
        &mas.database,
        on_event,
    );
    let rehearsed = signals.run(work).await;
    let removed = (synapse.remove().await, mas.remove().await);
    delete(&directory)?;
    let rehearsed = rehearsed?;
    removed.0.and(removed.1)?;
    Ok(rehearsed)
}

/// Deletes the backups of a rehearsal, because they hold password hashes and tokens.
fn delete(directory: &Path) -> Result<(), MigrateError> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(MigrateError::io("remove", directory)(error))
        }
        _ => Ok(()),
    }
}

async fn on_scratch(
    context: &Context,
    directory: &Path,
    synapse: &Database,
    mas: &Database,
    mut on_event: impl FnMut(Event),
) -> Result<Rehearsal, MigrateError> {
    let mut parts = Vec::new();
    let mut begun = Instant::now();
    let mut done = |part: Stage, on_event: &mut dyn FnMut(Event)| {
        let took = begun.elapsed();
        begun = Instant::now();
        parts.push((part, took.as_secs_f64()));
        on_event(Event::Done(part, took));
    };
    on_event(Event::Begun(Stage::BackUp));
    let backup_size = backup::make(
        &context.postgresql(),
        [context.synapse_database()?, context.mas_database()?],
        directory,
        BackupScope::Tables,
    )
    .await?;
    done(Stage::BackUp, &mut on_event);

    on_event(Event::Begun(Stage::Copy));
    backup::restore_synapse(&context.postgresql(), directory, synapse).await?;
    done(Stage::Copy, &mut on_event);

    on_event(Event::Begun(Stage::Import));
    let mas_cli = PreparedMasCli::prepare(context, synapse, Some(mas)).await?;
    wait_for_table_locks(synapse).await?;
    mas_cli
        .migrate(false, None, |progress| on_event(Event::Importing(progress)))
        .await?;
    done(Stage::Import, &mut on_event);

    on_event(Event::Begun(Stage::Verify));
    let comparison = Comparison {
        every_row: true,
        ..Comparison::of(context)?
    };
    let entities = comparison.run(synapse, mas, |_| {}).await?;
    done(Stage::Verify, &mut on_event);
    let mas_size = host::size(mas).await?;

    on_event(Event::Begun(Stage::Restore));
    backup::restore_mas(&context.postgresql(), Some(directory), "", mas).await?;
    look_at_restored(context, mas).await?;
    done(Stage::Restore, &mut on_event);

    let Downtime { scan, start } = downtime(context).await?;
    let counted = [Stage::BackUp, Stage::Import, Stage::Verify];
    let counted = parts.iter().filter(|(part, _)| counted.contains(part));
    let counted = scan.unwrap_or_else(|| counted.map(|(_, seconds)| seconds).sum());
    Ok(Rehearsal {
        identical: entities.iter().all(Report::is_identical),
        entities,
        start,
        scan,
        downtime: counted + start.unwrap_or_default(),
        parts,
        backup_size,
        mas_size,
    })
}

/// What the downtime of Synapse consists of, in seconds, if its tables can be copied while it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Downtime {
    /// How long a scan of Synapse's tables takes, which is about what the last round takes. None if they
    /// cannot be copied while Synapse runs.
    pub scan: Option<f64>,
    /// How long Synapse took to start the last time. None if that is unknown.
    pub start: Option<f64>,
}

/// Measures what the downtime will consist of, while Synapse runs.
///
/// # Errors
///
/// If a database cannot be read.
pub async fn downtime(context: &Context) -> Result<Downtime, MigrateError> {
    let start = match context.services() {
        Ok(services) => services.time_to_start(Component::Synapse).await,
        Err(_) => None,
    };
    let scan = match host::no_copy(context).await? {
        None => Some(
            copy::time_to_scan(context.synapse_database()?)
                .await?
                .as_secs_f64(),
        ),
        Some(_) => None,
    };
    Ok(Downtime { scan, start })
}

/// Fails unless the restored database has the same state as MAS's own.
async fn look_at_restored(context: &Context, restored: &Database) -> Result<(), MigrateError> {
    let before = context.mas_state().await?;
    let mut connection = restored.snapshot().await?;
    let after = mas_state::mas_state(&mut connection, restored).await?;
    if before == after {
        return Ok(());
    }
    Err(MigrateError::Restore {
        before: before.to_string(),
        after: after.to_string(),
    })
}

/// Runs `mas-cli syn2mas migrate --dry-run` on the real databases. MAS's is empty again afterwards.
///
/// # Errors
///
/// If the dry run fails, or Synapse's role cannot be granted to MAS's or revoked.
pub async fn dry_run(
    context: &Context,
    on_progress: impl FnMut(&Progress),
) -> Result<(), MigrateError> {
    let (synapse, mas) = (context.synapse_database()?, context.mas_database()?);
    let mut signals = Signals::listen()?;
    let mut journal = Journal::open(&context.state())?;
    // A migration that was running is not, now that this has the journal.
    control::clear(&context.state())?;
    let through = context.synapse_database_for_import()?;
    let work = async {
        let mas_cli = PreparedMasCli::prepare(context, &through, None).await?;
        mas_cli.migrate(true, None, on_progress).await
    };
    let grant = match context.admin_database()? {
        Some(admin) => {
            let grant = Grant::between(synapse, mas).await?;
            let needed = grant.is_needed(&admin).await?;
            needed.then_some((grant, admin))
        }
        None => None,
    };
    let Some((grant, admin)) = grant else {
        return signals.run(work).await;
    };
    record_grant(&mut journal, true)?;
    let done = signals
        .run(async {
            grant.give(&admin).await?;
            work.await
        })
        .await;
    // Whatever happened meanwhile: revoking a grant that was not made only warns.
    grant.revoke(&admin).await?;
    record_grant(&mut journal, false)?;
    done
}

/// Records whether MAS's role is granted Synapse's, so that `rollback` revokes it if this run is killed.
fn record_grant(journal: &mut Journal, granted: bool) -> Result<(), MigrateError> {
    let state = State {
        granted,
        ..journal.state.clone()
    };
    journal.record(Step::DryRun, &state)
}
