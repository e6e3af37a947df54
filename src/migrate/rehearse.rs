//! A rehearsal: everything but the cutover, on a copy, while Synapse runs.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::{
    MigrateError,
    backup::{self, Extent},
    database::Database,
    grant::Grant,
    import::{MasCli, Progress},
    inputs::Inputs,
    interrupt::Interruptions,
    journal::Journal,
    scratch::{self, Scratch},
    server,
    services::{Services, Side},
    verify::{Comparison, Report},
};

/// A part of a rehearsal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Copying what the import reads.
    Copy,
    /// Backing up.
    BackUp,
    /// Importing.
    Import,
    /// Comparing.
    Verify,
}

impl Part {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Part::Copy => "copy",
            Part::BackUp => "back-up",
            Part::Import => "import",
            Part::Verify => "verify",
        }
    }
}

/// What a rehearsal wants to tell while it goes on.
#[derive(Debug)]
pub enum Told<'a> {
    /// A part begins.
    Begun(Part),
    /// How far the import is.
    Importing(&'a Progress),
    /// A part is done.
    Done(Part, Duration),
}

/// What a rehearsal found out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rehearsal {
    /// Whether everything arrived as it should.
    pub identical: bool,
    /// What was compared.
    pub entities: Vec<Report>,
    /// How long each part took, in seconds.
    pub parts: Vec<(Part, f64)>,
    /// How long Synapse took to start the last time, in seconds; null if it is no unit.
    pub start: Option<f64>,
    /// How long Synapse will be down, in seconds: backup, import, comparison and start.
    pub downtime: f64,
    /// The size of the backups, in bytes.
    pub backup_size: u64,
    /// How large MAS's database gets, in bytes.
    pub mas_size: i64,
}

/// Rehearses. Both scratch databases are removed, also when interrupted; if this process is killed, the
/// next rehearsal removes them.
///
/// # Errors
///
/// If a part of it fails, as it would in earnest.
pub async fn rehearse(inputs: &Inputs, tell: impl FnMut(Told)) -> Result<Rehearsal, MigrateError> {
    let mut interrupted = Interruptions::listen()?;
    let synapse =
        Scratch::make(inputs, "the copy of Synapse's database", "syn2mas_synapse").await?;
    let mas = match Scratch::make(inputs, "the rehearsal's database of MAS", "syn2mas_mas").await {
        Ok(mas) => mas,
        Err(error) => {
            synapse.remove().await?;
            return Err(error);
        }
    };
    let rehearsed = tokio::select! {
        rehearsed = on_scratch(inputs, &synapse.database, &mas.database, tell) => rehearsed,
        () = interrupted.next() => Err(MigrateError::Missing("interrupted".to_owned())),
    };
    let removed = (synapse.remove().await, mas.remove().await);
    let rehearsed = rehearsed?;
    removed.0.and(removed.1)?;
    Ok(rehearsed)
}

async fn on_scratch(
    inputs: &Inputs,
    synapse: &Database,
    mas: &Database,
    mut tell: impl FnMut(Told),
) -> Result<Rehearsal, MigrateError> {
    let mut parts = Vec::new();
    let mut begun = Instant::now();
    let mut done = |part: Part, tell: &mut dyn FnMut(Told)| {
        let took = begun.elapsed();
        begun = Instant::now();
        parts.push((part, took.as_secs_f64()));
        tell(Told::Done(part, took));
    };
    tell(Told::Begun(Part::Copy));
    scratch::copy(&inputs.synapse_database()?, synapse).await?;
    done(Part::Copy, &mut tell);

    tell(Told::Begun(Part::BackUp));
    let directory = inputs.state().join("rehearsal");
    let backup_size = backup::make(inputs, &directory, Extent::Tables).await;
    let removed = std::fs::remove_dir_all(&directory);
    let backup_size = backup_size?;
    removed.map_err(|error| MigrateError::file(&directory, error.to_string()))?;
    done(Part::BackUp, &mut tell);

    tell(Told::Begun(Part::Import));
    let mas_cli = MasCli::prepare(inputs, synapse, Some(mas))?;
    server::settle(synapse).await?;
    mas_cli
        .migrate(false, None, |progress| tell(Told::Importing(progress)))
        .await?;
    done(Part::Import, &mut tell);

    tell(Told::Begun(Part::Verify));
    let comparison = Comparison {
        providers: inputs.providers()?,
        every_row: true,
        ..Comparison::default()
    };
    let entities = comparison.run(synapse, mas, |_| {}).await?;
    done(Part::Verify, &mut tell);

    let start = match Services::of(inputs) {
        Ok(services) => services.time_to_start(Side::Synapse).await,
        Err(_) => None,
    };
    let counted = parts.iter().filter(|(part, _)| *part != Part::Copy);
    let counted: f64 = counted.map(|(_, seconds)| seconds).sum();
    Ok(Rehearsal {
        identical: entities.iter().all(Report::is_identical),
        entities,
        start,
        downtime: counted + start.unwrap_or_default(),
        parts,
        backup_size,
        mas_size: size(mas).await?,
    })
}

async fn size(database: &Database) -> Result<i64, MigrateError> {
    let mut connection = database.connect().await?;
    sqlx::query_scalar("SELECT pg_database_size(current_database())")
        .fetch_one(&mut connection)
        .await
        .map_err(database.failed("cannot tell its size"))
}

/// Lets `mas-cli` try by itself, from Synapse's database into MAS's own, which is empty again
/// afterwards.
///
/// # Errors
///
/// If it fails.
pub async fn dry_run(inputs: &Inputs, tell: impl FnMut(&Progress)) -> Result<(), MigrateError> {
    const DRY_RUN: &str = "dry-run";
    let (synapse, mas) = (inputs.synapse_database()?, inputs.mas_database()?);
    let mut interrupted = Interruptions::listen()?;
    let mut journal = Journal::open(&inputs.state())?;
    let lent = match inputs.admin_database()? {
        Some(admin) => {
            let grant = Grant::between(&synapse, &mas).await?;
            let needed = grant.is_needed(&admin).await?;
            if needed {
                journal.remember(DRY_RUN, |memory| memory.granted = true)?;
                grant.give(&admin).await?;
            }
            needed.then_some((grant, admin))
        }
        None => None,
    };
    let through = inputs.synapse_database_for_import()?;
    let mas_cli = MasCli::prepare(inputs, &through, None)?;
    let done = tokio::select! {
        done = mas_cli.migrate(true, None, tell) => done,
        () = interrupted.next() => Err(MigrateError::Missing("interrupted".to_owned())),
    };
    if let Some((grant, admin)) = lent {
        grant.revoke(&admin).await?;
        journal.remember(DRY_RUN, |memory| memory.granted = false)?;
    }
    done
}
