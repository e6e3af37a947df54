//! Where things stand: what the journal says, what the world looks like, and what to do next.

use serde::Serialize;

use crate::migrate::{
    MigrateError,
    health::{self, Addresses},
    inputs::Inputs,
    journal::{self, Line, State},
};

/// Where things stand.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// In one word.
    pub stage: Stage,
    /// In one sentence.
    pub summary: String,
    /// The next command to type, or nothing if there is nothing to do.
    pub next: Option<String>,
    /// Units that run.
    pub running: Vec<String>,
    /// Units that are kept from starting.
    pub held: Vec<String>,
    /// Whether the overlay and the includes are full, by file; null if it cannot be told.
    pub switches: Vec<(String, Option<bool>)>,
    /// The state of MAS's database, or why it cannot be told.
    pub mas_database: String,
    /// The version that Synapse says it is, if it answers.
    pub synapse: Option<String>,
    /// What the journal remembers.
    pub memory: State,
    /// The last lines of the journal.
    pub journal: Vec<Line>,
}

/// How far a migration is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Nothing was done.
    NotBegun,
    /// A run ended in the middle.
    Interrupted,
    /// Synapse lets MAS authenticate its users, but not everything was done.
    CutOver,
    /// The homeserver was moved.
    Migrated,
    /// Going back ended in the middle.
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

/// Looks where things stand.
///
/// # Errors
///
/// If the journal or the inputs cannot be read.
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
        Err(error) => error.to_string(),
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
