//! The steps of the cutover.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use crate::migrate::{
    MigrateError,
    cutover::{Event, Migration, Step, StepOutcome},
    health::{self, Addresses},
    import::MasCli,
    journal,
    postgres::{
        backup, clients::other_connections, role_grant::Grant, tables::wait_for_table_locks,
    },
    preflight::{self, finding::Severity},
    system::systemd::{self, Component},
    verify::Comparison,
};

impl Migration<'_> {
    /// Performs a step. Returns a summary for the journal and the terminal.
    pub(super) async fn perform(&mut self, step: Step) -> Result<StepOutcome, MigrateError> {
        let said = match step {
            Step::Inspect => {
                let findings = preflight::inspect(self.inputs, self.options.extent).await?;
                let blocked = findings
                    .iter()
                    .any(|finding| finding.kind.severity == Severity::Blocker);
                if blocked {
                    return Ok(StepOutcome::Blocked(findings));
                }
                // Check now what later steps need, while Synapse still runs.
                let addresses = Addresses::of(self.inputs)?;
                if let Some(token) = &self.options.token
                    && !addresses.is_good(token).await?
                {
                    return Err(MigrateError::Missing(
                        "the token of `--token-file` is not good now, so it would not be afterwards"
                            .to_owned(),
                    ));
                }
                for switch in self.switches() {
                    switch.content()?;
                }
                format!("{} findings, no blocker", findings.len())
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
        Ok(StepOutcome::Done(said))
    }

    async fn stop(&mut self) -> Result<String, MigrateError> {
        let running = self.services.running().await?;
        let by_command = self.services.by_command();
        self.journal.remember(Step::Stop.name(), |memory| {
            memory.stopped.clone_from(&running);
            memory.stopped_with_command = by_command;
        })?;
        self.down_since = Some(Instant::now());
        self.services.stop(Component::Mas).await?;
        self.services.stop(Component::Synapse).await?;
        self.wait_until_alone().await?;
        Ok(running.join(", "))
    }

    /// Waits up to 10 s until there are no other connections to Synapse's database. A worker that was
    /// forgotten would continue to write.
    async fn wait_until_alone(&self) -> Result<(), MigrateError> {
        let mut others = Vec::new();
        for _ in 0..100 {
            others = other_connections(&self.synapse).await?;
            if others.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        others.dedup();
        Err(MigrateError::Missing(format!(
            "somebody still uses Synapse's database: {}. If that is a worker, or a pooler such as \
             PgBouncer, name its unit with `--synapse-unit`; end what else it is",
            others.join(", ")
        )))
    }

    async fn back_up(&mut self) -> Result<String, MigrateError> {
        let name = journal::now().replace([':', '.'], "-");
        let directory = self.inputs.state().join("backup").join(name);
        let size = backup::make(
            &self.inputs.postgresql(),
            [&self.synapse, &self.mas],
            &directory,
            self.options.extent,
        )
        .await?;
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
        if !grant.is_needed(admin).await? {
            return Ok("not needed".to_owned());
        }
        self.journal
            .remember(Step::Grant.name(), |memory| memory.granted = true)?;
        grant.give(admin).await?;
        Ok(format!("{} to {}", grant.role, grant.member))
    }

    async fn import(&mut self) -> Result<String, MigrateError> {
        // Written first, so that a rollback restores MAS's database even if the import is interrupted.
        self.journal
            .remember(Step::Import.name(), |memory| memory.imported = true)?;
        let through = self.inputs.synapse_database_for_import()?;
        let mas_cli = MasCli::prepare(self.inputs, &through, None).await?;
        wait_for_table_locks(&through).await?;
        let log = self.directory().join("import.log");
        let tell = &mut self.tell;
        mas_cli
            .migrate(false, Some(&log), |progress| {
                tell(Event::Importing(progress));
            })
            .await?;
        Ok(log.display().to_string())
    }

    /// The directory of this migration's backup and logs.
    fn directory(&self) -> PathBuf {
        let backup = self.journal.memory.backup.clone();
        backup.unwrap_or_else(|| self.inputs.state())
    }

    async fn verify(&mut self) -> Result<String, MigrateError> {
        let comparison = Comparison::of(self.inputs)?;
        let reports = comparison.run(&self.synapse, &self.mas, |_| {}).await?;
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
                crate::util::atomic_write::replace(&file, &text, 0o600)
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
        systemd::reload(&self.inputs.proxy_unit).await?;
        Ok(files.join(", "))
    }

    async fn start(&mut self) -> Result<String, MigrateError> {
        self.services.start_all(Component::Mas).await?;
        self.services.start_all(Component::Synapse).await?;
        if self.journal.memory.stopped_with_command {
            self.services.start_by_command().await?;
            self.journal.remember(Step::Start.name(), |memory| {
                memory.stopped_with_command = false;
            })?;
        }
        if let Some(since) = self.down_since.take() {
            self.summary.downtime = since.elapsed().as_secs_f64();
        }
        let sides = [Component::Mas, Component::Synapse].map(|side| self.services.units(side));
        Ok(sides.concat().join(", "))
    }

    async fn probe(&mut self) -> Result<String, MigrateError> {
        let addresses = Addresses::of(self.inputs)?;
        let token = self.options.token.clone();
        let issuer = addresses.delegated(token.as_deref()).await?;
        health::all_delegate(self.inputs, &issuer).await?;
        self.consult_doctor().await;
        Ok(format!("Synapse lets {issuer} authenticate its users"))
    }

    /// Reports the findings of `mas-cli doctor` as notes. They concern the environment, which is no reason
    /// for a rollback.
    async fn consult_doctor(&mut self) {
        let said = async {
            let mas_cli = MasCli::prepare(self.inputs, &self.synapse, None).await?;
            let patience = Duration::from_secs(30);
            let said = tokio::time::timeout(patience, mas_cli.doctor()).await;
            said.unwrap_or_else(|_| Err(MigrateError::Missing("no answer within 30 s".to_owned())))
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
        // The migration is complete: from now on users write to MAS's database.
        self.journal.remember(Step::Revoke.name(), |memory| {
            memory.stopped.clear();
            memory.finished = true;
        })?;
        Ok(if revoked { "done" } else { "not needed" }.to_owned())
    }
}
