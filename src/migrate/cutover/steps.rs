//! The steps of a migration and of a rollback. Each can be repeated, and records what it is about to do
//! before it does it.

use std::time::Instant;

use crate::{
    migrate::{
        MigrateError,
        copy::{self, Round},
        cutover::{
            Event, Migration, Step, StepOutcome,
            host::{Host, Readiness},
        },
        journal::State,
        postgres::marker::{self, Marker},
        preflight::finding::{Finding, Severity},
        system::systemd::Component,
        verify::Report,
    },
    util::numbers::counted,
};

impl<H: Host> Migration<'_, H> {
    /// Performs a step. Returns a summary for the journal and the terminal.
    pub(super) async fn perform(&mut self, step: Step) -> Result<StepOutcome, MigrateError> {
        let message = match step {
            Step::Inspect => {
                let findings = self.host.inspect().await?;
                self.emit(Event::Inspected(&findings));
                let is_blocker = |finding: &Finding| finding.kind.severity == Severity::Blocker;
                if findings.iter().any(is_blocker) {
                    return Ok(StepOutcome::Blocked(findings));
                }
                format!("{}, no blocker", counted(findings.len(), "finding"))
            }
            Step::HoldMas => self.hold_mas().await?,
            Step::Stop => self.stop().await?,
            Step::BackUp => self.back_up().await?,
            Step::Grant => self.grant().await?,
            Step::Copy => self.copy().await?,
            Step::Import => self.import().await?,
            Step::Verify => self.verify().await?,
            Step::CatchUp => self.catch_up().await?,
            Step::LastRound => self.last_round().await?,
            Step::Switch => self.switch().await?,
            Step::Start => {
                self.start_all().await?;
                let units = [Component::Mas, Component::Synapse].map(|one| self.host.units(one));
                units.concat().join(", ")
            }
            Step::Probe => {
                let issuer = self.host.probe_delegation().await?;
                self.has_answered(step).await?;
                format!("Synapse delegates to {issuer}")
            }
            Step::Proxy => {
                self.host.fill_includes().await?;
                // Among other things, it sees whether logins reach MAS at Synapse's public address.
                for finding in self.host.doctor().await {
                    self.note(&finding);
                }
                "the includes are full".to_owned()
            }
            Step::VerifyAgain => self.verify_again().await?,
            Step::Complete => self.complete().await?,
            _ => return self.perform_back(step).await,
        };
        Ok(StepOutcome::Done(message))
    }

    /// Performs a step back.
    async fn perform_back(&mut self, step: Step) -> Result<StepOutcome, MigrateError> {
        let message = match step {
            Step::StopMas => {
                self.update(step, |state| {
                    state.going_back.get_or_insert_default();
                })
                .await?;
                self.host.stop(Component::Mas).await?;
                self.host.units(Component::Mas).join(", ")
            }
            Step::CheckLosses => {
                let cut_over = self.host.state().cut_over.clone().unwrap_or_default();
                let losses = self.host.losses(&cut_over).await?;
                if !losses.is_empty() {
                    return Ok(StepOutcome::WouldLose(losses));
                }
                "nothing would be lost".to_owned()
            }
            Step::StopSynapse => {
                self.down_since.get_or_insert_with(Instant::now);
                if self.host.by_command() {
                    self.update(step, |state| state.stopped_with_command = true)
                        .await?;
                }
                self.host.stop(Component::Synapse).await?;
                self.host.units(Component::Synapse).join(", ")
            }
            Step::Keep => self.keep().await?,
            Step::Undelegate => {
                if let Some(text) = self.host.empty_includes().await? {
                    self.note(&text);
                }
                self.host.empty_overlay().await?;
                if self.host.state().cut_over.is_some() {
                    self.update(step, |state| {
                        state.going_back.get_or_insert_default().undelegated = true;
                    })
                    .await?;
                }
                String::new()
            }
            Step::Repair => {
                let state = self.host.state();
                let cut_over = state.cut_over.clone().unwrap_or_default();
                let last = state.last_tokens.unwrap_or_default();
                let repaired = self.host.repair(&cut_over, last).await?;
                self.update(step, |state| {
                    state.going_back.get_or_insert_default().repaired = true;
                })
                .await?;
                repaired
            }
            Step::StartSynapse => {
                let was_stopped = self.down_since.is_some();
                self.start_synapse().await?;
                if was_stopped {
                    format!("Synapse was down for {:.1} s", self.summary.downtime)
                } else {
                    String::new()
                }
            }
            Step::ProbeSynapse => {
                self.host.probe_synapse().await?;
                self.has_answered(step).await?;
                "Synapse authenticates its users by itself".to_owned()
            }
            Step::Restore => self.restore().await?,
            Step::DropCopy => {
                self.drop_copy(step).await?;
                String::new()
            }
            Step::Revoke => {
                self.host.revoke().await?;
                self.update(step, |state| state.granted = false).await?;
                String::new()
            }
            Step::LogOut => {
                match self.host.log_out().await {
                    // There is nothing left to try again.
                    Err(error @ MigrateError::Logout { .. }) => {
                        self.note(&error.with_causes());
                        String::new()
                    }
                    count => counted(count?, "device"),
                }
            }
            Step::Finish => self.finish().await?,
            forward => unreachable!("{} is no step back", forward.name()),
        };
        Ok(StepOutcome::Done(message))
    }

    /// Changes the state, and records it.
    pub(super) async fn update(
        &mut self,
        step: Step,
        change: impl FnOnce(&mut State),
    ) -> Result<(), MigrateError> {
        let mut state = self.host.state().clone();
        change(&mut state);
        self.host.record(step, &state).await
    }

    /// The migration in the journal.
    pub(super) fn migration(&self) -> String {
        self.host.state().migration.clone().unwrap_or_default()
    }

    /// Records the migration, if this is its first step that changes something, and what it will have
    /// stopped.
    async fn record_stopped(
        &mut self,
        step: Step,
        running: &[String],
        by_command: bool,
    ) -> Result<(), MigrateError> {
        let (migration, target) = match self.host.state().migration.clone() {
            Some(migration) => (migration, self.host.state().target.clone()),
            None => (self.host.new_migration(), self.target.clone()),
        };
        self.update(step, |state| {
            state.migration = Some(migration);
            state.target = target;
            let new = running.iter().filter(|unit| !state.stopped.contains(unit));
            let new: Vec<String> = new.cloned().collect();
            state.stopped.extend(new);
            state.stopped_with_command |= by_command;
        })
        .await
    }

    async fn hold_mas(&mut self) -> Result<String, MigrateError> {
        let mas = self.host.units(Component::Mas);
        let mut running = self.host.running().await?;
        running.retain(|unit| mas.contains(unit));
        self.record_stopped(Step::HoldMas, &running, false).await?;
        self.host.stop(Component::Mas).await?;
        Ok(running.join(", "))
    }

    async fn copy(&mut self) -> Result<String, MigrateError> {
        self.update(Step::Copy, |state| state.copied = true).await?;
        let on_event = &mut self.on_event;
        self.host
            .copy(&mut |copied| on_event(Event::Copying(copied)))
            .await
    }

    /// Catches up, until a round takes little time, or no less than the one before, and until the
    /// administrator wants to cut over.
    async fn catch_up(&mut self) -> Result<String, MigrateError> {
        let mut before = None;
        let mut rounds = 0;
        let mut obstacle = String::new();
        loop {
            let round = self.patient_round().await?;
            rounds += 1;
            let is_close = !copy::is_worth_another(round, before);
            before = Some(round);
            if !is_close {
                continue;
            }
            match self.host.may_cut_over(round).await? {
                Readiness::Ready => return Ok(counted(rounds, "round")),
                Readiness::Waits => {}
                Readiness::Blocked(by) if by == obstacle => {}
                Readiness::Blocked(by) => {
                    self.note(&by);
                    obstacle = by;
                }
            }
        }
    }

    /// A round, which is tried again while a database does not answer: it may just be restarting, and a
    /// migration that has been prepared for hours shall not end because of that.
    async fn patient_round(&mut self) -> Result<Round, MigrateError> {
        let mut tries = 1;
        loop {
            match self.round(false).await {
                Err(error @ MigrateError::Database { .. }) if self.host.wait(tries).await => {
                    if tries == 1 {
                        self.note(&format!(
                            "{}; trying again for a while",
                            error.with_causes()
                        ));
                    }
                    tries += 1;
                }
                done => return done,
            }
        }
    }

    async fn round(&mut self, is_last: bool) -> Result<Round, MigrateError> {
        let round = self.host.catch_up(is_last).await?;
        self.emit(Event::CaughtUp(round));
        self.summary.rounds.push(round);
        Ok(round)
    }

    async fn last_round(&mut self) -> Result<String, MigrateError> {
        let round = self.round(true).await?;
        let from = [marker::Progress::Importing, marker::Progress::Verified];
        self.host.mark(&from, marker::Progress::Verified).await?;
        Ok(format!(
            "{} of {} had changed",
            counted(round.rows, "row"),
            counted(round.users, "user")
        ))
    }

    async fn verify_again(&mut self) -> Result<String, MigrateError> {
        let Some(reports) = self.host.verify_again().await? else {
            self.note(
                "the copy of Synapse's tables is gone, so nothing was compared once more. What was imported \
                 had been compared before the cutover",
            );
            return Ok("nothing to compare with".to_owned());
        };
        let rows = self.compared(reports)?;
        Ok(format!("{rows} rows, all as they should be"))
    }

    async fn stop(&mut self) -> Result<String, MigrateError> {
        let running = self.host.running().await?;
        let by_command = self.host.by_command();
        self.record_stopped(Step::Stop, &running, by_command)
            .await?;
        self.down_since = Some(Instant::now());
        self.host.stop(Component::Mas).await?;
        self.host.stop(Component::Synapse).await?;
        self.host.wait_until_alone().await?;
        Ok(running.join(", "))
    }

    async fn back_up(&mut self) -> Result<String, MigrateError> {
        let (directory, size) = self.host.back_up(&self.migration()).await?;
        self.update(Step::BackUp, |state| state.backup = Some(directory.clone()))
            .await?;
        self.summary.backup.clone_from(&directory);
        Ok(format!("{}, {size}", directory.display()))
    }

    async fn grant(&mut self) -> Result<String, MigrateError> {
        if !self.host.needs_grant().await? {
            return Ok("not needed".to_owned());
        }
        self.update(Step::Grant, |state| {
            state.granted = true;
            state.imported = true;
        })
        .await?;
        // If the journal is lost, MAS's database still says that the role was granted.
        let marker = self.marker(marker::Progress::Importing);
        self.host.mark_import(&marker).await?;
        self.host.grant().await?;
        Ok("until the end".to_owned())
    }

    async fn import(&mut self) -> Result<String, MigrateError> {
        // Recorded first, so that MAS's database is restored even if the import is interrupted.
        self.update(Step::Import, |state| state.imported = true)
            .await?;
        let marker = self.marker(marker::Progress::Importing);
        self.host.mark_import(&marker).await?;
        let on_event = &mut self.on_event;
        self.host
            .import(&mut |progress| on_event(Event::Importing(progress)))
            .await
    }

    fn marker(&self, progress: marker::Progress) -> Marker {
        let state = self.host.state();
        Marker {
            migration: self.migration(),
            synapse: state
                .target
                .as_ref()
                .map(|target| target.synapse.to_string())
                .unwrap_or_default(),
            progress,
            since: self.host.now(),
            cut_over: state.cut_over.clone(),
            last_tokens: state.last_tokens,
            granted: state.granted && progress == marker::Progress::Importing,
            state_dir: String::new(),
        }
    }

    async fn verify(&mut self) -> Result<String, MigrateError> {
        let reports = self.host.verify().await?;
        let rows = self.compared(reports)?;
        // A copy is not what Synapse has at the cutover.
        if !self.host.state().copied {
            let from = [marker::Progress::Importing, marker::Progress::Verified];
            self.host.mark(&from, marker::Progress::Verified).await?;
        }
        Ok(format!("{rows} rows, all as they should be"))
    }

    /// The number of rows that were compared. Fails if some differ.
    fn compared(&mut self, reports: Vec<Report>) -> Result<i64, MigrateError> {
        let rows: i64 = reports.iter().map(|report| report.expected).sum();
        let differing = reports.iter().find(|report| !report.is_identical());
        let differing = differing.map(|report| report.entity);
        self.summary.entities = reports;
        match differing {
            None => Ok(rows),
            Some(entity) => Err(MigrateError::Differences {
                entity,
                report: self.host.differences(),
            }),
        }
    }

    async fn switch(&mut self) -> Result<String, MigrateError> {
        // What somebody writes now would be missing in MAS.
        self.host.wait_until_alone().await?;
        let (now, last) = (self.host.now(), self.host.last_tokens().await?);
        self.update(Step::Switch, |state| {
            state.cut_over.get_or_insert(now);
            state.last_tokens = Some(last);
        })
        .await?;
        let from = [marker::Progress::Verified, marker::Progress::CutOver];
        self.host.mark(&from, marker::Progress::CutOver).await?;
        self.host.fill_overlay(&self.migration()).await?;
        Ok(String::new())
    }

    pub(super) async fn start_all(&mut self) -> Result<(), MigrateError> {
        for component in [Component::Mas, Component::Synapse] {
            let units = self.host.units(component);
            self.host.start(component, &units).await?;
        }
        self.start_what_was_stopped_by_command().await?;
        self.up_again();
        Ok(())
    }

    pub(super) async fn start_synapse(&mut self) -> Result<(), MigrateError> {
        let state = self.host.state();
        let mut units = self.host.units(Component::Synapse);
        // At the cutover all of them were started.
        if state.cut_over.is_none() {
            units.retain(|unit| state.stopped.contains(unit));
        }
        self.host.start(Component::Synapse, &units).await?;
        self.start_what_was_stopped_by_command().await?;
        self.up_again();
        Ok(())
    }

    async fn start_what_was_stopped_by_command(&mut self) -> Result<(), MigrateError> {
        if !self.host.state().stopped_with_command {
            return Ok(());
        }
        self.host.start_by_command().await
    }

    /// Records that what was stopped by a command runs again. The command may succeed without that, so
    /// this comes only after Synapse has answered.
    pub(super) async fn has_answered(&mut self, step: Step) -> Result<(), MigrateError> {
        self.update(step, |state| state.stopped_with_command = false)
            .await
    }

    fn up_again(&mut self) {
        if let Some(since) = self.down_since.take() {
            self.summary.downtime = since.elapsed().as_secs_f64();
        }
    }

    async fn complete(&mut self) -> Result<String, MigrateError> {
        let granted = self.host.state().granted;
        if granted {
            self.host.revoke().await?;
        }
        let from = [marker::Progress::CutOver, marker::Progress::Served];
        self.host.mark(&from, marker::Progress::Served).await?;
        self.update(Step::Complete, |state| {
            state.granted = false;
            state.finished = true;
            // Only now: until here, the services and the proxy may be as a rollback has left them.
            state.going_back = None;
        })
        .await?;
        // Last, because until the journal says that the migration is finished, the copy is needed.
        if self.host.state().copied {
            match self.drop_copy(Step::Complete).await {
                Ok(()) => {}
                // No reason to go back.
                Err(error) => self.note(&format!(
                    "the copy of Synapse's tables is left: {}. Run `syn2mas clean`",
                    error.with_causes()
                )),
            }
        }
        Ok(if granted { "role revoked" } else { "" }.to_owned())
    }

    async fn drop_copy(&mut self, step: Step) -> Result<(), MigrateError> {
        self.host.drop_copy().await?;
        self.update(step, |state| state.copied = false).await
    }

    async fn keep(&mut self) -> Result<String, MigrateError> {
        let back = self.host.state().going_back.clone().unwrap_or_default();
        // Nobody has used MAS since Synapse has stopped to delegate.
        if let Some(kept) = back
            .kept
            .filter(|kept| back.undelegated && self.host.has_dump(kept))
        {
            return Ok(kept.display().to_string());
        }
        let kept = self.host.keep_mas(&self.migration()).await?;
        self.update(Step::Keep, |state| {
            state.going_back.get_or_insert_default().kept = Some(kept.clone());
        })
        .await?;
        Ok(kept.display().to_string())
    }

    async fn restore(&mut self) -> Result<String, MigrateError> {
        self.host.stop(Component::Mas).await?;
        let state = self.host.state().clone();
        // Before the cutover the database is to be as it was; afterwards it says what has become of it.
        let marker = state
            .cut_over
            .as_ref()
            .map(|_| self.marker(marker::Progress::RollingBack));
        self.host
            .restore(state.backup.as_deref(), marker.as_ref())
            .await?;
        self.update(Step::Restore, |state| state.imported = false)
            .await?;
        Ok(String::new())
    }

    async fn finish(&mut self) -> Result<String, MigrateError> {
        let mut state = self.host.state().clone();
        let mas = self.host.units(Component::Mas);
        state.stopped.retain(|unit| mas.contains(unit));
        // MAS's units are started as they ran, and all of them may be started again.
        self.host.start(Component::Mas, &state.stopped).await?;
        if state.cut_over.is_some() {
            let from = [marker::Progress::RollingBack, marker::Progress::RolledBack];
            self.host.mark(&from, marker::Progress::RolledBack).await?;
        }
        let kept = state.going_back.take().and_then(|back| back.kept);
        let migration = self.migration();
        // A journal that was lost may have kept what people did in MAS, beside the backup.
        let is_known = state.backup.is_some() || state.cut_over.is_none();
        if kept.is_none() && is_known {
            self.host.delete_backup(&migration).await;
        }
        self.host.record(Step::Finish, &State::default()).await?;
        Ok(kept.map_or(String::new(), |kept| {
            format!("what MAS's database had is in {}", kept.display())
        }))
    }
}
