//! The cutover as a series of steps, and the way back.
//!
//! Every step can be done again. What cannot be seen by looking at the world is in the journal,
//! written before it is done. Until the overlay is on, whatever happens ends with Synapse running as
//! it was.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde::Serialize;
use sqlx::Connection;

use super::{
    MigrateError,
    backup::{self, Extent},
    database::Database,
    findings::{Finding, Severity},
    grant::Grant,
    import::{MasCli, Progress},
    inputs::Inputs,
    inspect,
    interrupt::Interruptions,
    journal::{self, Journal, Phase},
    losses::{self, Loss},
    mapping,
    probe::Addresses,
    server,
    services::{self, Services, Side},
    switch::Switch,
    verify::{self, Report},
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
pub enum Told<'a> {
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
    pub extent: Extent,
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
    Undone {
        /// At which step.
        step: Step,
        /// Why.
        error: MigrateError,
    },
    /// It failed, and something is not as it was.
    Stuck {
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
    overlay: Switch,
    journal: Journal,
    summary: Summary,
    down_since: Option<Instant>,
    tell: Box<dyn FnMut(Told) + 'a>,
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
        tell: impl FnMut(Told) + 'a,
    ) -> Result<Self, MigrateError> {
        let overlay = inputs.overlay.clone().ok_or_else(|| {
            MigrateError::Missing(
                "name the file that makes Synapse delegate with `--overlay FILE=SOURCE`".to_owned(),
            )
        })?;
        Ok(Migration {
            inputs,
            options,
            services: Services::of(inputs)?,
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
        let stopped = match self.services.by_command() {
            true => "Synapse, with the given command".to_owned(),
            false => units(Side::Synapse),
        };
        let mut plan = vec![
            "look for what stands in the way".to_owned(),
            format!("stop {} {stopped}, and keep them down", units(Side::Mas)),
            format!(
                "back up {} and {} to {}",
                self.synapse.name(),
                self.mas.name(),
                self.inputs.state().join("backup").display()
            ),
        ];
        if self.admin.is_some() {
            plan.push("lend MAS's role Synapse's, until the end".to_owned());
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

    fn switches(&self) -> impl Iterator<Item = &Switch> {
        std::iter::once(&self.overlay).chain(&self.inputs.include)
    }

    fn note(&mut self, text: &str) {
        (self.tell)(Told::Note(text));
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
            (self.tell)(Told::Note(
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
        let mut interrupted = Interruptions::listen()?;
        for step in steps {
            let step = *step;
            (self.tell)(Told::Begun(step));
            let begun = Instant::now();
            self.journal.add(step.name(), Phase::Begun, "")?;
            let done = tokio::select! {
                done = self.perform(step) => done,
                () = interrupted.next() => Err(MigrateError::Missing("interrupted".to_owned())),
            };
            let done = match done {
                Ok(Done::Blocked(findings)) => {
                    self.journal.add(step.name(), Phase::Failed, "blocked")?;
                    return Ok(Outcome::Blocked(findings));
                }
                Ok(Done::Said(said)) => self
                    .journal
                    .add(step.name(), Phase::Done, &said)
                    .map(|()| said),
                Err(error) => Err(error),
            };
            match done {
                Ok(said) => {
                    let took = begun.elapsed();
                    self.summary.steps.push((step, took.as_secs_f64()));
                    (self.tell)(Told::Done(step, &said, took));
                }
                Err(error) => return Ok(self.fail(step, error).await),
            }
        }
        Ok(Outcome::Migrated(std::mem::take(&mut self.summary)))
    }

    /// After a failure: back to what was, unless somebody would lose something by that.
    async fn fail(&mut self, step: Step, error: MigrateError) -> Outcome {
        // If even this cannot be written, the services matter more.
        let _ = self
            .journal
            .add(step.name(), Phase::Failed, &error.to_string());
        if let Err(reason) = self.make_sure_of_no_loss().await {
            let mut left = vec![format!(
                "nothing was taken back: {reason}. Correct what is said above, then carry on with \
                 `syn2mas migrate`; `syn2mas rollback` tells what going back would lose"
            )];
            for side in [Side::Mas, Side::Synapse] {
                if let Err(error) = self.services.start_all(side).await {
                    left.push(error.to_string());
                }
            }
            return Outcome::Stuck { step, error, left };
        }
        let left = self.take_back().await;
        if left.is_empty() {
            Outcome::Undone { step, error }
        } else {
            Outcome::Stuck { step, error, left }
        }
    }

    /// Looks whether anybody would lose something if everything were taken back. If the overlay is
    /// on, MAS is down afterwards, so that nobody comes in the meantime.
    async fn make_sure_of_no_loss(&self) -> Result<(), MigrateError> {
        if !self.overlay.is_on()? {
            return Ok(());
        }
        self.services.stop(Side::Mas).await?;
        match self.losses().await?.first() {
            None => Ok(()),
            Some(loss) => Err(MigrateError::Missing(format!(
                "MAS has served users already ({} new {})",
                loss.count, loss.what
            ))),
        }
    }

    async fn perform(&mut self, step: Step) -> Result<Done, MigrateError> {
        let said = match step {
            Step::Inspect => {
                let findings = inspect::inspect(self.inputs).await?;
                let blocked = findings
                    .iter()
                    .any(|finding| finding.severity == Severity::Blocker);
                if blocked {
                    return Ok(Done::Blocked(findings));
                }
                // What is missing is better missed before anything is stopped.
                Addresses::of(self.inputs)?;
                for switch in self.switches() {
                    switch.content()?;
                }
                format!("{} findings, none in the way", findings.len())
            }
            Step::Stop => self.stop().await?,
            Step::BackUp => self.back_up().await?,
            Step::Grant => self.grant().await?,
            Step::Import => self.import().await?,
            Step::Verify => self.verify().await?,
            Step::Switch => self.switch().await?,
            Step::Start => self.start().await?,
            Step::Probe => self.probe().await?,
            Step::Revoke => self.revoke().await?,
        };
        Ok(Done::Said(said))
    }

    async fn stop(&mut self) -> Result<String, MigrateError> {
        let running = self.services.running().await?;
        let by_command = self.services.by_command();
        self.journal.remember(Step::Stop.name(), |memory| {
            memory.stopped.clone_from(&running);
            memory.stopped_with_command = by_command;
        })?;
        self.down_since = Some(Instant::now());
        self.services.stop(Side::Mas).await?;
        self.services.stop(Side::Synapse).await?;
        self.wait_until_alone().await?;
        Ok(running.join(", "))
    }

    /// Waits until nobody uses Synapse's database any more. A forgotten worker would go on writing.
    async fn wait_until_alone(&self) -> Result<(), MigrateError> {
        let mut others = Vec::new();
        for _ in 0..100 {
            others = server::others(&self.synapse).await?;
            if others.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        others.dedup();
        Err(MigrateError::Missing(format!(
            "somebody still uses Synapse's database as its role: {}. If that is a worker, name its unit \
             with `--synapse-unit`",
            others.join(", ")
        )))
    }

    async fn back_up(&mut self) -> Result<String, MigrateError> {
        let name = journal::now().replace([':', '.'], "-");
        let directory = self.inputs.state().join("backup").join(name);
        let size = backup::make(self.inputs, &directory, self.options.extent).await?;
        self.journal.remember(Step::BackUp.name(), |memory| {
            memory.backup = Some(directory.clone());
        })?;
        self.summary.backup.clone_from(&directory);
        Ok(format!(
            "{}, {}",
            directory.display(),
            indicatif::HumanBytes(size)
        ))
    }

    async fn grant(&mut self) -> Result<String, MigrateError> {
        let Some(admin) = &self.admin else {
            return Ok("not needed".to_owned());
        };
        let grant = Grant::between(&self.synapse, &self.mas).await?;
        if grant.role == grant.member || grant.holds(admin).await? {
            return Ok("not needed".to_owned());
        }
        self.journal
            .remember(Step::Grant.name(), |memory| memory.granted = true)?;
        grant.give(admin).await?;
        Ok(format!("{} to {}", grant.role, grant.member))
    }

    async fn import(&mut self) -> Result<String, MigrateError> {
        // From here on, what is in MAS's database comes from the import.
        self.journal
            .remember(Step::Import.name(), |memory| memory.imported = true)?;
        let through = match self.admin {
            Some(_) => self.synapse.entered_by(&self.mas),
            None => self.synapse.clone(),
        };
        let mas_cli = MasCli::prepare(self.inputs, &through, None)?;
        let log = self.directory().join("import.log");
        let tell = &mut self.tell;
        mas_cli
            .migrate(false, Some(&log), |progress| {
                tell(Told::Importing(progress))
            })
            .await?;
        Ok(log.display().to_string())
    }

    /// Where the files of this migration are.
    fn directory(&self) -> PathBuf {
        let backup = self.journal.memory.backup.clone();
        backup.unwrap_or_else(|| self.inputs.state())
    }

    async fn verify(&mut self) -> Result<String, MigrateError> {
        let entities = mapping::entities(&self.inputs.providers()?);
        let reports = verify::verify(&self.synapse, &self.mas, &entities, None, |_| {}).await?;
        let rows: i64 = reports.iter().map(|report| report.expected).sum();
        let differing = reports.iter().find(|report| !report.is_identical());
        let differs = differing.map(|report| report.entity);
        self.summary.entities = reports;
        match differs {
            None => Ok(format!("{rows} rows, all as they should be")),
            Some(entity) => {
                let file = self.inputs.state().join("differences.json");
                let text = serde_json::to_string_pretty(&self.summary.entities)
                    .map_err(|error| MigrateError::file(&file, error.to_string()))?;
                crate::disk::replace(&file, &text, 0o600)
                    .map_err(|error| MigrateError::file(&file, error.to_string()))?;
                Err(MigrateError::Missing(format!(
                    "{entity} did not arrive as they should. See {}",
                    file.display()
                )))
            }
        }
    }

    async fn switch(&mut self) -> Result<String, MigrateError> {
        if self.journal.memory.cut_over.is_none() {
            let now = journal::now();
            self.journal.remember(Step::Switch.name(), |memory| {
                memory.cut_over = Some(now);
            })?;
        }
        let mut files = Vec::new();
        for switch in self.switches() {
            switch.turn_on()?;
            files.push(switch.file.display().to_string());
        }
        services::reload(&self.inputs.proxy_unit).await?;
        Ok(files.join(", "))
    }

    async fn start(&mut self) -> Result<String, MigrateError> {
        self.services.start_all(Side::Mas).await?;
        self.services.start_all(Side::Synapse).await?;
        if self.journal.memory.stopped_with_command {
            self.services.start_by_command().await?;
            self.journal.remember(Step::Start.name(), |memory| {
                memory.stopped_with_command = false;
            })?;
        }
        if let Some(since) = self.down_since.take() {
            self.summary.downtime = since.elapsed().as_secs_f64();
        }
        let sides = [Side::Mas, Side::Synapse].map(|side| self.services.units(side));
        Ok(sides.concat().join(", "))
    }

    async fn probe(&mut self) -> Result<String, MigrateError> {
        let addresses = Addresses::of(self.inputs)?;
        let token = self.options.token.clone();
        let issuer = addresses.delegated(token.as_deref()).await?;
        self.consult_doctor().await;
        Ok(format!("Synapse lets {issuer} authenticate its users"))
    }

    /// What `mas-cli doctor` finds is about the world around, which is no reason to go back.
    async fn consult_doctor(&mut self) {
        let said = async {
            let mas_cli = MasCli::prepare(self.inputs, &self.synapse, None)?;
            let patience = Duration::from_secs(30);
            let said = tokio::time::timeout(patience, mas_cli.doctor()).await;
            said.unwrap_or_else(|_| Err(MigrateError::Missing("it takes too long".to_owned())))
        };
        let said = said.await;
        match said {
            Ok(findings) => {
                for finding in findings {
                    self.note(&format!("the doctor says: {finding}"));
                }
            }
            Err(error) => self.note(&format!("the doctor cannot be asked: {error}")),
        }
    }

    async fn revoke(&mut self) -> Result<String, MigrateError> {
        let revoked = self.take_role_back().await?;
        // Everything runs, and what comes into MAS's database from now on comes from people.
        self.journal.remember(Step::Revoke.name(), |memory| {
            memory.stopped.clear();
            memory.finished = true;
        })?;
        Ok(if revoked { "done" } else { "not needed" }.to_owned())
    }

    async fn take_role_back(&mut self) -> Result<bool, MigrateError> {
        let (true, Some(admin)) = (self.journal.memory.granted, &self.admin) else {
            return Ok(false);
        };
        let grant = Grant::between(&self.synapse, &self.mas).await?;
        grant.revoke(admin).await?;
        self.journal
            .remember(Step::Revoke.name(), |memory| memory.granted = false)?;
        Ok(true)
    }

    /// Goes back to what was before: Synapse first. Gives what could not be taken back, with what to
    /// do about it.
    async fn take_back(&mut self) -> Vec<String> {
        const UNDO: &str = "undo";
        let mut left = Vec::new();
        let _ = self.journal.add(UNDO, Phase::Begun, "");
        for part in Undo::ALL {
            // MAS is not to run over what is left of an import.
            if *part == Undo::MasStop && !left.is_empty() {
                continue;
            }
            if let Err(error) = self.undo_patiently(*part).await {
                left.push(part.left(&error));
                if *part == Undo::Stop {
                    break;
                }
            }
        }
        let phase = if left.is_empty() {
            Phase::Done
        } else {
            Phase::Failed
        };
        let _ = self.journal.add(UNDO, phase, &left.join("; "));
        left
    }

    /// A database that is just being restarted is no reason to give up.
    async fn undo_patiently(&mut self, part: Undo) -> Result<(), MigrateError> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let undone = match part {
                Undo::Stop => self.back_to_synapse().await,
                Undo::Import => self.empty_mas().await,
                Undo::Grant => self.take_role_back().await.map(|_| ()),
                Undo::MasStop => self.back_to_mas().await,
            };
            match undone {
                Err(error) if Instant::now() < deadline => {
                    tracing::warn!("not yet: {error}");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                undone => return undone,
            }
        }
    }

    async fn back_to_synapse(&mut self) -> Result<(), MigrateError> {
        let memory = self.journal.memory.clone();
        if self.overlay.is_on()? {
            (self.tell)(Told::Undoing("Synapse's delegation"));
            self.services.stop(Side::Mas).await?;
            self.services.stop(Side::Synapse).await?;
        }
        for switch in self.switches() {
            if switch.is_on()? {
                switch.turn_off()?;
            }
        }
        // A proxy that does not reload sends requests to MAS, which is down; Synapse still runs.
        if let Err(error) = services::reload(&self.inputs.proxy_unit).await {
            self.note(&format!("the proxy does not reload: {error}"));
        }
        let synapse = self.services.units(Side::Synapse);
        let mut units = memory.stopped;
        units.retain(|unit| synapse.contains(unit));
        let mut by_command = memory.stopped_with_command;
        if memory.cut_over.is_some() {
            // All of them ran then.
            units = synapse.to_vec();
            by_command = self.services.by_command();
        }
        if !units.is_empty() || by_command {
            (self.tell)(Told::Undoing("Synapse's stop"));
        }
        self.services.start(Side::Synapse, &units).await?;
        if by_command {
            self.services.start_by_command().await?;
            self.journal
                .remember("undo", |memory| memory.stopped_with_command = false)?;
        }
        if let Some(since) = self.down_since.take() {
            self.summary.downtime = since.elapsed().as_secs_f64();
        }
        Ok(())
    }

    async fn empty_mas(&mut self) -> Result<(), MigrateError> {
        let memory = self.journal.memory.clone();
        let (true, Some(backup)) = (memory.imported, &memory.backup) else {
            return Ok(());
        };
        (self.tell)(Told::Undoing("the import"));
        self.services.stop(Side::Mas).await?;
        if losses::has_served(&self.mas).await? {
            let kept = backup::keep_mas(self.inputs, backup).await?;
            self.note(&format!(
                "what MAS's database had is kept in {}",
                kept.display()
            ));
        }
        backup::restore_mas(self.inputs, backup).await?;
        self.journal
            .remember("undo", |memory| memory.imported = false)
    }

    async fn back_to_mas(&mut self) -> Result<(), MigrateError> {
        let memory = self.journal.memory.clone();
        let mas = self.services.units(Side::Mas);
        let mut units = memory.stopped;
        units.retain(|unit| mas.contains(unit));
        self.services.start(Side::Mas, &units).await?;
        self.journal
            .remember("undo", |memory| *memory = journal::Memory::default())
    }

    /// What going back now would lose; nothing if the homeserver was not moved.
    ///
    /// # Errors
    ///
    /// If MAS's database cannot be read, or it is not known when the cutover was.
    pub async fn losses(&self) -> Result<Vec<Loss>, MigrateError> {
        if self.journal.memory.rolling_back || !self.overlay.is_on()? {
            return Ok(Vec::new());
        }
        let Some(cut_over) = &self.journal.memory.cut_over else {
            return Err(MigrateError::Missing(format!(
                "{} is full, but the journal in {} does not say since when. If you know that nothing \
                 would be lost, empty the file and restart Synapse",
                self.overlay.file.display(),
                self.inputs.state().display()
            )));
        };
        losses::since(&self.mas, cut_over).await
    }

    /// Goes back to Synapse's own authentication. Gives what would be lost and was not accepted; then
    /// nothing was done.
    ///
    /// # Errors
    ///
    /// If it cannot be done; running it again carries on.
    pub async fn roll_back(mut self, accept_loss: bool) -> Result<Vec<Loss>, MigrateError> {
        const ROLL_BACK: &str = "roll-back";
        let delegated = self.inputs.synapse()?;
        if delegated.get("matrix_authentication_service.enabled") == Some(&true.into()) {
            return Err(MigrateError::Missing(
                "Synapse's own configuration delegates, so emptying a file does not take it back. Set \
                 `migration.enable` again, or take `matrix_authentication_service` out of it, first"
                    .to_owned(),
            ));
        }
        let losses = self.losses().await?;
        if !losses.is_empty() && !accept_loss {
            return Ok(losses);
        }
        if self.journal.memory.finished
            && !self.overlay.is_on()?
            && !self.journal.memory.rolling_back
        {
            return Err(MigrateError::Missing(format!(
                "{} is empty, although the homeserver was moved: somebody emptied it by hand. Fill it \
                 from {} again, restart Synapse, and run this again",
                self.overlay.file.display(),
                self.overlay.source.display()
            )));
        }
        if self.overlay.is_on()? && !self.journal.memory.rolling_back {
            self.journal.add(ROLL_BACK, Phase::Begun, "")?;
            self.services.stop(Side::Mas).await?;
            // Somebody may have come in the meantime.
            let since = self.losses().await?;
            if !since.is_empty() && !accept_loss {
                self.services.start_all(Side::Mas).await?;
                return Ok(since);
            }
            self.journal
                .remember(ROLL_BACK, |memory| memory.rolling_back = true)?;
        }
        self.finish_rolling_back().await?;
        Ok(Vec::new())
    }

    /// Takes back what was begun and interrupted before the cutover, and nothing else.
    ///
    /// # Errors
    ///
    /// If something cannot be taken back.
    pub async fn undo_interrupted(mut self) -> Result<(), MigrateError> {
        let memory = &self.journal.memory;
        if memory.is_clear() || memory.finished || memory.rolling_back || self.overlay.is_on()? {
            return Ok(());
        }
        self.finish_rolling_back().await
    }

    /// Everything is decided: nothing here may be left half done.
    async fn finish_rolling_back(&mut self) -> Result<(), MigrateError> {
        if self.journal.memory.rolling_back {
            let memory = self.journal.memory.clone();
            let cut_over = memory.cut_over.unwrap_or_default();
            self.services.stop(Side::Mas).await?;
            if self.overlay.is_on()? {
                self.repair_devices(&cut_over).await;
            }
            self.down_since = Some(Instant::now());
            self.services.stop(Side::Synapse).await?;
            if let Some(backup) = &memory.backup {
                if memory.imported {
                    self.repair_synapse(backup, &cut_over).await?;
                }
            }
        }
        let left = self.take_back().await;
        match left.into_iter().next() {
            None => Ok(()),
            Some(first) => Err(MigrateError::Missing(first)),
        }
    }

    /// Lets Synapse forget the devices of people who have logged in through MAS: they will be logged
    /// out, and others would go on encrypting for them.
    async fn repair_devices(&mut self, cut_over: &str) {
        let repaired = async {
            let devices = losses::devices_since(&self.mas, cut_over).await?;
            if devices.is_empty() {
                return Ok(0);
            }
            let addresses = Addresses::of(self.inputs)?;
            for (localpart, device) in &devices {
                addresses.delete_device(localpart, device).await?;
            }
            Ok::<usize, MigrateError>(devices.len())
        };
        match repaired.await {
            Ok(0) => {}
            Ok(count) => self.note(&format!("{count} devices that came since are gone")),
            Err(error) => self.note(&format!(
                "devices that came since stay in Synapse, where their users can remove them: {error}"
            )),
        }
    }

    /// Keeps what MAS has now, and takes out of Synapse's tables what must not work again.
    async fn repair_synapse(&self, backup: &Path, cut_over: &str) -> Result<(), MigrateError> {
        backup::keep_mas(self.inputs, backup).await?;
        let ended = losses::tokens_ended_since(&self.mas, cut_over).await?;
        let failed = || self.synapse.failed("cannot repair its tables");
        let mut connection = self.synapse.connect().await?;
        let mut transaction = connection.begin().await.map_err(failed())?;
        sqlx::query("DELETE FROM access_tokens WHERE token = ANY($1)")
            .bind(&ended)
            .execute(&mut *transaction)
            .await
            .map_err(failed())?;
        sqlx::query("DELETE FROM user_external_ids WHERE auth_provider = 'oauth-delegated'")
            .execute(&mut *transaction)
            .await
            .map_err(failed())?;
        transaction.commit().await.map_err(failed())
    }
}

/// What there is to take back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Undo {
    Stop,
    Import,
    Grant,
    MasStop,
}

impl Undo {
    const ALL: &[Undo] = &[Undo::Stop, Undo::Import, Undo::Grant, Undo::MasStop];

    /// What it means if it cannot be taken back.
    fn left(self, error: &MigrateError) -> String {
        match self {
            Undo::Stop => format!(
                "Synapse may be down: {error}. Start it by hand, then run `syn2mas rollback`"
            ),
            Undo::Import => {
                format!("MAS's database still holds the import: {error}. Run `syn2mas rollback`")
            }
            Undo::Grant => {
                format!("MAS's role still has Synapse's: {error}. Run `syn2mas rollback`")
            }
            Undo::MasStop => format!("MAS is down: {error}. Start it by hand"),
        }
    }
}

/// What a step comes to.
enum Done {
    /// It is done, and this can be said about it.
    Said(String),
    /// Nothing was done, because of these.
    Blocked(Vec<Finding>),
}
