//! The state of the migration on this host, and what to do next.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use serde::Serialize;

use crate::migrate::{
    MigrateError,
    context::Context,
    control::{self, Live, Pace},
    cutover::{
        Event,
        decide::{self, Observed, Seen, Stage},
        real_host,
        refusal::Refusal,
    },
    health::{self, Addresses},
    journal::{self, Line, State, StepStatus},
    postgres::connection::Database,
    step::Step,
};

/// How often the progress is written.
const EVERY: Duration = Duration::from_secs(1);

/// Writes what a migration is doing, for `status` in another terminal.
#[derive(Debug)]
pub struct LiveRecorder {
    state: PathBuf,
    live: Live,
    written: Instant,
    pace: Pace,
}

impl LiveRecorder {
    /// Writes to the directory of the journal. `waits` says whether the migration waits for its cutover.
    #[must_use]
    pub fn new(state: PathBuf, waits: bool) -> Self {
        LiveRecorder {
            state,
            live: Live {
                step: Step::Inspect,
                since: journal::now(),
                rows: None,
                what: None,
                rate: None,
                round: None,
                rounds: 0,
                waits,
                note: None,
            },
            written: Instant::now(),
            pace: Pace::default(),
        }
    }

    /// Takes note of an event.
    pub fn on_event(&mut self, event: &Event) {
        match event {
            Event::StepStarted(step) => {
                self.live = Live {
                    step: *step,
                    since: journal::now(),
                    rows: None,
                    what: None,
                    rate: None,
                    note: None,
                    ..self.live.clone()
                };
                self.write();
            }
            Event::Copying(copied) => self.count("rows", copied.rows, copied.of),
            Event::Importing(progress) => {
                self.count(&progress.entity, progress.done, progress.total);
            }
            Event::CaughtUp(round) => {
                self.live.round = Some(*round);
                self.live.rounds += 1;
                self.write();
            }
            Event::Note(text) => {
                self.live.note = Some((*text).to_owned());
                self.write();
            }
            Event::Inspected(_) | Event::StepDone(..) => {}
        }
    }

    fn count(&mut self, what: &str, done: u64, of: u64) {
        self.live.what = Some(what.to_owned());
        self.live.rows = Some([done, of.max(done)]);
        self.live.rate = self.pace.rate(what, done);
        if self.written.elapsed() >= EVERY {
            self.write();
        }
    }

    fn write(&mut self) {
        self.written = Instant::now();
        // Only `status` misses it.
        let _ = control::show(&self.state, &self.live);
    }
}

/// What a running migration is doing, in a sentence.
#[must_use]
pub fn in_words(live: &Live) -> String {
    let mut text = format!(
        "syn2mas is at work: {} since {}",
        live.step.name(),
        live.since
    );
    if let (Some([done, of]), Some(what)) = (live.rows, &live.what) {
        text += &format!(", {done} of about {of} {what}");
        if let Some(rate) = live.rate {
            text += &format!(", {rate} a second");
        }
        if let Some(left) = control::seconds_left([done, of], live.rate) {
            text += &format!(", {left} s left");
        }
    }
    if let Some(round) = &live.round {
        text += &format!(
            ". Round {} of catching up took {:.1} s, for {} rows",
            live.rounds, round.seconds, round.rows
        );
    }
    text += ".";
    if let Some(note) = &live.note {
        text += &format!(" {note}.");
    }
    text
}

/// What another command than a migration is doing, in a sentence.
fn in_short(lines: &[Line]) -> String {
    // A step that has ended is perhaps one of an earlier command.
    let mut steps = (lines.iter().rev()).filter(|it| it.status != StepStatus::Recorded);
    let step = steps.next().filter(|it| it.status == StepStatus::Begun);
    let step = step.map_or(String::new(), |line| format!(": {}", line.step.name()));
    format!("syn2mas is at work{step}. Wait until it is done.")
}

/// The output of `syn2mas status`, also as JSON.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The stage in one word. Null if what is seen contradicts the journal.
    pub stage: Option<Stage>,
    /// Whether another `syn2mas` is at work on this journal.
    pub at_work: bool,
    /// What that `syn2mas` is doing. Null if none is, or it is not a migration.
    pub live: Option<Live>,
    /// The stage in one or two sentences.
    pub summary: String,
    /// The next command to run, for example `syn2mas migrate`. Null if there is nothing to do.
    pub next: Option<String>,
    /// The units that run.
    pub running: Vec<String>,
    /// The units that are kept from being started.
    pub held: Vec<String>,
    /// The overlay and the includes, each with whether it is filled; null if it cannot be read.
    pub cutover_files: Vec<(String, Option<bool>)>,
    /// The state of MAS's database, for example `empty`, or why it is unknown.
    pub mas_database: String,
    /// The version that Synapse reports over HTTP. Null if it does not answer.
    pub synapse: Option<String>,
    /// The current state in the journal.
    pub state: State,
    /// The last lines of the journal, up to 20.
    pub journal: Vec<Line>,
}

/// What a stage means, and the next command to type.
fn summary(stage: Stage) -> (&'static str, Option<&'static str>) {
    match stage {
        Stage::NotBegun => (
            "Synapse authenticates its users by itself, and no migration is under way.",
            Some("syn2mas inspect"),
        ),
        Stage::Interrupted => (
            "A migration was interrupted before the cutover. Synapse may be down.",
            Some("syn2mas rollback"),
        ),
        Stage::CutOver => (
            "Synapse delegates to MAS, but the last steps of the migration were not done. Logins may fail.",
            Some("syn2mas migrate"),
        ),
        Stage::Migrated => ("The homeserver was moved to MAS.", None),
        Stage::OverlayEmptied => (
            "The homeserver was moved to MAS, but somebody has emptied the overlay since.",
            Some("syn2mas rollback"),
        ),
        Stage::Leaving => (
            "A rollback was interrupted while Synapse still delegates to MAS. Both may be down.",
            Some("syn2mas migrate"),
        ),
        Stage::RollingBack => (
            "A rollback was interrupted after Synapse had stopped to delegate. Synapse may be down.",
            Some("syn2mas rollback"),
        ),
    }
}

/// The stage, or why it is unknown; what that means; and the next command.
fn verdict(
    recorded: &State,
    seen: Result<&Observed, String>,
) -> (Option<Stage>, String, Option<String>) {
    let found = match seen {
        Ok(seen) => decide::stage(recorded, seen).and_then(|stage| sure(stage, seen)),
        Err(reason) => Err(Refusal::Unknown(reason)),
    };
    match found {
        Ok(stage) => {
            let (summary, next) = summary(stage);
            (Some(stage), summary.to_owned(), next.map(str::to_owned))
        }
        Err(Refusal::Unknown(reason)) => {
            let what = match &recorded.migration {
                None => "whether a migration was begun",
                Some(_) => "where the migration in the journal stands",
            };
            (None, format!("It is not known {what}: {reason}."), None)
        }
        Err(refusal) => (None, refusal.to_string(), refusal.next().map(str::to_owned)),
    }
}

/// What to say of copies of Synapse's tables that no migration needs. None if there are none, or the server does
/// not answer.
async fn left_copies(context: &Context, is_needed: bool) -> Option<String> {
    let copies = context.unneeded_copies(is_needed).await.ok()?;
    let names: Vec<&str> = copies.iter().map(Database::name).collect();
    (!names.is_empty()).then(|| {
        format!(
            " A copy of Synapse's tables is left, with password hashes and tokens: {}. `syn2mas clean` drops it.",
            names.join(", ")
        )
    })
}

/// Where the migration stands. None if that is not known, or what is seen contradicts the journal.
pub async fn stage(context: &Context, recorded: &State) -> Option<Stage> {
    let seen = real_host::observe(context, recorded).await.ok()?;
    decide::stage(recorded, &seen).ok()
}

/// Whether a migration needs the copy of Synapse's tables, as far as can be seen: one that was begun, perhaps
/// with another journal, and is not finished.
#[must_use]
pub fn needs_copy(stage: Option<Stage>) -> bool {
    use Stage::{Migrated, NotBegun, OverlayEmptied};
    !matches!(stage, Some(NotBegun | Migrated | OverlayEmptied))
}

/// The stage, unless something was not seen that could say that a migration was begun elsewhere.
fn sure(stage: Stage, seen: &Observed) -> Result<Stage, Refusal> {
    let unknown = match (&seen.target, &seen.marker) {
        (Seen::Unknown(reason), _) | (_, Seen::Unknown(reason)) => Some(reason),
        _ => None,
    };
    match unknown {
        Some(reason) if stage == Stage::NotBegun => Err(Refusal::Unknown(reason.clone())),
        _ => Ok(stage),
    }
}

/// Collects the status. A part that is unavailable does not fail the rest.
///
/// # Errors
///
/// If the journal cannot be read.
pub async fn status(context: &Context) -> Result<Status, MigrateError> {
    const LINES: usize = 20;
    let lines = journal::read(&context.state())?;
    let recorded = journal::last_state(&lines);
    let at_work = journal::is_in_use(&context.state())?;
    let cutover_files = context.args.overlay.iter().chain(&context.args.include);
    let cutover_files: Vec<(String, Option<bool>)> = cutover_files
        .map(|file| (file.file.display().to_string(), file.is_on().ok()))
        .collect();
    let seen = real_host::observe(context, &recorded).await;
    let seen = seen.as_ref().map_err(MigrateError::with_causes);
    let needs_copy = match &seen {
        Ok(seen) => needs_copy(decide::stage(&recorded, seen).ok()),
        Err(_) => true,
    };
    let (mut stage, mut summary, mut next) = verdict(&recorded, seen);
    let live = control::shown(&context.state()).filter(|_| at_work);
    if at_work {
        let is_waiting = |live: &Live| live.waits && live.step == Step::CatchUp;
        let is_waiting = live.as_ref().is_some_and(is_waiting);
        stage = None;
        summary = match &live {
            Some(live) => in_words(live),
            None => in_short(&lines),
        };
        next = is_waiting.then(|| "syn2mas cutover".to_owned());
    }
    if !at_work && let Some(copies) = left_copies(context, needs_copy).await {
        summary += &copies;
        next = next.or_else(|| Some("syn2mas clean".to_owned()));
    }
    let (running, held) = match context.services() {
        Ok(services) => (
            services.running().await.unwrap_or_default(),
            services.inhibited(),
        ),
        Err(_) => (Vec::new(), Vec::new()),
    };
    let mas_database = match context.mas_state().await {
        Ok(found) => found.to_string(),
        Err(error) => error.with_causes(),
    };
    let synapse = match Addresses::of(context) {
        Ok(addresses) => health::synapse_version(&addresses.synapse).await,
        Err(_) => None,
    };
    let last = lines.len().saturating_sub(LINES);
    Ok(Status {
        stage,
        at_work,
        live,
        summary,
        next,
        running,
        held,
        cutover_files,
        mas_database,
        synapse,
        state: recorded,
        journal: lines[last..].to_vec(),
    })
}
