//! The rollback: after a failed migration, and with `syn2mas rollback`.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use sqlx::Connection;

use crate::migrate::{
    MigrateError,
    cutover::{
        Event, Migration, Step,
        data_loss::{self, Loss},
    },
    health::{self, Addresses},
    journal::{self, StepStatus},
    postgres::{backup, role_grant::Grant},
    system::{
        signals::Signals,
        systemd::{self, Component},
    },
};

impl Migration<'_> {
    pub(super) async fn take_role_back(&mut self) -> Result<bool, MigrateError> {
        let (true, Some(admin)) = (self.journal.memory.granted, &self.admin) else {
            return Ok(false);
        };
        let grant = Grant::between(&self.synapse, &self.mas).await?;
        grant.revoke(admin).await?;
        self.journal
            .remember(Step::Revoke.name(), |memory| memory.granted = false)?;
        Ok(true)
    }

    /// Reverts all changes, Synapse first. Returns a message for each that could not be reverted, with what
    /// to do about it.
    pub(super) async fn take_back(&mut self) -> Vec<String> {
        const UNDO: &str = "undo";
        let mut left = Vec::new();
        let _ = self.journal.add(UNDO, StepStatus::Begun, "");
        for part in Undo::ALL {
            // MAS must not start on the remains of an import.
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
            StepStatus::Done
        } else {
            StepStatus::Failed
        };
        let _ = self.journal.add(UNDO, phase, &left.join("; "));
        left
    }

    /// Retries for 60 s, because a database may just be restarting.
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
            (self.tell)(Event::Undoing("Synapse's delegation"));
            self.services.stop(Component::Mas).await?;
            self.services.stop(Component::Synapse).await?;
            self.overlay.empty()?;
        }
        for include in &self.inputs.include {
            if include.is_on()? {
                include.blank()?;
            }
        }
        // Not fatal: without a reload the proxy sends logins to MAS, which is down, but Synapse works.
        if let Err(error) = systemd::reload(&self.inputs.proxy_unit).await {
            self.note(&format!("the proxy does not reload: {error}"));
        }
        let synapse = self.services.units(Component::Synapse);
        let mut units = memory.stopped;
        units.retain(|unit| synapse.contains(unit));
        let mut by_command = memory.stopped_with_command;
        if memory.cut_over.is_some() {
            // At the cutover all of them were started.
            units = synapse.to_vec();
            by_command = self.services.by_command();
        }
        if !units.is_empty() || by_command {
            (self.tell)(Event::Undoing("Synapse's stop"));
        }
        self.services.start(Component::Synapse, &units).await?;
        if by_command {
            self.services.start_by_command().await?;
        }
        if let Some(since) = self.down_since.take() {
            self.summary.downtime = since.elapsed().as_secs_f64();
        }
        if !units.is_empty() || by_command {
            health::all_legacy(self.inputs).await?;
        }
        if by_command {
            // Synapse runs now, so an error of the journal must not fail this.
            let _ = self
                .journal
                .remember("undo", |memory| memory.stopped_with_command = false);
        }
        Ok(())
    }

    async fn empty_mas(&mut self) -> Result<(), MigrateError> {
        let memory = self.journal.memory.clone();
        let (true, Some(backup)) = (memory.imported, &memory.backup) else {
            return Ok(());
        };
        (self.tell)(Event::Undoing("the import"));
        self.services.stop(Component::Mas).await?;
        if data_loss::has_served(&self.mas).await? {
            let kept = backup::keep_mas(&self.inputs.postgresql(), &self.mas, backup).await?;
            self.note(&format!(
                "what MAS's database had is kept in {}",
                kept.display()
            ));
        }
        backup::restore_mas(&self.inputs.postgresql(), backup, &self.mas).await?;
        self.journal
            .remember("undo", |memory| memory.imported = false)
    }

    async fn back_to_mas(&mut self) -> Result<(), MigrateError> {
        let memory = self.journal.memory.clone();
        let mas = self.services.units(Component::Mas);
        let mut units = memory.stopped;
        units.retain(|unit| mas.contains(unit));
        self.services.start(Component::Mas, &units).await?;
        self.journal
            .remember("undo", |memory| *memory = journal::State::default())?;
        if let Some(directory) = &memory.backup {
            backup::delete(directory);
        }
        Ok(())
    }

    /// What a rollback would lose now. Empty if there was no cutover.
    ///
    /// # Errors
    ///
    /// If MAS's database cannot be read, or the journal lacks the time of the cutover.
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
        data_loss::since(&self.mas, cut_over).await
    }

    /// Goes back to Synapse's own authentication. If data would be lost and `accept_loss` is false, leaves
    /// everything as it was and returns the losses.
    ///
    /// # Errors
    ///
    /// If a step fails. The next call continues.
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
            self.journal.add(ROLL_BACK, StepStatus::Begun, "")?;
            self.services.stop(Component::Mas).await?;
            // Users may have logged in before MAS was down.
            let since = self.losses().await?;
            if !since.is_empty() && !accept_loss {
                self.services.start_all(Component::Mas).await?;
                return Ok(since);
            }
            self.journal
                .remember(ROLL_BACK, |memory| memory.rolling_back = true)?;
        }
        self.finish_rolling_back().await?;
        Ok(Vec::new())
    }

    /// Reverts a run that was interrupted before the cutover. Otherwise does nothing.
    ///
    /// # Errors
    ///
    /// If a change cannot be reverted.
    pub async fn undo_interrupted(mut self) -> Result<(), MigrateError> {
        let memory = &self.journal.memory;
        if memory.is_clear() || memory.finished || memory.rolling_back || self.overlay.is_on()? {
            return Ok(());
        }
        self.finish_rolling_back().await
    }

    /// Does the rollback after the decision. Signals are ignored, because it must not stop halfway.
    pub(super) async fn finish_rolling_back(&mut self) -> Result<(), MigrateError> {
        let _deaf = Signals::listen()?;
        if self.journal.memory.rolling_back
            && let Err(error) = self.leave_mas().await
        {
            // Nothing was reverted yet, so start the services as they were.
            if self.overlay.is_on()? {
                self.services.start_all(Component::Mas).await?;
            }
            self.services.start_all(Component::Synapse).await?;
            self.services.start_by_command().await?;
            return Err(error);
        }
        let left = self.take_back().await;
        match left.into_iter().next() {
            None => Ok(()),
            Some(first) => Err(MigrateError::Missing(first)),
        }
    }

    /// Stops both servers, dumps MAS's database, and repairs what MAS has changed in Synapse. Both servers
    /// are down afterwards.
    async fn leave_mas(&mut self) -> Result<(), MigrateError> {
        let memory = self.journal.memory.clone();
        let cut_over = memory.cut_over.unwrap_or_default();
        self.services.stop(Component::Mas).await?;
        if self.overlay.is_on()? {
            self.repair_devices(&cut_over).await;
        }
        self.down_since = Some(Instant::now());
        self.services.stop(Component::Synapse).await?;
        match (&memory.backup, memory.imported) {
            (Some(backup), true) => self.repair_synapse(backup, &cut_over).await,
            _ => Ok(()),
        }
    }

    /// Deletes the devices of logins through MAS from Synapse. Their sessions end with the rollback, and
    /// other users would continue to encrypt for them.
    async fn repair_devices(&mut self, cut_over: &str) {
        let repaired = async {
            let devices = data_loss::devices_since(&self.mas, cut_over).await?;
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

    /// Dumps MAS's database, then deletes from Synapse's the tokens of sessions that were ended in MAS, and
    /// the external IDs that delegation has added.
    async fn repair_synapse(&self, backup: &Path, cut_over: &str) -> Result<(), MigrateError> {
        backup::keep_mas(&self.inputs.postgresql(), &self.mas, backup).await?;
        let ended = data_loss::tokens_ended_since(&self.mas, cut_over).await?;
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

/// A change that a rollback reverts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Undo {
    Stop,
    Import,
    Grant,
    MasStop,
}

impl Undo {
    const ALL: &[Undo] = &[Undo::Stop, Undo::Import, Undo::Grant, Undo::MasStop];

    /// The message for a change that could not be reverted.
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
