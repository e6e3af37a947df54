//! The cutover as a series of steps, and the way back.
//!
//! Every step can be done again. What cannot be seen by looking at the world is in the journal,
//! written before it is done. Until the overlay is on, whatever happens ends with Synapse running as
//! it was.

pub mod data_loss;
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
    /// Look for what stands in the way.
    Inspect,
    /// Stop MAS and Synapse, and keep them down.
    Stop,
    /// Back both databases up.
    BackUp,
    /// Lend MAS's role Synapse's.
    Grant,
    /// Import.
    Import,
    /// Prove the import.
    Verify,
    /// Turn on the overlay and the includes.
    Switch,
    /// Start MAS and Synapse.
    Start,
    /// Look whether both answer.
    Probe,
    /// Take the role back.
    Revoke,
}

impl Step {
    /// All of them, in this order.
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

    /// What is left to do once the overlay is on.
    const AFTER_CUTOVER: &[Step] = &[Step::Switch, Step::Start, Step::Probe, Step::Revoke];

    /// Its name in the journal.
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

/// What a run wants to tell while it goes on.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A step begins.
    Begun(Step),
    /// How far the import is.
    Importing(&'a Progress),
    /// A step is done, with what there is to say about it.
    Done(Step, &'a str, Duration),
    /// Something is taken back.
    Undoing(&'a str),
    /// Something that a person should know.
    Note(&'a str),
}

/// What `migrate` is to do beyond the inputs.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How much is backed up.
    pub extent: BackupScope,
    /// An access token from before, which has to be good afterwards.
    pub token: Option<String>,
}

/// How a run of `migrate` ended.
#[derive(Debug)]
pub enum Outcome {
    /// The homeserver was moved.
    Migrated(Summary),
    /// It was moved before, and everything is in place.
    Already {
        /// When.
        cut_over: String,
    },
    /// Something stands in the way; nothing was touched.
    Blocked(Vec<Finding>),
    /// An earlier way back was interrupted, and is finished now.
    RolledBack,
    /// It failed, and everything is as it was.
    FailedAndReverted {
        /// At which step.
        step: Step,
        /// Why.
        error: MigrateError,
    },
    /// It failed, and something is not as it was.
    RollbackIncomplete {
        /// At which step.
        step: Step,
        /// Why.
        error: MigrateError,
        /// What is left, and what to do.
        left: Vec<String>,
    },
}

/// What was done.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// What the proof compared.
    pub entities: Vec<Report>,
    /// Where the backups are.
    pub backup: PathBuf,
    /// How long each step took, in seconds.
    pub steps: Vec<(Step, f64)>,
    /// How long Synapse was down, in seconds.
    pub downtime: f64,
    /// What is not as it should be, although everything works.
    pub notes: Vec<String>,
}

/// A migration on this host, which nobody else is at.
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
    /// A migration with these inputs.
    ///
    /// # Errors
    ///
    /// If something is missing from the inputs, or another command is at work.
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

    /// Whether there is something to begin, rather than to finish or to say.
    ///
    /// # Errors
    ///
    /// If the overlay cannot be looked at.
    pub fn is_new(&self) -> Result<bool, MigrateError> {
        let memory = &self.journal.memory;
        Ok(!memory.finished && !memory.rolling_back && !self.overlay.is_on()?)
    }

    /// What the run would do, in words, one line for each step.
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

    /// Moves the homeserver.
    ///
    /// # Errors
    ///
    /// If the state of the world or the journal cannot be told: then nothing was done.
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

    /// Does one step, with what the journal says about it.
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

    /// After a failure: back to what was, unless somebody would lose something by that.
    async fn fail(&mut self, step: Step, error: MigrateError) -> Outcome {
        // If even this cannot be written, the services matter more.
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

    /// Looks whether anybody would lose something if everything were taken back. If the overlay is
    /// on, MAS is down afterwards, so that nobody comes in the meantime.
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

/// What a step comes to.
enum StepOutcome {
    /// It is done, and this can be said about it.
    Done(String),
    /// Nothing was done, because of these.
    Blocked(Vec<Finding>),
}
