//! The cutover and the rollback.
//!
//! [`decide`] says which steps follow, from the journal and from what is seen. This module performs them
//! on a [`Host`], one after the other, and asks again after each failure and each interruption.

pub mod data_loss;
pub mod decide;
pub mod following;
pub mod host;
pub mod real_host;
pub mod refusal;
pub mod repair;
mod steps;

use std::{
    collections::BTreeSet,
    path::PathBuf,
    time::{Duration, Instant},
};

use serde::Serialize;
use tracing::Instrument as _;

use crate::mas_cli::syn2mas::Progress;
use crate::migrate::{
    MigrateError,
    copy::{Copied, Round},
    cutover::{
        data_loss::Loss,
        decide::{Decision, Goal, Observed, Seen, Stage},
        host::Host,
        refusal::Refusal,
    },
    cutover_file::Overlay,
    journal::{StepStatus, Target},
    preflight::finding::Finding,
    system::signals::Signals,
    verify::Report,
};

pub use crate::migrate::step::Step;

/// Progress of a run, for display.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A step starts.
    StepStarted(Step),
    /// Progress of the copying.
    Copying(Copied),
    /// Progress of the import.
    Importing(&'a Progress),
    /// What was found before the migration.
    Inspected(&'a [Finding]),
    /// A round of catching up is done.
    CaughtUp(Round),
    /// A step is done: its summary, and how long it took.
    StepDone(Step, &'a str, Duration),
    /// A message for the administrator.
    Note(&'a str),
}

/// The outcome of [`Migration::migrate`] and [`Migration::roll_back`].
#[derive(Debug)]
pub enum Outcome {
    /// The homeserver uses MAS now.
    Migrated(Summary),
    /// An earlier run has finished the migration.
    Already {
        /// UTC timestamp of the cutover, RFC 3339 with milliseconds.
        cut_over: String,
    },
    /// There are blockers among these findings. Nothing was changed.
    Blocked(Vec<Finding>),
    /// Nothing was changed, for this reason.
    Refused(Refusal),
    /// Synapse authenticates its users by itself, and everything is as it was before the migration.
    RolledBack,
    /// A step failed, and everything is back as it was.
    FailedAndReverted {
        /// The step that failed.
        step: Step,
        /// Its error.
        error: MigrateError,
    },
    /// A step failed, and not everything could be reverted.
    RollbackIncomplete {
        /// The step that failed.
        step: Step,
        /// Its error.
        error: MigrateError,
        /// What was not reverted, each with what to do about it.
        left: Vec<String>,
    },
}

/// Results of a run, for output as JSON.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The comparison of both databases.
    pub entities: Vec<Report>,
    /// The directory of the backups.
    pub backup: PathBuf,
    /// How long each step took, in seconds.
    pub steps: Vec<(Step, f64)>,
    /// The rounds of catching up. Synapse was stopped for the last one.
    pub rounds: Vec<Round>,
    /// How long Synapse was down, in seconds.
    pub downtime: f64,
    /// Problems that did not stop the migration.
    pub notes: Vec<String>,
}

/// What a step came to.
enum StepOutcome {
    /// Done, with a summary.
    Done(String),
    /// Nothing was done, because there are blockers among these findings.
    Blocked(Vec<Finding>),
    /// Nothing was done, because it would lose something.
    WouldLose(Vec<Loss>),
}

/// A step of a rollback that was not done.
struct Failure {
    step: Step,
    error: MigrateError,
}

/// A migration on a host. It holds the lock of the journal, so no other `syn2mas` can run.
pub struct Migration<'a, H> {
    host: &'a mut H,
    /// None in a simulation, which has no signals.
    signals: Option<Signals>,
    /// When this file appears before the cutover, everything is undone.
    cancel: Option<PathBuf>,
    target: Option<Target>,
    summary: Summary,
    down_since: Option<Instant>,
    on_event: Box<dyn FnMut(Event) + 'a>,
}

impl<'a, H: Host> Migration<'a, H> {
    /// A migration on this host. SIGINT and SIGTERM interrupt it if `signals` are listened to.
    pub fn new(
        host: &'a mut H,
        signals: Option<Signals>,
        on_event: impl FnMut(Event) + 'a,
    ) -> Self {
        Migration {
            host,
            signals,
            cancel: None,
            target: None,
            summary: Summary::default(),
            down_since: None,
            on_event: Box::new(on_event),
        }
    }

    /// Undoes everything when this file appears before the cutover.
    #[must_use]
    pub fn cancelled_by(mut self, file: PathBuf) -> Self {
        self.cancel = Some(file);
        self
    }

    fn emit(&mut self, event: Event) {
        (self.on_event)(event);
    }

    fn note(&mut self, text: &str) {
        self.emit(Event::Note(text));
        self.summary.notes.push(text.to_owned());
    }

    async fn observe(&mut self, goal: Goal) -> Observed {
        let mut seen = self.host.observe().await;
        let state = self.host.state().clone();
        if decide::asks_for_losses(goal, &state, &seen) {
            let cut_over = state.cut_over.unwrap_or_default();
            seen.losses = match self.host.losses(&cut_over).await {
                Ok(losses) => Seen::Known(losses),
                Err(error) => Seen::Unknown(error.with_causes()),
            };
        }
        self.target = seen.target.known().cloned();
        seen
    }

    /// What would be done now, and what that follows from.
    pub async fn plan(&mut self, goal: Goal) -> (Observed, Decision) {
        let seen = self.observe(goal).await;
        let decision = decide::decide(goal, self.host.state(), &seen);
        (seen, decision)
    }

    /// Migrates the homeserver, or completes what an earlier run has begun.
    ///
    /// # Errors
    ///
    /// If an earlier run was interrupted, and what it did cannot be undone. A step that fails is an
    /// [`Outcome`].
    pub async fn migrate(mut self) -> Result<Outcome, MigrateError> {
        loop {
            let seen = self.observe(Goal::Migrate).await;
            let state = self.host.state().clone();
            match decide::decide(Goal::Migrate, &state, &seen) {
                Decision::Forward(steps) => return self.forward(&steps).await,
                Decision::Back(steps) => {
                    let was_leaving = state.going_back.is_some();
                    self.note("an earlier run was interrupted: it is undone first");
                    if let Some(outcome) = self.back(&steps).await {
                        return Ok(outcome);
                    }
                    if was_leaving {
                        return Ok(Outcome::RolledBack);
                    }
                }
                Decision::Done(_) => {
                    return Ok(Outcome::Already {
                        cut_over: state.cut_over.unwrap_or_default(),
                    });
                }
                Decision::Refuse(refusal) => return Ok(Outcome::Refused(refusal)),
            }
        }
    }

    /// Goes back to Synapse's own authentication, or completes that. With `lost_journal`, what the journal
    /// should say is taken from MAS's database.
    ///
    /// # Errors
    ///
    /// If the journal cannot be written.
    pub async fn roll_back(
        mut self,
        accept_loss: bool,
        lost_journal: bool,
    ) -> Result<Outcome, MigrateError> {
        if lost_journal {
            let seen = self.host.observe().await;
            if let Some(state) = decide::recover(self.host.state(), &seen) {
                self.host.record(Step::Recover, &state).await?;
            }
        }
        self.take_back(Goal::RollBack { accept_loss }).await
    }

    /// Undoes what an interrupted run has begun before the cutover. Does nothing otherwise.
    ///
    /// # Errors
    ///
    /// If it cannot be undone.
    pub async fn undo_interrupted(mut self) -> Result<Outcome, MigrateError> {
        self.take_back(Goal::Undo).await
    }

    async fn take_back(&mut self, goal: Goal) -> Result<Outcome, MigrateError> {
        let seen = self.observe(goal).await;
        Ok(match decide::decide(goal, self.host.state(), &seen) {
            Decision::Forward(steps) => self.forward(&steps).await?,
            Decision::Back(steps) => match self.back(&steps).await {
                Some(outcome) => outcome,
                None => Outcome::RolledBack,
            },
            Decision::Done(Stage::NotBegun) => Outcome::RolledBack,
            Decision::Done(_) => Outcome::Already {
                cut_over: self.host.state().cut_over.clone().unwrap_or_default(),
            },
            Decision::Refuse(refusal) => Outcome::Refused(refusal),
        })
    }

    /// Performs the steps of a migration. If one fails, everything is undone, unless somebody would
    /// lose something by that.
    async fn forward(&mut self, steps: &[Step]) -> Result<Outcome, MigrateError> {
        for step in steps {
            match self.interruptible(*step).await {
                Ok(StepOutcome::Done(_)) => {}
                Ok(StepOutcome::Blocked(findings)) => return Ok(Outcome::Blocked(findings)),
                Ok(StepOutcome::WouldLose(losses)) => {
                    return Ok(Outcome::Refused(Refusal::Losses(losses)));
                }
                Err(error) => return Ok(self.revert(*step, error).await),
            }
        }
        Ok(Outcome::Migrated(std::mem::take(&mut self.summary)))
    }

    async fn revert(&mut self, step: Step, error: MigrateError) -> Outcome {
        // Starting the services again matters more than this line.
        let _ = self
            .host
            .log(step, StepStatus::Failed, &error.with_causes())
            .await;
        let seen = self.observe(Goal::Revert).await;
        let left = match decide::decide(Goal::Revert, self.host.state(), &seen) {
            Decision::Back(steps) => match self.back(&steps).await {
                Some(Outcome::RollbackIncomplete { left, .. }) => left,
                Some(Outcome::Refused(refusal)) => vec![refusal.to_string()],
                _ => Vec::new(),
            },
            Decision::Done(Stage::NotBegun) => Vec::new(),
            Decision::Done(_) | Decision::Forward(_) => vec![
                "the homeserver stays with MAS. Fix the problem above, then run `syn2mas migrate`"
                    .to_owned(),
            ],
            Decision::Refuse(refusal) => {
                let mut left = vec![format!(
                    "nothing was undone: {refusal}. Fix the problem above, then run \
                     `syn2mas migrate`; `syn2mas rollback --plan` shows what a rollback would lose"
                )];
                left.extend(self.serve(&seen).await);
                left
            }
        };
        if left.is_empty() {
            Outcome::FailedAndReverted { step, error }
        } else {
            Outcome::RollbackIncomplete { step, error, left }
        }
    }

    /// Performs the steps back as far as possible. None if all are done.
    async fn back(&mut self, steps: &[Step]) -> Option<Outcome> {
        let mut failures: Vec<Failure> = Vec::new();
        let mut skipped: BTreeSet<Step> = BTreeSet::new();
        let mut is_undelegated = false;
        for step in steps {
            let waits_for = |before: &Step| {
                skipped.contains(before) || failures.iter().any(|failure| failure.step == *before)
            };
            // Synapse reads nothing but the overlay. It need not stay down because the proxy or the
            // journal cannot be written.
            let may_serve = *step == Step::StartSynapse && is_undelegated;
            if !may_serve && prerequisites(*step).iter().any(waits_for) {
                skipped.insert(*step);
                continue;
            }
            let is_reversible = *step < Step::Undelegate;
            let outcome = if is_reversible {
                self.interruptible(*step).await
            } else {
                self.persistent(*step).await
            };
            match outcome {
                Ok(StepOutcome::Done(_) | StepOutcome::Blocked(_)) => {}
                Ok(StepOutcome::WouldLose(losses)) => {
                    let seen = self.host.observe().await;
                    for text in self.serve(&seen).await {
                        self.note(&text);
                    }
                    return Some(Outcome::Refused(Refusal::Losses(losses)));
                }
                Err(error) => {
                    let _ = self
                        .host
                        .log(*step, StepStatus::Failed, &error.with_causes())
                        .await;
                    failures.push(Failure { step: *step, error });
                    let seen = self.host.observe().await;
                    let delegates = matches!(seen.overlay.known(), Some(Overlay::Ours(_)));
                    is_undelegated = matches!(seen.overlay.known(), Some(Overlay::Empty));
                    if is_reversible || delegates {
                        let mut left: Vec<String> = failures.iter().map(advice).collect();
                        left.extend(self.serve(&seen).await);
                        return failed(failures, left);
                    }
                }
            }
        }
        let left = failures.iter().map(advice).collect();
        failed(failures, left)
    }

    /// Starts the services as the overlay says. Returns what fails, in words.
    async fn serve(&mut self, seen: &Observed) -> Vec<String> {
        let mut errors = Vec::new();
        let delegates = matches!(seen.overlay.known(), Some(Overlay::Ours(_)));
        let started = if delegates {
            match self.start_all().await {
                Ok(()) if self.host.state().finished => self.host.fill_includes().await,
                started => started,
            }
        } else {
            self.start_synapse().await
        };
        // As long as the services do not run, the journal says that a rollback has stopped them.
        let recorded = match started {
            Ok(()) => {
                self.update(Step::Start, |state| {
                    state.going_back = None;
                    state.stopped_with_command = false;
                })
                .await
            }
            Err(error) => Err(error),
        };
        errors.extend(recorded.err());
        errors.iter().map(MigrateError::with_causes).collect()
    }

    /// Performs a step. A signal interrupts it.
    async fn interruptible(&mut self, step: Step) -> Result<StepOutcome, MigrateError> {
        let signals = self.signals.take();
        let Some(mut signals) = signals else {
            return self.logged(step).await;
        };
        let done = match self.cancel.clone() {
            // Afterwards somebody may be served by MAS.
            Some(cancel) if step < Step::Switch => {
                signals.run_unless(&cancel, self.logged(step)).await
            }
            _ => signals.run(self.logged(step)).await,
        };
        self.signals = Some(signals);
        done
    }

    /// Performs a step, again and again if it fails: a database may just be restarting. Signals are
    /// ignored.
    async fn persistent(&mut self, step: Step) -> Result<StepOutcome, MigrateError> {
        let mut tries = 1;
        loop {
            match self.logged(step).await {
                Err(error) => {
                    let error_text = error.with_causes();
                    if !self.host.wait(tries).await {
                        return Err(error);
                    }
                    // The administrator sees nothing else, and cannot interrupt it.
                    if tries == 1 {
                        let text =
                            format!("{}: {error_text}; trying again for a while", step.name());
                        self.emit(Event::Note(&text));
                    }
                    tries += 1;
                }
                done => return done,
            }
        }
    }

    /// Performs a step, with a line in the journal before and after it.
    async fn logged(&mut self, step: Step) -> Result<StepOutcome, MigrateError> {
        self.emit(Event::StepStarted(step));
        let begun = Instant::now();
        let back = step >= Step::StopMas;
        let line = self.host.log(step, StepStatus::Begun, "").await;
        // During a rollback the services matter more than the journal, unless a record is needed.
        if !back {
            line?;
        }
        // What is logged during a step names it, and the migration.
        let span = tracing::error_span!("step", step = step.name(), migration = self.migration());
        let outcome = self.perform(step).instrument(span).await?;
        let (status, message) = match &outcome {
            StepOutcome::Done(message) => (StepStatus::Done, message.as_str()),
            StepOutcome::Blocked(_) => (StepStatus::Failed, "blocked"),
            StepOutcome::WouldLose(_) => (StepStatus::Failed, "something would be lost"),
        };
        let line = self.host.log(step, status, message).await;
        if !back {
            line?;
        }
        if let StepOutcome::Done(message) = &outcome {
            let took = begun.elapsed();
            self.summary.steps.push((step, took.as_secs_f64()));
            (self.on_event)(Event::StepDone(step, message, took));
        }
        Ok(outcome)
    }
}

/// The steps without which a step back must not be performed.
fn prerequisites(step: Step) -> &'static [Step] {
    match step {
        Step::Repair | Step::StartSynapse => &[Step::Undelegate],
        Step::ProbeSynapse => &[Step::StartSynapse],
        // The database is all there is until Synapse is known to serve again, and it says that there is a
        // grant.
        Step::Restore => &[
            Step::Keep,
            Step::Undelegate,
            Step::Repair,
            Step::StartSynapse,
            Step::ProbeSynapse,
            Step::Revoke,
        ],
        Step::LogOut => &[Step::StartSynapse, Step::Repair, Step::Restore],
        Step::Finish => &[
            Step::Undelegate,
            Step::Repair,
            Step::StartSynapse,
            Step::ProbeSynapse,
            Step::Restore,
            Step::Revoke,
            Step::DropCopy,
            Step::LogOut,
        ],
        _ => &[],
    }
}

fn failed(mut failures: Vec<Failure>, left: Vec<String>) -> Option<Outcome> {
    if failures.is_empty() {
        return None;
    }
    let Failure { step, error } = failures.swap_remove(0);
    Some(Outcome::RollbackIncomplete { step, error, left })
}

/// What a failed step back means, and what to do about it.
fn advice(Failure { step, error }: &Failure) -> String {
    let error = error.with_causes();
    let again = "Correct that, then run `syn2mas rollback` again";
    match step {
        Step::Undelegate | Step::StartSynapse => {
            format!("Synapse may be down: {error}. {again}")
        }
        Step::ProbeSynapse => {
            format!("Synapse does not authenticate its users as before: {error}. {again}")
        }
        Step::Repair => {
            format!("sessions that were ended in MAS are not ended in Synapse: {error}. {again}")
        }
        Step::Restore => format!("MAS's database still has the import: {error}. {again}"),
        Step::DropCopy => format!("the copy of Synapse's tables is left: {error}. {again}"),
        Step::Revoke => format!("MAS's role still has Synapse's: {error}. {again}"),
        Step::LogOut => {
            format!("devices that came through MAS are still in Synapse: {error}. {again}")
        }
        Step::Finish => format!("MAS is down: {error}. {again}"),
        _ => format!("{error}. Nothing was changed. {again}"),
    }
}
