//! `syn2mas cutover` and `syn2mas cancel`: what another terminal tells a migration that runs.

use std::{path::PathBuf, time::Duration};

use anyhow::Result;
use mas2nix::migrate::{
    MigrateError,
    context::Context,
    control::{self, Request},
    cutover::{
        Migration, Outcome, decide,
        real_host::{self, MigrateOptions, RealHost},
    },
    journal::{self, State},
    step::Step,
    system::signals::Signals,
};
use serde_json::json;

use crate::{exit::Ending, output, verdict, view::view};

/// Tells the migration to cut over.
pub async fn run_cutover(context: &Context, json: bool) -> Result<Ending> {
    let reason = not_before_cutover(context).await?;
    if reason.is_none() {
        Request::CutOver.make(&context.state())?;
    }
    let next = view().given.next("syn2mas status");
    let text = reason
        .as_deref()
        .unwrap_or("The migration cuts over as soon as it has caught up.");
    let value = json!({"told": reason.is_none(), "reason": reason});
    verdict::say(json, value, text, &next)?;
    Ok(match reason {
        None => Ending::Good,
        Some(_) => Ending::Blocked,
    })
}

/// Why there is no migration that waits for its cutover.
async fn not_before_cutover(context: &Context) -> Result<Option<String>> {
    let recorded = journal::recorded(&context.state())?;
    if recorded.cut_over.is_some() {
        return Ok(Some("The cutover has begun already.".to_owned()));
    }
    if !journal::is_in_use(&context.state())? {
        let none = "No migration is running. `syn2mas migrate --wait` prepares one.";
        let elsewhere = match context.overlay() {
            Ok(_) => elsewhere(context, &recorded).await?,
            // Nothing on the command line leads elsewhere.
            Err(_) => None,
        };
        return Ok(Some(elsewhere.unwrap_or_else(|| none.to_owned())));
    }
    Ok(match control::shown(&context.state()) {
        None => Some(NOT_TO_BE_TOLD.to_owned()),
        Some(_) if Request::Cancel.is_made(&context.state()) => {
            Some("The migration is being cancelled.".to_owned())
        }
        Some(live) if live.step >= Step::StopMas => {
            Some("The migration is being undone.".to_owned())
        }
        Some(_) => None,
    })
}

/// Why a running `syn2mas` does not listen to requests.
const NOT_TO_BE_TOLD: &str = "Another syn2mas is running: a migration that asks whether to begin, or another \
                              command. Wait until it is done.";

/// What there is of a migration that this journal does not know, in words: one that runs with another
/// `--state-dir`, or whose journal is lost.
async fn elsewhere(context: &Context, recorded: &State) -> Result<Option<String>> {
    if let Some(directory) = locked_overlay(context)? {
        return Ok(Some(format!(
            "Another syn2mas uses {}: perhaps a migration with another `--state-dir`.",
            directory.display()
        )));
    }
    let seen = real_host::observe(context, recorded).await?;
    Ok(decide::stage(recorded, &seen)
        .err()
        .map(|refusal| format!("{refusal}.")))
}

/// The directory of the overlay, if another `syn2mas` holds its lock.
fn locked_overlay(context: &Context) -> Result<Option<PathBuf>> {
    Ok(match context.overlay()?.lock() {
        Err(MigrateError::Locked(directory)) => Some(directory),
        _ => None,
    })
}

/// Waits until no other `syn2mas` is at work, for up to 10 s: when a unit ends, systemd lets one undo what is
/// left.
async fn wait_until_free(context: &Context) -> Result<()> {
    const TRIES: usize = 50;
    for _ in 0..TRIES {
        if locked_overlay(context)?.is_none() && !journal::is_in_use(&context.state())? {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

/// Cancels the migration, or undoes one that was killed, and waits until that is done.
pub async fn run_cancel(context: &Context, json: bool) -> Result<Ending> {
    const BEGUN: &str =
        "The cutover has begun. `syn2mas rollback --plan` shows what going back would lose.";
    let refused = |reason: &str| finish(json, "refused", reason, "syn2mas status", Ending::Blocked);
    let state = context.state();
    if journal::recorded(&state)?.cut_over.is_some() {
        return refused(BEGUN);
    }
    if journal::is_in_use(&state)? {
        if control::shown(&state).is_none() {
            return refused(NOT_TO_BE_TOLD);
        }
        Request::Cancel.make(&state)?;
        while journal::is_in_use(&state)? {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    wait_until_free(context).await?;
    if journal::recorded(&state)?.cut_over.is_some() {
        return refused(
            "The cutover had begun before it could be cancelled. `syn2mas rollback --plan` shows what going \
             back would lose.",
        );
    }
    if let Some(reason) = elsewhere(context, &journal::recorded(&state)?).await? {
        return refused(&reason);
    }
    // What the migration could not undo, or was killed before it did.
    if journal::recorded(&state)? != State::default() {
        let mut reporter = output::Reporter::new(json);
        let mut host = RealHost::open(context, MigrateOptions::default())?;
        let signals = Some(Signals::listen()?);
        let migration = Migration::new(&mut host, signals, |event| reporter.on_event(&event));
        let outcome = Box::pin(migration.undo_interrupted()).await?;
        drop(reporter);
        if !matches!(outcome, Outcome::RolledBack) {
            return Ok(crate::report_rollback(&outcome, json));
        }
    }
    control::clear(&state)?;
    // One whose journal was lost before it had begun anything else.
    for copy in context.unneeded_copies(false).await? {
        context.drop_copy(&copy).await?;
    }
    finish(
        json,
        "cancelled",
        "Nothing is left of the migration. Synapse authenticates its own users.",
        "syn2mas inspect",
        Ending::Good,
    )
}

fn finish(json: bool, result: &str, reason: &str, next: &str, ending: Ending) -> Result<Ending> {
    let value = json!({"result": result, "reason": reason});
    verdict::say(json, value, reason, &view().given.next(next))?;
    Ok(ending)
}
