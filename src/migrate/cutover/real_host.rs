//! The real host: systemd, PostgreSQL, `mas-cli`, files, and Synapse and MAS over HTTP.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use nix::fcntl::Flock;
use sqlx::Connection as _;

use crate::{
    mas_cli::syn2mas::Progress,
    migrate::{
        MigrateError,
        context::Context,
        control::{self, Request},
        copy::{Copied, Round, proof},
        cutover::{
            data_loss::{self, Loss},
            decide::{Observed, Seen},
            following::Following,
            host::{Host, Readiness},
            repair,
        },
        cutover_file::CutoverFile,
        health::{self, Addresses},
        import::PreparedMasCli,
        journal::{self, Journal, State, StepStatus, Target},
        postgres::{
            backup::{self, BackupScope},
            clients::{in_the_way, other_connections_beside},
            connection::Database,
            identity::{DatabaseId, identity},
            marker::{self, Marker},
            role_grant::Grant,
            tables::{self, LastTokens, Lock, last_tokens, wait_for_table_locks},
        },
        preflight::{self, finding::Finding, host},
        step::Step,
        system::systemd::{self, Component, Services},
        verify::{Comparison, Report},
    },
    util::{atomic_write, numbers::counted},
};

/// For how long a step of a rollback is tried again. One try may take a minute.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Options of `syn2mas migrate`, in addition to those that every command has.
#[derive(Clone, Debug, Default)]
pub struct MigrateOptions {
    /// How much of Synapse's database is backed up.
    pub scope: BackupScope,
    /// An access token that is valid before the cutover and must still be valid after it.
    pub token: Option<String>,
    /// How many bytes of Synapse's tables are copied in a second, at most.
    pub max_rate: Option<u64>,
    /// When to cut over.
    pub when: When,
}

/// When to cut over, once the copy is close to Synapse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum When {
    /// At once.
    #[default]
    Now,
    /// When the administrator says so (`syn2mas cutover`).
    Told,
    /// At this time, or when the administrator says so.
    At(SystemTime),
}

/// This host. It holds the lock of the journal.
#[derive(Debug)]
pub struct RealHost<'a> {
    context: &'a Context,
    options: MigrateOptions,
    services: Services,
    synapse: Database,
    mas: Database,
    admin: Option<Database>,
    overlay: CutoverFile,
    journal: Journal,
    /// Held as long as this lives. Another `--state-dir` has another journal, but not another overlay.
    _lock: Option<Flock<fs::File>>,
    /// The copy of Synapse's tables, while this run follows it.
    following: Option<Following>,
    /// Holds the locks on Synapse's tables, from before the last comparison until Synapse is started.
    lock: Option<Lock>,
    /// When the step that is being tried again has failed first.
    failing_since: Option<Instant>,
    /// What was last said to be in the way of the cutover.
    obstacle: Option<String>,
}

const BAD_TOKEN: MigrateError = MigrateError::Usage {
    problem: "Synapse does not accept the token of `--token-file`",
    fix: "pass a token that is valid until the cutover",
};

impl<'a> RealHost<'a> {
    /// Opens the journal and resolves services and databases.
    ///
    /// # Errors
    ///
    /// If an option is missing, or another `syn2mas` holds the lock of the journal.
    pub fn open(context: &'a Context, options: MigrateOptions) -> Result<Self, MigrateError> {
        let overlay = context.overlay()?.clone();
        let state = context.state();
        let journal = Journal::open(&state)?;
        // What was asked of an earlier run is not meant for this one.
        control::clear(&state)?;
        Ok(RealHost {
            context,
            options,
            services: context.services()?,
            synapse: context.synapse_database()?.clone(),
            mas: context.mas_database()?.clone(),
            admin: context.admin_database()?,
            _lock: overlay.lock()?,
            overlay,
            journal,
            following: None,
            lock: None,
            failing_since: None,
            obstacle: None,
        })
    }

    /// What a step will do on this host, for the question before the start. None for a step that is not
    /// worth a line, or is not needed here.
    #[must_use]
    pub fn describe(&self, step: Step) -> Option<String> {
        let mas_units = self.services.units(Component::Mas).join(", ");
        let synapse = if self.services.by_command() {
            "Synapse, with the given command".to_owned()
        } else {
            self.services.units(Component::Synapse).join(", ")
        };
        let (from, to) = (self.synapse.name(), self.mas.name());
        let overlay = self.overlay.file.display();
        let includes = self.context.args.include.iter();
        let includes: Vec<String> = includes
            .map(|include| include.file.display().to_string())
            .collect();
        let includes = includes.join(", ");
        Some(match step {
            Step::Inspect => "look for blockers".to_owned(),
            Step::HoldMas | Step::StopMas if mas_units.is_empty() => return None,
            Step::HoldMas => format!("keep {mas_units} down"),
            Step::Stop => format!("stop {mas_units} {synapse}, and keep them down"),
            Step::BackUp => format!(
                "back up {from} and {to} to {}",
                self.context.args.backups().display()
            ),
            Step::Grant => {
                self.admin.as_ref()?;
                "grant MAS's role Synapse's role until the end".to_owned()
            }
            Step::Copy => format!("copy six tables of {from}, while Synapse runs"),
            Step::Import => format!("import from {from} into {to} with mas-cli"),
            Step::CatchUp => format!("bring {to} up to what {from} has, while Synapse runs"),
            Step::LastRound => format!("bring {to} up to {from} for the last time, and compare it"),
            Step::Verify => {
                "compare both databases row by row; if they differ, undo everything".to_owned()
            }
            Step::Switch => format!("fill {overlay}"),
            Step::Start => "start MAS and Synapse".to_owned(),
            Step::Probe => "check that every listener of Synapse delegates to MAS".to_owned(),
            Step::Proxy if includes.is_empty() => return None,
            Step::Proxy => format!("fill {includes}"),
            Step::VerifyAgain => "compare everything once more, while Synapse runs".to_owned(),
            Step::DropCopy => format!("drop the copy of six tables of {from}"),
            Step::StopMas => format!("stop {mas_units}"),
            Step::StopSynapse => format!("stop {synapse}"),
            Step::Keep => format!("dump {to}"),
            Step::Undelegate => format!("empty {includes} {overlay}"),
            Step::Repair => format!("delete from {from} what was ended in MAS"),
            Step::StartSynapse => format!("start {synapse}"),
            Step::ProbeSynapse => "check that every listener of Synapse logs users in".to_owned(),
            Step::Restore => format!("restore {to}"),
            Step::LogOut => "log out devices that came through MAS".to_owned(),
            Step::Complete
            | Step::CheckLosses
            | Step::Revoke
            | Step::Finish
            | Step::Recover
            | Step::DryRun => return None,
        })
    }

    /// Fails unless a database is the one that the journal is about.
    async fn make_sure_it_is(
        &self,
        database: &Database,
        of: fn(&Target) -> &DatabaseId,
    ) -> Result<(), MigrateError> {
        let Some(target) = &self.journal.state.target else {
            return Ok(());
        };
        let (then, now) = (of(target), identity(database).await?);
        if then.is_same(&now) {
            return Ok(());
        }
        Err(MigrateError::OtherDatabase {
            which: database.which,
            now: now.to_string(),
            then: then.to_string(),
        })
    }

    /// The directory for everything of a migration that must outlast it.
    fn directory(&self, migration: &str) -> PathBuf {
        self.context.args.backups().join(migration)
    }
}

async fn target(
    context: &Context,
    services: &Services,
    overlay: &CutoverFile,
    [synapse, mas]: [&Database; 2],
) -> Result<Target, MigrateError> {
    // In sequence: connecting as another user of this host changes the effective user of the whole process.
    let (synapse, mas) = (identity(synapse).await?, identity(mas).await?);
    let synapse_services = match services.stop_command() {
        Some(command) => vec![command.to_owned()],
        None => services.units(Component::Synapse).to_vec(),
    };
    Ok(Target {
        synapse,
        mas,
        server_name: context.synapse()?.server_name()?.to_owned(),
        overlay: overlay.file.clone(),
        includes: context
            .args
            .include
            .iter()
            .map(|include| include.file.clone())
            .collect(),
        synapse_services,
        mas_units: services.units(Component::Mas).to_vec(),
    })
}

/// Fails if another `syn2mas`, of which this journal knows nothing, is migrating to MAS's database: one with another
/// `--state-dir`, perhaps on another host. What it imports would look like what a killed run has left.
///
/// # Errors
///
/// If there is one.
pub async fn make_sure_nobody_else_migrates(
    context: &Context,
    state: &State,
) -> Result<(), MigrateError> {
    const TRIES: usize = 25;
    if *state != State::default() {
        return Ok(());
    }
    for _ in 0..TRIES {
        // Without an answer, the next steps say why.
        if !matches!(context.is_copy_in_use().await, Ok(true)) {
            return Ok(());
        }
        // The server needs a moment to notice that one was killed.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Err(MigrateError::InUse {
        which: context.mas_database()?.which,
        connections: vec!["a migration with another `--state-dir`".to_owned()],
        fix: "Wait until it is done, or cancel it there with `syn2mas cancel`. If it was killed, or its host is \
              lost, end its session on the server",
    })
}

/// What is seen on this host, without the lock of the journal.
///
/// # Errors
///
/// If the options do not say where something is.
pub async fn observe(context: &Context, state: &State) -> Result<Observed, MigrateError> {
    let (services, overlay) = (context.services()?, context.overlay()?);
    let (synapse, mas) = (context.synapse_database()?, context.mas_database()?);
    let databases = [synapse, mas];
    Ok(observe_these(context, &services, overlay, databases, state).await)
}

async fn observe_these(
    context: &Context,
    services: &Services,
    overlay: &CutoverFile,
    databases: [&Database; 2],
    state: &State,
) -> Observed {
    let inhibited = services.inhibited();
    Observed {
        target: seen(target(context, services, overlay, databases).await),
        overlay: seen(overlay.content_of_overlay()),
        marker: seen(marker::read(databases[1]).await),
        delegates_by_itself: context
            .synapse()
            .is_ok_and(|synapse| synapse.is_on("matrix_authentication_service.enabled")),
        inhibited: if state.migration.is_none() {
            inhibited
        } else {
            Vec::new()
        },
        by_command: services.by_command(),
        // It counts only before a migration. If this fails, so does the step that makes the copy, and with the
        // reason.
        no_copy: if state.migration.is_none() {
            host::no_copy(context).await.unwrap_or_default()
        } else {
            None
        },
        waits: false,
        has_admin: context.args.admin_database_uri.is_some(),
        losses: Seen::Known(Vec::new()),
    }
}

fn seen<T>(result: Result<T, MigrateError>) -> Seen<T> {
    match result {
        Ok(value) => Seen::Known(value),
        Err(error) => Seen::Unknown(error.with_causes()),
    }
}

impl Host for RealHost<'_> {
    fn state(&self) -> &State {
        &self.journal.state
    }

    async fn log(
        &mut self,
        step: Step,
        status: StepStatus,
        message: &str,
    ) -> Result<(), MigrateError> {
        self.journal.log(step, status, message)
    }

    async fn record(&mut self, step: Step, state: &State) -> Result<(), MigrateError> {
        self.journal.record(step, state)
    }

    fn new_migration(&mut self) -> String {
        ulid::Ulid::new().to_string()
    }

    fn now(&self) -> String {
        journal::now()
    }

    async fn wait(&mut self, tries: u32) -> bool {
        let now = Instant::now();
        if tries == 1 {
            self.failing_since = Some(now);
        }
        let since = self.failing_since.unwrap_or(now);
        if now - since >= TIMEOUT {
            return false;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        true
    }

    async fn observe(&mut self) -> Observed {
        let databases = [&self.synapse, &self.mas];
        let seen = observe_these(
            self.context,
            &self.services,
            &self.overlay,
            databases,
            &self.journal.state,
        )
        .await;
        Observed {
            waits: self.options.when != When::Now,
            ..seen
        }
    }

    async fn losses(&mut self, cut_over: &str) -> Result<Vec<Loss>, MigrateError> {
        let comparison = Comparison::of(self.context)?;
        data_loss::losses(&self.synapse, &self.mas, &comparison, cut_over).await
    }

    async fn inspect(&mut self) -> Result<Vec<Finding>, MigrateError> {
        let findings = preflight::inspect(self.context, self.options.scope).await?;
        // Check now what later steps need, while Synapse still runs.
        if !self.has_good_token().await? {
            return Err(BAD_TOKEN);
        }
        self.overlay.content()?;
        self.overlay.check_writable()?;
        for include in &self.context.args.include {
            include.content()?;
        }
        Ok(findings)
    }

    async fn running(&mut self) -> Result<Vec<String>, MigrateError> {
        self.services.running().await
    }

    fn units(&self, component: Component) -> Vec<String> {
        self.services.units(component).to_vec()
    }

    fn by_command(&self) -> bool {
        self.services.by_command()
    }

    async fn stop(&mut self, component: Component) -> Result<(), MigrateError> {
        self.services.stop(component).await
    }

    async fn start(&mut self, component: Component, units: &[String]) -> Result<(), MigrateError> {
        self.lock = None;
        self.services.start(component, units).await
    }

    async fn start_by_command(&mut self) -> Result<(), MigrateError> {
        self.lock = None;
        self.services.start_by_command().await
    }

    async fn wait_until_alone(&mut self) -> Result<(), MigrateError> {
        let mut others = Vec::new();
        let mut ours: Vec<i32> = self.lock.iter().map(|lock| lock.pid).collect();
        if let Some(following) = &self.following {
            ours.extend(following.copy.sessions_in_synapse().await?);
        }
        for _ in 0..100 {
            others = other_connections_beside(&self.synapse, &ours).await?;
            if others.is_empty() {
                return self.make_sure_of_locks().await;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        others.dedup();
        Err(MigrateError::InUse {
            which: self.synapse.which,
            connections: others,
            fix: "For a worker, or a pooler such as PgBouncer, pass its unit with `--synapse-unit`; end \
                  what else it is",
        })
    }

    async fn back_up(&mut self, migration: &str) -> Result<(PathBuf, String), MigrateError> {
        let directory = self.directory(migration);
        let size = backup::make(
            &self.context.postgresql(),
            [&self.synapse, &self.mas],
            &directory,
            self.options.scope,
        )
        .await?;
        Ok((directory, indicatif::HumanBytes(size).to_string()))
    }

    async fn keep_mas(&mut self, migration: &str) -> Result<PathBuf, MigrateError> {
        self.make_sure_it_is(&self.mas, |target| &target.mas)
            .await?;
        if let Some(backup) = &self.journal.state.backup {
            backup::check_mas(&self.context.postgresql(), backup).await?;
        }
        let directory = self.directory(migration);
        backup::keep_mas(&self.context.postgresql(), &self.mas, &directory).await
    }

    fn has_dump(&self, dump: &Path) -> bool {
        dump.is_file()
    }

    async fn delete_backup(&mut self, migration: &str) {
        backup::delete(&self.directory(migration));
    }

    async fn needs_grant(&mut self) -> Result<bool, MigrateError> {
        let Some(admin) = &self.admin else {
            return Ok(false);
        };
        let grant = Grant::between(&self.synapse, &self.mas).await?;
        grant.is_needed(admin).await
    }

    async fn grant(&mut self) -> Result<(), MigrateError> {
        let Some(admin) = &self.admin else {
            return Ok(());
        };
        let grant = Grant::between(&self.synapse, &self.mas).await?;
        grant.give(admin).await
    }

    async fn revoke(&mut self) -> Result<(), MigrateError> {
        let Some(admin) = &self.admin else {
            return Ok(());
        };
        let grant = Grant::between(&self.synapse, &self.mas).await?;
        grant.revoke(admin).await
    }

    async fn mark_import(&mut self, marker: &Marker) -> Result<(), MigrateError> {
        self.make_sure_it_is(&self.mas, |target| &target.mas)
            .await?;
        marker::begin(&self.mas, &self.named(marker)).await
    }

    async fn mark(
        &mut self,
        from: &[marker::Progress],
        to: marker::Progress,
    ) -> Result<(), MigrateError> {
        let state = &self.journal.state;
        let (Some(migration), Some(target)) = (&state.migration, &state.target) else {
            return Err(MigrateError::Marker {
                which: self.mas.which,
                problem: "the journal does not say which migration this is".to_owned(),
            });
        };
        let last = state.last_tokens;
        marker::advance(&self.mas, migration, &target.synapse, from, to, last).await
    }

    async fn import(
        &mut self,
        on_progress: &mut dyn FnMut(&Progress),
    ) -> Result<String, MigrateError> {
        self.make_sure_it_is(&self.mas, |target| &target.mas)
            .await?;
        let through = match &self.following {
            Some(following) => following.copy.database().clone(),
            None => self.context.synapse_database_for_import()?,
        };
        let mas_cli = PreparedMasCli::prepare(self.context, &through, None).await?;
        wait_for_table_locks(&through).await?;
        let directory = self.journal.state.backup.clone();
        let directory = directory.unwrap_or_else(|| self.context.state());
        let log = directory.join("import.log");
        mas_cli.migrate(false, Some(&log), on_progress).await?;
        Ok(log.display().to_string())
    }

    async fn copy(&mut self, on_progress: &mut dyn FnMut(Copied)) -> Result<String, MigrateError> {
        self.following = None;
        let mut rows = 0;
        let mut count = |copied: Copied| {
            rows = copied.rows;
            on_progress(copied);
        };
        let following = Following::begin(self.context, self.options.max_rate, &mut count).await?;
        self.following = Some(following);
        Ok(format!("{rows} rows"))
    }

    async fn catch_up(&mut self, is_last: bool) -> Result<Round, MigrateError> {
        let following = self.following.as_mut().ok_or_else(|| MigrateError::Copy {
            problem: "this run has made no copy of Synapse's tables".to_owned(),
        })?;
        let round = following.catch_up(self.context, &self.mas, is_last).await?;
        self.lock = following.copy.lock.take();
        Ok(round)
    }

    async fn may_cut_over(&mut self, last: Round) -> Result<Readiness, MigrateError> {
        // While it waits for a better moment, the scans shall not be noticed.
        let pause = Duration::from_secs_f64((20.0 * last.seconds).clamp(5.0, 60.0));
        let until = Instant::now() + pause;
        let mut is_first = true;
        loop {
            let is_due = Instant::now() >= until;
            if !self.is_time() {
                if is_due {
                    return Ok(Readiness::Waits);
                }
            } else if let Some(by) = self.obstacle().await? {
                // It is said at once, and then the rounds are as rare as before.
                if is_due || self.obstacle.as_ref() != Some(&by) {
                    self.obstacle = Some(by.clone());
                    return Ok(Readiness::Blocked(by));
                }
            } else if is_first {
                return Ok(Readiness::Ready);
            } else {
                // One more round brings the copy close again.
                return Ok(Readiness::Waits);
            }
            is_first = false;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    async fn verify(&mut self) -> Result<Vec<Report>, MigrateError> {
        let comparison = Comparison::of(self.context)?;
        let against = if let Some(following) = &self.following {
            following.copy.database()
        } else {
            self.lock = Some(tables::lock(&self.synapse).await?);
            &self.synapse
        };
        let reports = comparison.run(against, &self.mas, |_| {}).await?;
        self.write_differences(&reports)?;
        Ok(reports)
    }

    async fn verify_again(&mut self) -> Result<Option<Vec<Report>>, MigrateError> {
        let copy = match &mut self.following {
            Some(following) => {
                following.copy.prove().await?;
                Some(following.copy.database().clone())
            }
            None => self.context.live_copy().await?,
        };
        let Some(copy) = copy else { return Ok(None) };
        proof::make_sure(&copy).await?;
        let comparison = Comparison {
            cut_over: self.journal.state.cut_over.clone(),
            ..Comparison::of(self.context)?
        };
        let reports = comparison.run(&copy, &self.mas, |_| {}).await?;
        self.write_differences(&reports)?;
        if let Some(backup) = &self.journal.state.backup {
            backup::keep_copy(&self.context.postgresql(), &copy, backup).await?;
        }
        Ok(Some(reports))
    }

    async fn drop_copy(&mut self) -> Result<(), MigrateError> {
        match self.following.take() {
            Some(following) => following.copy.remove().await,
            None => match self.context.live_copy().await? {
                Some(copy) => self.context.drop_copy(&copy).await,
                None => Ok(()),
            },
        }
    }

    fn differences(&self) -> PathBuf {
        self.context.state().join("differences.json")
    }

    async fn fill_overlay(&mut self, migration: &str) -> Result<(), MigrateError> {
        self.overlay.fill_overlay(migration)?;
        self.make_sure_of_locks().await
    }

    async fn empty_overlay(&mut self) -> Result<(), MigrateError> {
        self.overlay.empty()
    }

    async fn fill_includes(&mut self) -> Result<(), MigrateError> {
        for include in &self.context.args.include {
            include.fill()?;
        }
        systemd::reload(&self.context.args.proxy_unit).await
    }

    async fn empty_includes(&mut self) -> Result<Option<String>, MigrateError> {
        for include in &self.context.args.include {
            if include.is_on()? {
                include.blank()?;
            }
        }
        // Not fatal: without a reload the proxy sends logins to MAS, which is down, but Synapse works.
        let reloaded = systemd::reload(&self.context.args.proxy_unit).await;
        Ok(reloaded
            .err()
            .map(|error| format!("the proxy does not reload: {}", error.with_causes())))
    }

    async fn probe_delegation(&mut self) -> Result<String, MigrateError> {
        let addresses = Addresses::of(self.context)?;
        let token = self.options.token.as_deref();
        let issuer = addresses.delegated(token).await?;
        health::all_delegate(self.context, &issuer).await?;
        Ok(issuer)
    }

    async fn probe_synapse(&mut self) -> Result<(), MigrateError> {
        health::all_legacy(self.context).await.map(|_| ())
    }

    /// The doctor's findings concern the environment, which is no reason for a rollback.
    async fn doctor(&mut self) -> Vec<String> {
        let asked = async {
            let mas_cli = PreparedMasCli::prepare(self.context, &self.synapse, None).await?;
            let timeout = Duration::from_secs(30);
            let answer = tokio::time::timeout(timeout, mas_cli.doctor()).await;
            answer.unwrap_or(Err(MigrateError::Timeout {
                what: "mas-cli doctor",
                limit: timeout,
            }))
        };
        match asked.await {
            Ok(findings) => findings
                .iter()
                .map(|finding| format!("the doctor says: {finding}"))
                .collect(),
            Err(error) => vec![format!("no result of the doctor: {}", error.with_causes())],
        }
    }

    async fn restore(
        &mut self,
        backup: Option<&Path>,
        marker: Option<&Marker>,
    ) -> Result<(), MigrateError> {
        self.make_sure_it_is(&self.mas, |target| &target.mas)
            .await?;
        let after = marker.map_or(String::new(), |marker| marker::replace(&self.named(marker)));
        backup::restore_mas(&self.context.postgresql(), backup, &after, &self.mas).await
    }

    async fn last_tokens(&mut self) -> Result<LastTokens, MigrateError> {
        last_tokens(&self.synapse).await
    }

    async fn repair(&mut self, cut_over: &str, last: LastTokens) -> Result<String, MigrateError> {
        self.make_sure_it_is(&self.synapse, |target| &target.synapse)
            .await?;
        self.make_sure_it_is(&self.mas, |target| &target.mas)
            .await?;
        let comparison = Comparison::of(self.context)?;
        let repaired =
            repair::prepare(&self.synapse, &self.mas, &comparison, cut_over, last).await?;
        Ok(format!("{} deleted", counted(repaired.tokens, "token")))
    }

    async fn log_out(&mut self) -> Result<usize, MigrateError> {
        self.make_sure_it_is(&self.synapse, |target| &target.synapse)
            .await?;
        repair::log_out(&self.synapse, &Addresses::of(self.context)?.synapse).await
    }
}

impl RealHost<'_> {
    /// Whether Synapse accepts the token that the migration checks after the cutover.
    async fn has_good_token(&self) -> Result<bool, MigrateError> {
        match &self.options.token {
            Some(token) => Addresses::of(self.context)?.is_good(token).await,
            None => Ok(true),
        }
    }

    /// Whether the administrator wants to cut over now.
    fn is_time(&self) -> bool {
        let is_due = match self.options.when {
            When::Now => true,
            When::Told => false,
            When::At(time) => SystemTime::now() >= time,
        };
        is_due || Request::CutOver.is_made(&self.context.state())
    }

    /// What is in the way of the cutover for now, in words.
    async fn obstacle(&self) -> Result<Option<String>, MigrateError> {
        let seen = async {
            // `--synapse-database-uri` may name another role than Synapse's own.
            let own = Vec::from_iter(self.context.synapse()?.role());
            Ok((
                self.has_good_token().await?,
                in_the_way(&self.synapse, &own).await?,
            ))
        };
        Ok(match seen.await {
            Ok((false, _)) => return Err(BAD_TOKEN),
            Ok((true, others)) if others.is_empty() => None,
            Ok((true, others)) => Some(format!(
                "the cutover waits until these connections to Synapse's database have ended: {}",
                others.join(", ")
            )),
            // Synapse, or its database, may just be restarting.
            Err(error) => {
                let error: MigrateError = error;
                Some(format!("the cutover waits: {}", error.with_causes()))
            }
        })
    }

    /// Fails if the locks on Synapse's tables are lost, because somebody may have written to them since.
    async fn make_sure_of_locks(&mut self) -> Result<(), MigrateError> {
        let Some(lock) = &mut self.lock else {
            return Ok(());
        };
        let lost =
            (self.synapse).failed("the locks on its tables are lost, so they may have changed");
        lock.connection.ping().await.map_err(lost)
    }

    /// Writes the rows that differ, if any do, to a file.
    fn write_differences(&self, reports: &[Report]) -> Result<(), MigrateError> {
        if reports.iter().all(Report::is_identical) {
            return Ok(());
        }
        let file = self.differences();
        let text = serde_json::to_string_pretty(reports).map_err(MigrateError::json(&file))?;
        atomic_write::replace(&file, &text, 0o600).map_err(MigrateError::io("write", &file))
    }

    /// The marker with the directory of this journal.
    fn named(&self, marker: &Marker) -> Marker {
        Marker {
            state_dir: self.context.state().display().to_string(),
            ..marker.clone()
        }
    }
}
