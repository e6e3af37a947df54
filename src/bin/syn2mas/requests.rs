//! `syn2mas cutover` and `syn2mas cancel`: what another terminal tells a migration that runs.

use std::{io::Write as _, time::Duration};

use anyhow::Result;
use mas2nix::migrate::{
    context::Context,
    control::{self, Request},
    cutover::{
        Migration, Outcome,
        real_host::{MigrateOptions, RealHost},
    },
    journal::{self, State},
    system::signals::Signals,
};
use serde_json::json;

use crate::{exit::Ending, output};

/// Tells the migration to cut over.
pub fn run_cutover(context: &Context, json: bool) -> Result<Ending> {
    let reason = not_before_cutover(context)?;
    if reason.is_none() {
        Request::CutOver.make(&context.state())?;
    }
    let mut out = std::io::stdout().lock();
    if json {
        let told = reason.is_none();
        writeln!(out, "{:#}", json!({"told": told, "reason": reason}))?;
    } else {
        writeln!(
            out,
            "{}",
            reason.unwrap_or(
                "The migration cuts over as soon as it has caught up. `syn2mas status` shows how far it is."
            )
        )?;
    }
    Ok(match reason {
        None => Ending::Good,
        Some(_) => Ending::Blocked,
    })
}

/// Why there is no migration that waits for its cutover.
fn not_before_cutover(context: &Context) -> Result<Option<&'static str>> {
    let state = recorded(context)?;
    Ok(if state.cut_over.is_some() {
        Some("The cutover has begun already.")
    } else if !journal::is_in_use(&context.state())? {
        Some("No migration is running. Run `syn2mas migrate --wait` to prepare one.")
    } else if control::shown(&context.state()).is_none() {
        Some("Another syn2mas is running, and it is no migration.")
    } else {
        None
    })
}

fn recorded(context: &Context) -> Result<State> {
    Ok(journal::last_state(&journal::read(&context.state())?))
}

/// Cancels the migration, or undoes one that was killed, and waits until that is done.
pub async fn run_cancel(context: &Context, json: bool) -> Result<Ending> {
    let state = context.state();
    if recorded(context)?.cut_over.is_some() {
        return finish(
            json,
            "refused",
            "The cutover has begun. `syn2mas rollback` shows what going back would lose.",
            Ending::Blocked,
        );
    }
    if journal::is_in_use(&state)? {
        if control::shown(&state).is_none() {
            return finish(
                json,
                "refused",
                "Another syn2mas is running, and it is no migration. Wait until it is done.",
                Ending::Blocked,
            );
        }
        Request::Cancel.make(&state)?;
        while journal::is_in_use(&state)? {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    if recorded(context)?.cut_over.is_some() {
        return finish(
            json,
            "refused",
            "The cutover had begun before it could be cancelled. `syn2mas status` shows how it ended.",
            Ending::Blocked,
        );
    }
    // What the migration could not undo, or was killed before it did.
    if recorded(context)? != State::default() {
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
    finish(
        json,
        "cancelled",
        "Nothing is left of the migration. Synapse authenticates its own users.",
        Ending::Good,
    )
}

fn finish(json: bool, result: &str, reason: &str, ending: Ending) -> Result<Ending> {
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{:#}", json!({"result": result, "reason": reason}))?;
    } else {
        writeln!(out, "{reason}")?;
    }
    Ok(ending)
}
