//! The cutover as a series of steps, and the rollback.
//!
//! Every step can be repeated. What the state of the host does not show is in the journal, written
//! before it is done. A failure before the overlay is filled ends with Synapse running as it was.

pub mod data_loss;
pub mod repair;
mod rollback;
mod steps;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use serde::Serialize;

use crate::migrate::{
    MigrateError,
    cutover_file::CutoverFile,
    import::Progress,
    inputs::Inputs,
    journal::{Journal, StepStatus},
    postgres::{backup::BackupScope, connection::Database},
    preflight::finding::Finding,
    system::{
        signals::Signals,
        systemd::{Component, Services},
    },
    verify::Report,
};

/// A step of the cutover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Look for blockers.
    Inspect,
    /// Stop MAS and Synapse, and keep them from being started.
    Stop,
    /// Back both databases up.
    BackUp,
    /// Grant Synapse's role to MAS's, temporarily.
    Grant,
    /// Import with `mas-cli syn2mas`.
    Import,
    /// Compare both databases row by row.
    Verify,
    /// Fill the overlay and the includes.
    Switch,
    /// Start MAS and Synapse.
    Start,
    /// Check that both answer, and that Synapse delegates to MAS.
    Probe,
    /// Revoke the grant.
    Revoke,
}

impl Step {
    /// All steps, in the order in which they are performed.
    pub const ALL: &[Step] = &[
        Step::Inspect,
        Step::Stop,
        Step::BackUp,
        Step::Grant,
        Step::Import,
        Step::Verify,
        Step::Switch,
        Step::Start,
        Step::Probe,
        Step::Revoke,
    ];

    /// The steps of a run that starts with the overlay already filled.
    const AFTER_CUTOVER: &[Step] = &[Step::Switch, Step::Start, Step::Probe, Step::Revoke];

    /// The name in the journal, for example `back-up`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Step::Inspect => "inspect",
            Step::Stop => "stop",
            Step::BackUp => "back-up",
            Step::Grant => "grant",
            Step::Import => "import",
            Step::Verify => "verify",
            Step::Switch => "switch",
            Step::Start => "start",
            Step::Probe => "probe",
            Step::Revoke => "revoke",
        }
    }
}

/// Progress of a run, for display.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A step starts.
    Begun(Step),
    /// Progress of the import.
    Importing(&'a Progress),
    /// A step is done: its summary, and how long it took.
    Done(Step, &'a str, Duration),
    /// A change is being reverted, for example `the import`.
    Undoing(&'a str),
    /// A message for the administrator.
    Note(&'a str),
}

/// Options of `syn2mas migrate`, in addition to the inputs.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How much of Synapse's database is backed up.
    pub extent: BackupScope,
    /// An access token that is valid before the cutover and must still be valid after it.
    pub token: Option<String>,
}

/// The outcome of [`Migration::migrate`].
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
    /// A rollback that had been interrupted is complete now.
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
    /// How long Synapse was down, in seconds.
    pub downtime: f64,
    /// Problems that did not stop the migration.
    pub notes: Vec<String>,
}

/// A migration on this host. It holds the lock of the journal, so no other `syn2mas` can run.
pub struct Migration<'a> {
    inputs: &'a Inputs,
    options: Options,
    services: Services,
    synapse: Database,
    mas: Database,
    admin: Option<Database>,
    overlay: CutoverFile,
    journal: Journal,
    summary: Summary,
    down_since: Option<Instant>,
    tell: Box<dyn FnMut(Event) + 'a>,
}

impl<'a> Migration<'a> {
    /// Opens the journal and resolves services and databases. Events go to `tell`.
    ///
    /// # Errors
    ///
    /// If something is missing from the inputs, or another `syn2mas` holds the lock of the journal.
    pub fn open(
        inputs: &'a Inputs,
        options: Options,
        tell: impl FnMut(Event) + 'a,
    ) -> Result<Self, MigrateError> {
        let overlay = inputs.overlay.clone().ok_or_else(|| {
            MigrateError::Missing(
                "name the file that makes Synapse delegate with `--overlay FILE=SOURCE`".to_owned(),
            )
        })?;
        Ok(Migration {
            inputs,
            options,
            services: inputs.services()?,
            synapse: inputs.synapse_database()?,
            mas: inputs.mas_database()?,
            admin: inputs.admin_database()?,
            overlay,
            journal: Journal::open(&inputs.state())?,
            summary: Summary::default(),
            down_since: None,
            tell: Box::new(tell),
        })
    }

    /// Whether [`Migration::migrate`] would start from the first step, and not complete an earlier run.
    ///
    /// # Errors
    ///
    /// If the overlay cannot be read.
    pub fn is_new(&self) -> Result<bool, MigrateError> {
        let memory = &self.journal.memory;
        Ok(!memory.finished && !memory.rolling_back && !self.overlay.is_on()?)
    }

    /// Describes the steps, one line each, for the question before the start.
    #[must_use]
    pub fn plan(&self) -> Vec<String> {
        let units = |side| self.services.units(side).join(", ");
        let stopped = if self.services.by_command() {
            "Synapse, with the given command".to_owned()
        } else {
            units(Component::Synapse)
        };
        let mut plan = vec![
            "look for blockers".to_owned(),
            format!(
                "stop {} {stopped}, and keep them down",
                units(Component::Mas)
            ),
            format!(
                "back up {} and {} to {}",
                self.synapse.name(),
                self.mas.name(),
                self.inputs.state().join("backup").display()
            ),
        ];
        if self.admin.is_some() {
            plan.push("grant MAS's role Synapse's role until the end".to_owned());
        }
        plan.push(format!(
            "import from {} into {} with mas-cli",
            self.synapse.name(),
            self.mas.name()
        ));
        plan.push("compare both databases row by row; if they differ, take everything back".into());
        let files = self
            .switches()
            .map(|switch| switch.file.display().to_string());
        plan.push(format!("fill {}", files.collect::<Vec<_>>().join(", ")));
        plan.push("start MAS and Synapse, and look whether they answer".to_owned());
        plan
    }

    fn switches(&self) -> impl Iterator<Item = &CutoverFile> {
        std::iter::once(&self.overlay).chain(&self.inputs.include)
    }

    fn note(&mut self, text: &str) {
        (self.tell)(Event::Note(text));
        self.summary.notes.push(text.to_owned());
    }

    /// Migrates the homeserver, or completes what an earlier run has begun. A step that fails is an
    /// [`Outcome`], not an error.
    ///
    /// # Errors
    ///
    /// If the journal or the overlay cannot be read, or an earlier run cannot be reverted.
    pub async fn migrate(mut self) -> Result<Outcome, MigrateError> {
        if self.journal.memory.rolling_back {
            self.finish_rolling_back().await?;
            return Ok(Outcome::RolledBack);
        }
        if let (true, Some(cut_over)) = (
            self.journal.memory.finished,
            self.journal.memory.cut_over.clone(),
        ) {
            return Ok(Outcome::Already { cut_over });
        }
        if self.overlay.is_on()? {
            return self.run(Step::AFTER_CUTOVER).await;
        }
        if !self.journal.memory.is_clear() {
            (self.tell)(Event::Note(
                "an earlier run was interrupted: what it did is taken back first",
            ));
            let left = self.take_back().await;
            if let Some(first) = left.into_iter().next() {
                return Err(MigrateError::Missing(first));
            }
        }
        self.run(Step::ALL).await
    }

    async fn run(&mut self, steps: &[Step]) -> Result<Outcome, MigrateError> {
        let mut signals = Signals::listen()?;
        for step in steps {
            let step = *step;
            (self.tell)(Event::Begun(step));
            let begun = Instant::now();
            match signals.run(self.written_down(step)).await {
                Ok(StepOutcome::Blocked(findings)) => return Ok(Outcome::Blocked(findings)),
                Ok(StepOutcome::Done(said)) => {
                    let took = begun.elapsed();
                    self.summary.steps.push((step, took.as_secs_f64()));
                    (self.tell)(Event::Done(step, &said, took));
                }
                Err(error) => return Ok(self.fail(step, error).await),
            }
        }
        Ok(Outcome::Migrated(std::mem::take(&mut self.summary)))
    }

    /// Performs a step, with a line in the journal before and after it.
    async fn written_down(&mut self, step: Step) -> Result<StepOutcome, MigrateError> {
        self.journal.add(step.name(), StepStatus::Begun, "")?;
        let done = self.perform(step).await?;
        match &done {
            StepOutcome::Blocked(_) => {
                self.journal
                    .add(step.name(), StepStatus::Failed, "blocked")?;
            }
            StepOutcome::Done(said) => self.journal.add(step.name(), StepStatus::Done, said)?,
        }
        Ok(done)
    }

    /// Reverts everything after a failed step, unless users would lose data.
    async fn fail(&mut self, step: Step, error: MigrateError) -> Outcome {
        // Starting the services again matters more than this line.
        let _ = self
            .journal
            .add(step.name(), StepStatus::Failed, &error.to_string());
        if let Err(reason) = self.make_sure_of_no_loss().await {
            let mut left = vec![format!(
                "nothing was taken back: {reason}. Correct what is said above, then carry on with \
                 `syn2mas migrate`; `syn2mas rollback` tells what going back would lose"
            )];
            for side in [Component::Mas, Component::Synapse] {
                if let Err(error) = self.services.start_all(side).await {
                    left.push(error.to_string());
                }
            }
            return Outcome::RollbackIncomplete { step, error, left };
        }
        let left = self.take_back().await;
        if left.is_empty() {
            Outcome::FailedAndReverted { step, error }
        } else {
            Outcome::RollbackIncomplete { step, error, left }
        }
    }

    /// Fails if a rollback would lose data. If the overlay is filled, MAS is stopped first, so that nobody
    /// can log in after the check.
    async fn make_sure_of_no_loss(&self) -> Result<(), MigrateError> {
        if !self.overlay.is_on()? {
            return Ok(());
        }
        self.services.stop(Component::Mas).await?;
        match self.losses().await?.first() {
            None => Ok(()),
            Some(loss) => Err(MigrateError::Missing(format!(
                "MAS has served users already ({} new {})",
                loss.count, loss.what
            ))),
        }
    }
}

/// The result of a step.
enum StepOutcome {
    /// Done, with a summary.
    Done(String),
    /// Nothing was done, because there are blockers among these findings.
    Blocked(Vec<Finding>),
}
