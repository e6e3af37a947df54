//! The simulated host's side of the interface, where effects fail and the process is killed.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
};

use mas2nix::{
    mas_cli::syn2mas::Progress,
    migrate::{
        MigrateError,
        copy::{Copied, Round},
        cutover::{
            data_loss::Loss,
            decide::Observed,
            host::{Host, Readiness},
        },
        journal::{State, StepStatus},
        postgres::{
            marker::{self, Marker},
            tables::LastTokens,
        },
        preflight::finding::Finding,
        step::Step,
        system::systemd::Component,
        verify::Report,
    },
};

use crate::world::{MasDatabase, OverlayFile, Session, World};

/// What goes wrong at an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// The process is killed before it.
    KillBefore,
    /// The process is killed after it.
    KillAfter,
    /// It fails, and changes nothing.
    Fails,
    /// It succeeds, and says that it failed.
    FailsAfter,
    /// The administrator presses Ctrl-C.
    Interrupt,
    /// The host loses power after it.
    PowerLoss,
    /// It fails, however often it is tried.
    KeepsFailing,
    /// Before it, a worker that is no unit of Synapse connects to Synapse's database and writes to it.
    Stranger,
    /// Before it, the copy of Synapse's tables vanishes.
    LoseCopy,
}

impl Fault {
    pub const ALL: [Fault; 6] = [
        Fault::KillBefore,
        Fault::KillAfter,
        Fault::Fails,
        Fault::FailsAfter,
        Fault::Interrupt,
        Fault::PowerLoss,
    ];

    /// Those whose effect lasts, which are tried on fewer histories.
    pub const LASTING: [Fault; 5] = [
        Fault::KillAfter,
        Fault::PowerLoss,
        Fault::KeepsFailing,
        Fault::Stranger,
        Fault::LoseCopy,
    ];
}

/// What people do between two effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum People {
    /// Nothing.
    Sleep,
    /// Somebody logs in wherever that is possible.
    LogIn,
    /// Somebody logs in, or out, in turn.
    LogInAndOut,
}

/// What has been seen in all histories together.
#[derive(Debug, Default)]
pub struct Visited {
    pub states: HashSet<u64>,
    pub histories: u64,
    pub effects: u64,
}

/// A run of `syn2mas` on a world.
pub struct Run<'a> {
    pub world: &'a mut World,
    pub faults: BTreeMap<u32, Fault>,
    pub people: People,
    pub story: &'a mut Vec<String>,
    pub visited: &'a mut Visited,
    /// Number of effects so far.
    pub count: u32,
    pub is_killed: bool,
    /// Whether this run has made the copy, and follows it.
    follows: bool,
    /// Whether nobody else can write to Synapse's tables.
    is_locked: bool,
    /// The effect that fails whenever it is tried.
    broken: Option<String>,
    /// The first thing that happened which must never happen.
    pub violation: Option<String>,
    state: State,
}

impl<'a> Run<'a> {
    pub fn new(
        world: &'a mut World,
        faults: BTreeMap<u32, Fault>,
        people: People,
        story: &'a mut Vec<String>,
        visited: &'a mut Visited,
    ) -> Self {
        let state = world.state();
        Run {
            world,
            faults,
            people,
            story,
            visited,
            count: 0,
            is_killed: false,
            follows: false,
            is_locked: false,
            broken: None,
            violation: None,
            state,
        }
    }

    fn fails(reason: &str) -> MigrateError {
        MigrateError::Marker {
            which: "the simulation",
            problem: reason.to_owned(),
        }
    }

    /// Does something to the world, or lets it go wrong.
    fn effect<T>(
        &mut self,
        name: &str,
        apply: impl FnOnce(&mut World) -> Result<T, String>,
    ) -> Result<T, MigrateError> {
        if self.is_killed {
            return Err(Run::fails("killed"));
        }
        let number = self.count;
        self.count += 1;
        self.visited.effects += 1;
        let fault = self.faults.get(&number).copied();
        let told = fault.map_or(String::new(), |fault| format!(" — {fault:?}"));
        self.story.push(format!("  {number:>3} {name}{told}"));
        match fault {
            Some(Fault::KillBefore) => {
                self.is_killed = true;
                return Err(Run::fails("killed"));
            }
            Some(Fault::Fails) => return Err(Run::fails("it fails")),
            Some(Fault::Interrupt) => return Err(MigrateError::Interrupted),
            Some(Fault::KeepsFailing) => self.broken = Some(name.to_owned()),
            Some(Fault::Stranger) if self.may_be_disturbed(name) => {
                // Before the comparison, which finds the session, the worker ends at once.
                self.world.start_stranger(self.is_locked);
            }
            Some(Fault::LoseCopy) => self.world.copy = None,
            _ => {}
        }
        if self.broken.as_deref() == Some(name) {
            return Err(Run::fails("it keeps failing"));
        }
        let done = apply(self.world);
        self.look(name);
        match fault {
            Some(Fault::KillAfter) => {
                self.is_killed = true;
                return Err(Run::fails("killed"));
            }
            Some(Fault::PowerLoss) => {
                self.is_killed = true;
                self.world.reboot();
                self.look("reboot");
                return Err(Run::fails("killed"));
            }
            Some(Fault::FailsAfter) => return Err(Run::fails("it fails")),
            _ => {}
        }
        match self.people {
            People::Sleep => {}
            People::LogInAndOut if number % 5 == 4 => self.world.log_out(),
            People::LogIn | People::LogInAndOut => {
                // Few sessions suffice, and keep the number of states small.
                if self.world.next_session < 6 && number % 5 == 1 {
                    self.world.log_in();
                }
            }
        }
        self.look("people");
        done.map_err(|reason| Run::fails(&reason))
    }

    /// Whether a migration has to notice what is written to Synapse's database before this effect: Synapse
    /// is stopped, and it was not looked for the last time whether others are connected.
    fn may_be_disturbed(&self, name: &str) -> bool {
        let is_settled = ["read the last tokens", "journal: switch"].contains(&name);
        self.state.migration.is_some()
            && self.state.cut_over.is_none()
            && !self.world.synapse.runs
            && !is_settled
    }

    fn look(&mut self, after: &str) {
        let mut hasher = DefaultHasher::new();
        self.world.hash(&mut hasher);
        self.visited.states.insert(hasher.finish());
        if self.violation.is_none()
            && let Err(violation) = self.world.check()
        {
            self.violation = Some(format!("after {after}: {violation}"));
        }
    }

    /// A Synapse that delegates needs MAS from its first request on.
    fn look_for_mas(&mut self) {
        let delegates = matches!(self.world.overlay, OverlayFile::Ours(_));
        if delegates && !self.world.mas.runs && !self.world.synapse.runs && !self.is_killed {
            self.refuse("Synapse is started before the MAS to which it delegates");
        }
    }

    fn refuse(&mut self, violation: &str) {
        self.violation.get_or_insert_with(|| violation.to_owned());
    }

    /// Whether MAS's database is the one that the journal is about.
    fn is_target(&self) -> bool {
        let target = self.state.target.as_ref();
        target.is_none_or(|target| target.mas.oid == self.world.mas_oid)
    }
}

/// The sessions that are imported: those of the copy, or Synapse's own.
fn source(world: &World, follows: bool) -> Result<BTreeSet<Session>, String> {
    if !follows {
        return Ok(world.synapse_database.tokens.clone());
    }
    world.copy.clone().ok_or("the copy is gone".to_owned())
}

fn missing(expected: &BTreeSet<Session>, actual: &BTreeSet<Session>) -> Vec<Report> {
    vec![Report {
        entity: "access tokens",
        missing: u64::try_from(expected.difference(actual).count()).unwrap(),
        ..Report::default()
    }]
}

impl Host for Run<'_> {
    fn state(&self) -> &State {
        &self.state
    }

    async fn log(&mut self, _: Step, _: StepStatus, _: &str) -> Result<(), MigrateError> {
        if self.is_killed {
            return Err(Run::fails("killed"));
        }
        Ok(())
    }

    async fn record(&mut self, step: Step, state: &State) -> Result<(), MigrateError> {
        if *state == self.state {
            return Ok(());
        }
        let text = serde_json::to_string(state).unwrap();
        let recorded = self.effect(&format!("journal: {}", step.name()), |world| {
            world.journal.clone_from(&text);
            Ok(())
        });
        self.state = self.world.state();
        recorded
    }

    fn new_migration(&mut self) -> String {
        self.world.migrations += 1;
        format!("M{}", self.world.migrations)
    }

    fn now(&self) -> String {
        "2026-01-01T00:00:00.000Z".to_owned()
    }

    async fn wait(&mut self, tries: u32) -> bool {
        !self.is_killed && tries < 2
    }

    async fn observe(&mut self) -> Observed {
        self.world.observe()
    }

    async fn losses(&mut self, _: &str) -> Result<Vec<Loss>, MigrateError> {
        self.effect("look for losses", |world| Ok(world.losses()))
    }

    async fn inspect(&mut self) -> Result<Vec<Finding>, MigrateError> {
        self.effect("inspect", |world| {
            let mas = world.mas_database();
            if mas.imported.is_empty() && mas.begun.is_empty() {
                Ok(Vec::new())
            } else {
                Err("MAS's database is not empty".to_owned())
            }
        })
    }

    async fn running(&mut self) -> Result<Vec<String>, MigrateError> {
        self.effect("ask what runs", |world| {
            let servers = [("mas", &world.mas), ("synapse", &world.synapse)];
            let running = servers.iter().filter(|(_, server)| server.runs);
            Ok(running.map(|(name, _)| (*name).to_owned()).collect())
        })
    }

    fn units(&self, component: Component) -> Vec<String> {
        match component {
            _ if self.world.by_command => Vec::new(),
            Component::Synapse => vec!["synapse".to_owned()],
            Component::Mas => vec!["mas".to_owned()],
        }
    }

    fn by_command(&self) -> bool {
        self.world.by_command
    }

    async fn stop(&mut self, component: Component) -> Result<(), MigrateError> {
        self.effect(&format!("stop {component:?}"), |world| {
            if world.by_command {
                // The command is Synapse's, and stops both.
                if component == Component::Synapse {
                    world.synapse.runs = false;
                    world.mas.runs = false;
                }
                return Ok(());
            }
            let server = match component {
                Component::Synapse => &mut world.synapse,
                Component::Mas => &mut world.mas,
            };
            server.runs = false;
            server.is_inhibited = true;
            Ok(())
        })
    }

    async fn start(&mut self, component: Component, units: &[String]) -> Result<(), MigrateError> {
        let is_named = !units.is_empty();
        if is_named && component == Component::Synapse {
            self.look_for_mas();
        }
        self.is_locked = false;
        self.effect(&format!("start {component:?} {units:?}"), |world| {
            let delegates = world.overlay != OverlayFile::Empty;
            let server = match component {
                Component::Synapse => &mut world.synapse,
                Component::Mas => &mut world.mas,
            };
            server.is_inhibited = false;
            if is_named && !server.runs {
                server.runs = true;
                server.delegates = delegates;
            }
            Ok(())
        })
    }

    async fn start_by_command(&mut self) -> Result<(), MigrateError> {
        self.is_locked = false;
        self.effect("start Synapse with the command", |world| {
            let delegates = world.overlay != OverlayFile::Empty;
            if !world.synapse.runs {
                world.synapse.runs = true;
                world.synapse.delegates = delegates;
            }
            world.mas.runs |= delegates;
            Ok(())
        })
    }

    async fn wait_until_alone(&mut self) -> Result<(), MigrateError> {
        self.effect("wait until nobody is connected", |world| {
            if world.synapse.runs || world.stranger {
                return Err("somebody is connected".to_owned());
            }
            Ok(())
        })
    }

    async fn back_up(&mut self, migration: &str) -> Result<(PathBuf, String), MigrateError> {
        let name = format!("{migration}/backup");
        if self.world.synapse.runs && self.world.no_copy || self.world.mas.runs {
            self.refuse("the databases are backed up while Synapse or MAS runs");
        }
        self.effect("back up", |world| {
            let content = world.mas_database().clone();
            world.dumps.insert(name.clone(), content);
            Ok((PathBuf::from(&name), String::new()))
        })
    }

    async fn keep_mas(&mut self, migration: &str) -> Result<PathBuf, MigrateError> {
        if !self.is_target() {
            self.refuse("a database is dumped that the migration is not about");
        }
        let name = format!("{migration}/kept/{}", self.world.dumps.len());
        if self.world.dumps.contains_key(&name) {
            self.refuse("a dump is overwritten");
        }
        self.effect("keep MAS's database", |world| {
            let content = world.mas_database().clone();
            world.dumps.insert(name.clone(), content);
            Ok(PathBuf::from(&name))
        })
    }

    fn has_dump(&self, dump: &Path) -> bool {
        self.world.dumps.contains_key(&dump.display().to_string())
    }

    async fn delete_backup(&mut self, migration: &str) {
        // Dumps of what people did stay, as on the real host.
        let backup = format!("{migration}/backup");
        if !self.world.mas_database().imported.is_empty() {
            self.refuse("the backup is deleted before MAS's database is restored");
        }
        let _ = self.effect("delete the backup", |world| {
            world.dumps.remove(&backup);
            Ok(())
        });
    }

    async fn needs_grant(&mut self) -> Result<bool, MigrateError> {
        self.effect("ask for the grant", |world| {
            Ok(world.has_admin && !world.granted)
        })
    }

    async fn grant(&mut self) -> Result<(), MigrateError> {
        self.effect("grant", |world| {
            world.granted = true;
            Ok(())
        })
    }

    async fn revoke(&mut self) -> Result<(), MigrateError> {
        self.effect("revoke", |world| {
            if !world.has_admin {
                return Ok(());
            }
            world.granted = false;
            Ok(())
        })
    }

    async fn mark_import(&mut self, marker: &Marker) -> Result<(), MigrateError> {
        if !self.is_target() {
            return Err(Run::fails("another database"));
        }
        let (migration, granted) = (marker.migration.clone(), marker.granted);
        self.effect("mark the import", |world| {
            world.mas_database().granted = granted;
            world.mas_database().marker = Some((migration, marker::Progress::Importing));
            Ok(())
        })
    }

    async fn mark(
        &mut self,
        from: &[marker::Progress],
        to: marker::Progress,
    ) -> Result<(), MigrateError> {
        let migration = self.state.migration.clone().unwrap_or_default();
        let last = self.state.last_tokens.map(|last| last.access);
        self.effect(&format!("mark {}", to.name()), |world| {
            match &mut world.mas_database().marker {
                Some((of, progress)) if *of == migration && from.contains(progress) => {
                    *progress = to;
                    world.mas_database().last_token = last.or(world.mas_database().last_token);
                    world.mas_database().granted &= to != marker::Progress::Served;
                    Ok(())
                }
                _ => Err("the marker is another one".to_owned()),
            }
        })
    }

    async fn import(&mut self, _: &mut dyn FnMut(&Progress)) -> Result<String, MigrateError> {
        if !self.is_target() {
            return Err(Run::fails("another database"));
        }
        let follows = self.follows;
        if self.world.synapse.runs && !follows {
            self.refuse("the import reads what Synapse is changing");
        }
        // Killed in between, a part has arrived.
        self.effect("import a part", |world| {
            let some = source(world, follows)?.first().copied();
            world.mas_database().imported.extend(some);
            Ok(())
        })?;
        self.effect("import the rest", |world| {
            let all = source(world, follows)?;
            world.mas_database().imported.extend(all);
            Ok(String::new())
        })
    }

    async fn copy(&mut self, _: &mut dyn FnMut(Copied)) -> Result<String, MigrateError> {
        self.effect("make the copy", |world| {
            world.copy = Some(BTreeSet::new());
            Ok(())
        })?;
        self.effect("fill the copy", |world| {
            let tokens = world.synapse_database.tokens.clone();
            let copy = world.copy.as_mut().ok_or("the copy is gone")?;
            *copy = tokens;
            Ok(())
        })?;
        self.follows = true;
        Ok(String::new())
    }

    async fn catch_up(&mut self, is_last: bool) -> Result<Round, MigrateError> {
        if is_last && self.world.synapse.runs {
            self.refuse("it is caught up for the last time while Synapse runs");
        }
        if !self.follows {
            return Err(Run::fails("this run has made no copy"));
        }
        // From before anything is read.
        self.is_locked = is_last;
        self.effect("bring the copy up", |world| {
            let tokens = world.synapse_database.tokens.clone();
            let copy = world.copy.as_mut().ok_or("the copy is gone")?;
            *copy = tokens;
            Ok(())
        })?;
        self.effect("bring MAS's database up", |world| {
            let copy = source(world, true)?;
            if world.mas.runs || world.mas_database().is_used() {
                return Err("MAS has run".to_owned());
            }
            world.mas_database().imported = copy;
            Ok(())
        })?;
        Ok(Round::default())
    }

    async fn may_cut_over(&mut self, _: Round) -> Result<Readiness, MigrateError> {
        self.effect("wait for the cutover", |_| Ok(Readiness::Ready))
    }

    async fn verify(&mut self) -> Result<Vec<Report>, MigrateError> {
        let follows = self.follows;
        self.is_locked = !follows;
        self.effect("compare both databases", |world| {
            let tokens = source(world, follows)?;
            Ok(missing(&tokens, &world.mas_database().imported))
        })
    }

    async fn verify_again(&mut self) -> Result<Option<Vec<Report>>, MigrateError> {
        self.effect("compare both databases again", |world| {
            let copy = world.copy.clone();
            Ok(copy.map(|copy| missing(&copy, &world.mas_database().imported)))
        })
    }

    async fn drop_copy(&mut self) -> Result<(), MigrateError> {
        self.follows = false;
        self.effect("drop the copy", |world| {
            world.copy = None;
            Ok(())
        })
    }

    fn differences(&self) -> PathBuf {
        "differences.json".into()
    }

    async fn fill_overlay(&mut self, migration: &str) -> Result<(), MigrateError> {
        let migration = migration.to_owned();
        self.effect("fill the overlay", |world| {
            world.overlay = OverlayFile::Ours(migration);
            Ok(())
        })
    }

    async fn empty_overlay(&mut self) -> Result<(), MigrateError> {
        if self.world.overlay == OverlayFile::Foreign {
            self.refuse("an overlay is emptied that is not ours");
        }
        self.effect("empty the overlay", |world| {
            world.overlay = OverlayFile::Empty;
            Ok(())
        })
    }

    async fn fill_includes(&mut self) -> Result<(), MigrateError> {
        self.effect("fill the include", |world| {
            world.include = true;
            Ok(())
        })?;
        self.effect("reload the proxy", |world| {
            world.proxy = world.include;
            Ok(())
        })
    }

    async fn empty_includes(&mut self) -> Result<Option<String>, MigrateError> {
        self.effect("empty the include", |world| {
            world.include = false;
            Ok(())
        })?;
        let reloaded = self.effect("reload the proxy", |world| {
            world.proxy = world.include;
            Ok(())
        });
        match reloaded {
            Err(error) if self.is_killed => Err(error),
            _ => {
                // A proxy that does not reload is told to the administrator, who reloads it.
                self.world.proxy = self.world.include;
                Ok(None)
            }
        }
    }

    async fn probe_delegation(&mut self) -> Result<String, MigrateError> {
        self.effect("ask who authenticates", |world| {
            if world.synapse.runs && world.synapse.delegates && world.mas.runs {
                Ok("MAS".to_owned())
            } else {
                Err("Synapse does not delegate".to_owned())
            }
        })
    }

    async fn probe_synapse(&mut self) -> Result<(), MigrateError> {
        self.effect("ask who authenticates", |world| {
            if world.synapse.runs && !world.synapse.delegates {
                Ok(())
            } else {
                Err("Synapse does not authenticate users".to_owned())
            }
        })
    }

    async fn doctor(&mut self) -> Vec<String> {
        Vec::new()
    }

    async fn restore(
        &mut self,
        backup: Option<&Path>,
        marker: Option<&Marker>,
    ) -> Result<(), MigrateError> {
        if !self.is_target() {
            self.refuse("a database is restored that the migration is not about");
        }
        if self.world.mas.runs {
            self.refuse("MAS's database is replaced while MAS runs");
        }
        let used = self.world.mas_database().clone();
        let is_kept = self.world.dumps.values().any(|dump| {
            dump.begun == used.begun && dump.ended == used.ended && dump.imported == used.imported
        });
        if used
            .marker
            .as_ref()
            .is_some_and(|(_, progress)| *progress < marker::Progress::RollingBack)
            && used.begun.difference(&used.ended).next().is_some()
            && !is_kept
        {
            self.refuse("MAS's database is replaced, and nothing has kept what people did");
        }
        let backup = backup.map(|backup| backup.display().to_string());
        let marker = marker.map(|marker| (marker.migration.clone(), marker.progress));
        self.effect("restore MAS's database", |world| {
            if world.has_accepted {
                let begun = world.mas_database().begun.clone();
                world.given_up.extend(begun);
            }
            let content = backup.and_then(|backup| world.dumps.get(&backup).cloned());
            *world.mas_database() = MasDatabase {
                marker,
                granted: false,
                ..content.unwrap_or_default()
            };
            Ok(())
        })
    }

    async fn last_tokens(&mut self) -> Result<LastTokens, MigrateError> {
        self.effect("read the last tokens", |world| {
            let last = world.synapse_database.tokens.last().copied();
            Ok(LastTokens {
                access: i64::from(last.unwrap_or_default()),
                refresh: 0,
            })
        })
    }

    async fn repair(&mut self, _: &str, last: LastTokens) -> Result<String, MigrateError> {
        if !self.is_target() {
            self.refuse("Synapse is repaired after a database that the migration is not about");
        }
        if self.world.synapse.runs {
            self.refuse("Synapse's database is repaired while it runs");
        }
        if self.world.overlay != OverlayFile::Empty {
            self.refuse("Synapse's database is repaired while Synapse is to delegate");
        }
        self.effect("repair Synapse's database", |world| {
            world.is_other_synapse_touched |= world.synapse_oid != 10;
            let mas = world.mas_database().clone();
            // An empty database does not show what was ended.
            if mas.imported.is_empty() && mas.begun.is_empty() {
                return Ok(String::new());
            }
            let database = &mut world.synapse_database;
            // What MAS does not have was ended there, unless it is newer.
            let valid = mas.valid();
            let stays = |token: &u32| valid.contains(token) || i64::from(*token) > last.access;
            database.tokens.retain(stays);
            // Sessions of MAS alone end.
            let orphans = database.devices.difference(&database.tokens);
            database.to_log_out = orphans.copied().collect();
            Ok(String::new())
        })
    }

    async fn log_out(&mut self) -> Result<usize, MigrateError> {
        if self.world.mas_database().is_used() {
            self.refuse("devices are deleted before MAS's database is safe");
        }
        self.effect("log out devices", |world| {
            let database = &mut world.synapse_database;
            let gone = std::mem::take(&mut database.to_log_out);
            database.devices.retain(|device| !gone.contains(device));
            Ok(gone.len())
        })
    }
}
