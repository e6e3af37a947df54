//! The state of the migration on this host, and what to do next.

use serde::Serialize;

use crate::migrate::{
    MigrateError,
    health::{self, Addresses},
    inputs::Inputs,
    journal::{self, Line, State},
};

/// The output of `syn2mas status`, also as JSON.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The stage in one word.
    pub stage: Stage,
    /// The stage in one or two sentences.
    pub summary: String,
    /// The next command to run, for example `syn2mas migrate`. Null if there is nothing to do.
    pub next: Option<String>,
    /// The units that run.
    pub running: Vec<String>,
    /// The units that are kept from being started.
    pub held: Vec<String>,
    /// The overlay and the includes, each with whether it is filled; null if it cannot be read.
    pub switches: Vec<(String, Option<bool>)>,
    /// The state of MAS's database, for example `empty`, or why it is unknown.
    pub mas_database: String,
    /// The version that Synapse reports over HTTP. Null if it does not answer.
    pub synapse: Option<String>,
    /// The current state in the journal.
    pub memory: State,
    /// The last lines of the journal, up to 20.
    pub journal: Vec<Line>,
}

/// How far the migration has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// No migration has started, or everything was reverted.
    NotBegun,
    /// A run was interrupted before the cutover.
    Interrupted,
    /// The overlay is filled, but later steps are not done.
    CutOver,
    /// The migration is complete.
    Migrated,
    /// A rollback after the cutover was interrupted.
    RollingBack,
}

impl Stage {
    fn of(memory: &State, overlay: bool) -> Self {
        match (memory, overlay) {
            (memory, _) if memory.rolling_back => Stage::RollingBack,
            (memory, _) if memory.finished => Stage::Migrated,
            (_, true) => Stage::CutOver,
            (memory, false) if memory.is_clear() => Stage::NotBegun,
            (_, false) => Stage::Interrupted,
        }
    }

    fn summary(self) -> (&'static str, Option<&'static str>) {
        match self {
            Stage::NotBegun => (
                "Synapse authenticates its users by itself, and no migration was begun.",
                Some("syn2mas inspect"),
            ),
            Stage::Interrupted => (
                "A migration was interrupted before the cutover. Synapse may be down.",
                Some("syn2mas rollback"),
            ),
            Stage::CutOver => (
                "Synapse lets MAS authenticate its users, but the last steps were not done.",
                Some("syn2mas migrate"),
            ),
            Stage::Migrated => ("The homeserver was moved to MAS.", None),
            Stage::RollingBack => (
                "Going back to Synapse was interrupted. Synapse may be down.",
                Some("syn2mas rollback"),
            ),
        }
    }
}

/// Collects the status. A part that is unavailable does not fail the rest.
///
/// # Errors
///
/// If the journal cannot be read.
pub async fn status(inputs: &Inputs) -> Result<Status, MigrateError> {
    const LINES: usize = 20;
    let lines = journal::read(&inputs.state())?;
    let memory = journal::remembered(&lines);
    let switches = inputs.overlay.iter().chain(&inputs.include);
    let switches: Vec<(String, Option<bool>)> = switches
        .map(|switch| (switch.file.display().to_string(), switch.is_on().ok()))
        .collect();
    let overlay = inputs.overlay.as_ref();
    let stage = Stage::of(
        &memory,
        overlay.is_some_and(|overlay| matches!(overlay.is_on(), Ok(true))),
    );
    let (summary, next) = stage.summary();
    let (running, held) = match inputs.services() {
        Ok(services) => (
            services.running().await.unwrap_or_default(),
            services.inhibited(),
        ),
        Err(_) => (Vec::new(), Vec::new()),
    };
    let mas_database = match inputs.mas_state().await {
        Ok(found) => found.to_string(),
        Err(error) => error.with_causes(),
    };
    let synapse = match Addresses::of(inputs) {
        Ok(addresses) => health::synapse_version(&addresses.synapse).await,
        Err(_) => None,
    };
    let last = lines.len().saturating_sub(LINES);
    Ok(Status {
        stage,
        summary: summary.to_owned(),
        next: next.map(str::to_owned),
        running,
        held,
        switches,
        mas_database,
        synapse,
        memory,
        journal: lines[last..].to_vec(),
    })
}
