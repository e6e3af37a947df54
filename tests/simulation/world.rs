//! A simulated host: what a migration changes, in miniature. People log in and out all the while. After
//! every effect it is checked that nothing has happened that must never happen.

use std::collections::{BTreeMap, BTreeSet};

use mas2nix::migrate::{
    cutover::{
        data_loss::Loss,
        decide::{self, Observed, Seen},
        refusal::Refusal,
    },
    cutover_file::Overlay,
    journal::{State, Target},
    postgres::{
        identity::DatabaseId,
        marker::{self, Marker},
        tables::LastTokens,
    },
};

/// A session, by its number.
pub type Session = u32;

/// Synapse's database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SynapseDatabase {
    /// Sessions that have an access token.
    pub tokens: BTreeSet<Session>,
    /// Sessions that have a device.
    pub devices: BTreeSet<Session>,
    /// Devices that a rollback has prepared to log out.
    pub to_log_out: BTreeSet<Session>,
}

/// MAS's database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct MasDatabase {
    /// What was there before the migration, such as OpenID providers.
    pub has_settings: bool,
    /// Sessions of the import, complete or not.
    pub imported: BTreeSet<Session>,
    /// Sessions that somebody has begun in MAS.
    pub begun: BTreeSet<Session>,
    /// Sessions that somebody has ended in MAS.
    pub ended: BTreeSet<Session>,
    /// The marker: the migration, and how far it has come.
    pub marker: Option<(String, marker::Progress)>,
    /// Whether the marker says that the role is granted.
    pub granted: bool,
    /// The last token of Synapse's before the cutover, as the marker says.
    pub last_token: Option<i64>,
}

impl MasDatabase {
    /// What somebody has done in MAS.
    pub fn is_used(&self) -> bool {
        !self.begun.is_empty() || !self.ended.is_empty()
    }

    pub fn valid(&self) -> BTreeSet<Session> {
        let all: BTreeSet<Session> = self.imported.union(&self.begun).copied().collect();
        all.difference(&self.ended).copied().collect()
    }
}

/// A server process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Server {
    pub runs: bool,
    pub is_inhibited: bool,
    /// Whether it has read that Synapse delegates.
    pub delegates: bool,
}

/// The content of the overlay on the disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum OverlayFile {
    #[default]
    Empty,
    Ours(String),
    Foreign,
}

/// Everything that a migration sees or changes, and the people who use it.
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent of each other"
)]
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct World {
    /// The journal, as JSON. It is empty if the state directory was lost.
    pub journal: String,
    pub overlay: OverlayFile,
    pub include: bool,
    pub proxy: bool,
    pub synapse: Server,
    pub mas: Server,
    pub synapse_database: SynapseDatabase,
    /// MAS's databases, by OID. A migration is about one of them.
    pub mas_databases: BTreeMap<i64, MasDatabase>,
    /// The database that `syn2mas` is told of. MAS itself always uses the first one.
    pub mas_oid: i64,
    /// Synapse's database that `syn2mas` is told of. Synapse itself always uses number 10.
    pub synapse_oid: i64,
    /// Whether another database of Synapse was written.
    pub is_other_synapse_touched: bool,
    pub granted: bool,
    /// The copy of Synapse's tables.
    pub copy: Option<BTreeSet<Session>>,
    /// Whether no copy can be made.
    pub no_copy: bool,
    /// Dumps by name, with what is in them.
    pub dumps: BTreeMap<String, MasDatabase>,
    /// Whether a superuser is named on the command line.
    pub has_admin: bool,
    /// Whether Synapse and MAS are stopped with a command, not with systemd.
    pub by_command: bool,
    /// Sessions that people believe to have.
    pub sessions: BTreeSet<Session>,
    /// Sessions that people have ended.
    pub logged_out: BTreeSet<Session>,
    /// Whether the administrator has accepted a loss.
    pub has_accepted: bool,
    /// Whether a journal was lost, so that its migration may be unknown.
    pub has_lost_journal: bool,
    /// Whether a backup was lost, so that MAS's database cannot be as it was.
    pub has_lost_backup: bool,
    /// Whether a process that is no unit of Synapse writes to its database.
    pub stranger: bool,
    /// Sessions whose loss the administrator has accepted.
    pub given_up: BTreeSet<Session>,
    pub next_session: Session,
    pub migrations: u32,
}

impl World {
    /// A homeserver with two sessions, and a second database that has nothing to do with it.
    pub fn new(by_command: bool, no_copy: bool) -> Self {
        let sessions: BTreeSet<Session> = [1, 2].into();
        let first = MasDatabase {
            has_settings: true,
            ..MasDatabase::default()
        };
        let unrelated = MasDatabase {
            begun: [90].into(),
            ..MasDatabase::default()
        };
        World {
            synapse: Server {
                runs: true,
                ..Server::default()
            },
            synapse_database: SynapseDatabase {
                tokens: sessions.clone(),
                devices: sessions.clone(),
                ..SynapseDatabase::default()
            },
            mas_databases: [(1, first), (2, unrelated)].into(),
            mas_oid: 1,
            synapse_oid: 10,
            has_admin: true,
            by_command,
            no_copy,
            sessions,
            next_session: 3,
            ..World::default()
        }
    }

    pub fn state(&self) -> State {
        serde_json::from_str(&self.journal).unwrap_or_default()
    }

    pub fn mas_database(&mut self) -> &mut MasDatabase {
        self.mas_databases.entry(self.mas_oid).or_default()
    }

    /// The database that MAS uses.
    fn mas_in_use(&self) -> &MasDatabase {
        &self.mas_databases[&1]
    }

    fn mas_in_use_mut(&mut self) -> &mut MasDatabase {
        self.mas_databases.entry(1).or_default()
    }

    pub fn target(&self) -> Target {
        let database = |oid, name: &str| DatabaseId {
            system: "1".to_owned(),
            oid,
            name: name.to_owned(),
        };
        Target {
            synapse: database(self.synapse_oid, "synapse"),
            mas: database(self.mas_oid, "mas"),
            server_name: "example.com".to_owned(),
            overlay: "/overlay".into(),
            includes: vec!["/include".into()],
            synapse_services: vec!["synapse".to_owned()],
            mas_units: if self.by_command {
                Vec::new()
            } else {
                vec!["mas".to_owned()]
            },
        }
    }

    pub fn observe(&self) -> Observed {
        let is_idle = self.state().migration.is_none();
        let servers = [("synapse", &self.synapse), ("mas", &self.mas)];
        let inhibited = servers
            .iter()
            .filter(|(_, server)| server.is_inhibited && is_idle);
        Observed {
            target: Seen::Known(self.target()),
            overlay: Seen::Known(match &self.overlay {
                OverlayFile::Empty => Overlay::Empty,
                OverlayFile::Ours(migration) => Overlay::Ours(migration.clone()),
                OverlayFile::Foreign => Overlay::Foreign,
            }),
            marker: Seen::Known(self.marker()),
            delegates_by_itself: false,
            inhibited: inhibited.map(|(name, _)| (*name).to_owned()).collect(),
            by_command: self.by_command,
            waits: false,
            no_copy: self.no_copy.then(|| "the simulation".to_owned()),
            has_admin: self.has_admin,
            losses: Seen::Known(Vec::new()),
        }
    }

    fn marker(&self) -> Option<Marker> {
        let (migration, progress) = self.mas_databases[&self.mas_oid].marker.clone()?;
        Some(Marker {
            migration,
            synapse: World::new(false, false).target().synapse.to_string(),
            progress,
            since: "2026-01-01T00:00:00.000Z".to_owned(),
            cut_over: (progress >= marker::Progress::CutOver)
                .then(|| "2026-01-01T00:00:00.000Z".to_owned()),
            last_tokens: self.mas_databases[&self.mas_oid]
                .last_token
                .map(|access| LastTokens { access, refresh: 0 }),
            granted: self.mas_databases[&self.mas_oid].granted,
            state_dir: "/state".to_owned(),
        })
    }

    /// What a rollback would lose: what MAS has, and Synapse will not have.
    pub fn losses(&self) -> Vec<Loss> {
        let mas = &self.mas_databases[&self.mas_oid];
        let lost: Vec<String> = mas
            .begun
            .difference(&mas.ended)
            .map(ToString::to_string)
            .collect();
        if lost.is_empty() {
            return Vec::new();
        }
        vec![Loss {
            what: "sessions",
            count: i64::try_from(lost.len()).unwrap(),
            samples: lost,
            meaning: "",
        }]
    }

    /// Whether logins are answered, and by whom: true if by MAS.
    pub fn answers(&self) -> Option<bool> {
        match (self.synapse.runs, self.synapse.delegates) {
            (true, false) if !self.proxy => Some(false),
            (true, true) if self.mas.runs && self.proxy => Some(true),
            _ => None,
        }
    }

    /// Somebody logs in, if that is possible. MAS can be reached without the proxy, too.
    pub fn log_in(&mut self) {
        // What Synapse does with another overlay is not simulated.
        if self.overlay == OverlayFile::Foreign {
            return;
        }
        let session = self.next_session;
        if self.synapse.runs && !self.synapse.delegates && !self.proxy {
            self.synapse_database.tokens.insert(session);
        } else if self.synapse.runs && self.synapse.delegates && self.mas.runs {
            self.mas_in_use_mut().begun.insert(session);
        } else {
            return;
        }
        self.synapse_database.devices.insert(session);
        self.sessions.insert(session);
        self.next_session += 1;
    }

    /// Somebody starts a worker that is no unit of Synapse, and logs in through it unless the tables are
    /// locked.
    pub fn start_stranger(&mut self, is_locked: bool) {
        self.stranger = is_locked;
        if is_locked {
            return;
        }
        let session = self.next_session;
        self.synapse_database.tokens.insert(session);
        self.synapse_database.devices.insert(session);
        self.sessions.insert(session);
        self.next_session += 1;
    }

    /// The oldest session ends, if that is possible.
    pub fn log_out(&mut self) {
        let Some(session) = self.sessions.first().copied() else {
            return;
        };
        if self.overlay == OverlayFile::Foreign {
            return;
        }
        if self.synapse.runs && !self.synapse.delegates {
            self.synapse_database.tokens.remove(&session);
        } else if self.synapse.runs && self.synapse.delegates && self.mas.runs {
            self.mas_in_use_mut().ended.insert(session);
        } else {
            return;
        }
        self.synapse_database.devices.remove(&session);
        self.sessions.remove(&session);
        self.logged_out.insert(session);
    }

    /// The host loses power and comes up again: what is in `/run` is gone, and units start as configured.
    pub fn reboot(&mut self) {
        let delegates = self.overlay != OverlayFile::Empty;
        self.synapse = Server {
            runs: true,
            is_inhibited: false,
            delegates,
        };
        self.mas = Server {
            runs: delegates,
            ..Server::default()
        };
        self.proxy = self.include;
        self.stranger = false;
    }

    /// Whether what the overlay asks for runs.
    pub fn is_up(&self) -> bool {
        self.synapse.runs && (self.mas.runs || !self.synapse.delegates)
    }

    /// Whether MAS's database says that a migration is under way or complete.
    pub fn is_marked(&self) -> bool {
        let marker = &self.mas_in_use().marker;
        marker
            .as_ref()
            .is_some_and(|(_, progress)| *progress != marker::Progress::RolledBack)
    }

    /// The journal loses its lines from the cutover on.
    pub fn cut_journal_off(&mut self) {
        let state = self.state();
        if state.cut_over.is_none() {
            return;
        }
        self.has_lost_journal = true;
        let state = State {
            cut_over: None,
            last_tokens: None,
            finished: false,
            going_back: None,
            imported: true,
            ..state
        };
        self.journal = serde_json::to_string(&state).unwrap();
    }

    /// What must never be, after each effect.
    pub fn check(&self) -> Result<(), String> {
        let mas = self.mas_in_use();
        let unrelated = &self.mas_databases[&2];
        if unrelated.begun != [90].into() || unrelated.marker.is_some() {
            return Err("a database was touched that the migration is not about".to_owned());
        }
        if self.is_other_synapse_touched {
            return Err(
                "a database of Synapse was touched that the migration is not about".to_owned(),
            );
        }
        if !self.synapse.runs {
            return Ok(());
        }
        let is_live = mas.marker.as_ref().is_some_and(|(_, progress)| {
            [marker::Progress::CutOver, marker::Progress::Served].contains(progress)
        });
        if self.synapse.delegates {
            if self.overlay == OverlayFile::Foreign {
                return Ok(());
            }
            if !is_live {
                return Err("Synapse delegates to a MAS that was not verified".to_owned());
            }
            let known: BTreeSet<Session> = mas.imported.union(&mas.begun).copied().collect();
            let missing: Vec<&Session> = self
                .sessions
                .difference(&known)
                .filter(|session| !self.given_up.contains(session))
                .collect();
            if !missing.is_empty() {
                return Err(format!("Synapse delegates, and MAS lacks {missing:?}"));
            }
        } else if self.mas.runs && is_live {
            return Err("Synapse and MAS both authenticate users".to_owned());
        }
        Ok(())
    }

    /// What must be in the end: somebody serves, everybody has the sessions they believe to have, and nothing
    /// is left of an undone migration.
    pub fn check_end(&self) -> Result<(), String> {
        self.check()?;
        let mas = self.mas_in_use();
        let Some(by_mas) = self.answers() else {
            return Err("nobody serves".to_owned());
        };
        let valid = if by_mas {
            mas.valid()
        } else {
            self.synapse_database.tokens.clone()
        };
        let lost: Vec<&Session> = self
            .sessions
            .iter()
            .filter(|session| !valid.contains(session) && !self.given_up.contains(session))
            .collect();
        if !lost.is_empty() {
            return Err(format!("sessions {lost:?} are lost"));
        }
        let undead: Vec<&Session> = self.logged_out.intersection(&valid).collect();
        if !undead.is_empty() {
            return Err(format!("sessions {undead:?} were ended, and are back"));
        }
        if self.synapse.is_inhibited || (by_mas && self.mas.is_inhibited) {
            return Err("a server that runs cannot be started again".to_owned());
        }
        if self.granted {
            return Err("the role is still granted".to_owned());
        }
        if self.copy.is_some() && !self.state().copied && !self.has_lost_journal {
            return Err("the copy of Synapse's tables is left, and nobody knows".to_owned());
        }
        let progress = mas.marker.as_ref().map(|(_, progress)| *progress);
        let expected: &[Option<marker::Progress>] = if by_mas {
            &[Some(marker::Progress::Served)]
        } else {
            &[None, Some(marker::Progress::RolledBack)]
        };
        if !expected.contains(&progress) {
            return Err(format!("the marker says {progress:?} in the end"));
        }
        if !by_mas {
            let is_complete = mas.has_settings || self.has_lost_backup;
            if mas.is_used() || !mas.imported.is_empty() || !is_complete {
                return Err("MAS's database is not as it was".to_owned());
            }
            let orphans: Vec<&Session> = self
                .synapse_database
                .devices
                .difference(&self.synapse_database.tokens)
                .collect();
            if !orphans.is_empty() {
                return Err(format!("devices {orphans:?} are left without a session"));
            }
            if self.include {
                return Err("the include is full".to_owned());
            }
        }
        Ok(())
    }

    /// The stage and the next command, as `syn2mas status` says.
    pub fn stage(&self) -> Result<decide::Stage, Refusal> {
        decide::stage(&self.state(), &self.observe())
    }
}
