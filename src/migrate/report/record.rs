//! What a run of a command has done so far, for its report.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant, SystemTime},
};

use crate::migrate::{
    context::Context,
    copy::Round,
    cutover::Event,
    postgres::connection::Database,
    preflight::{finding::Finding, host},
    rehearse,
    report::{Ending, configuration, document::Document},
    step::Step,
    verify::Comparison,
};

/// A command that writes a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// `syn2mas inspect`
    Inspect,
    /// `syn2mas rehearse`
    Rehearse,
    /// `syn2mas migrate`
    Migrate,
    /// `syn2mas verify`
    Verify,
}

impl Command {
    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Command::Inspect => "inspect",
            Command::Rehearse => "rehearse",
            Command::Migrate => "migrate",
            Command::Verify => "verify",
        }
    }
}

/// A step of a migration, or a stage of a rehearsal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A step of a migration.
    Step(Step),
    /// A stage of a rehearsal.
    Stage(rehearse::Stage),
}

/// A part of a run. Times are in seconds since its first part began.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// What it is.
    pub part: Part,
    /// When it began.
    pub begun: f64,
    /// When it ended, be it done or not. None if the run ended before that.
    pub ended: Option<f64>,
    /// Whether it was done.
    pub is_done: bool,
    /// Its summary.
    pub message: String,
}

/// The time without Synapse, in seconds since the first part of the run began.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Down {
    /// When Synapse was told to stop.
    pub begun: f64,
    /// When it had started again. None if it had not when the run ended.
    pub ended: Option<f64>,
}

/// The size of something, in bytes, before and after the run. None if it is unknown.
#[derive(Clone, Debug, PartialEq)]
pub struct Size {
    /// What has this size.
    pub what: String,
    /// Before.
    pub before: Option<u64>,
    /// After.
    pub after: Option<u64>,
}

/// What is recorded of a run, apart from how it ended.
#[derive(Clone, Debug)]
pub struct Record {
    /// The command.
    pub command: Command,
    /// Whether the report may name users.
    pub names: bool,
    /// `server_name` of the homeserver.
    pub server_name: String,
    /// When the run began.
    pub begun: SystemTime,
    /// How long it took, in seconds.
    pub took: f64,
    /// Its parts, in the order in which they began.
    pub parts: Vec<Recorded>,
    /// The rounds of catching up.
    pub rounds: Vec<Round>,
    /// What was found before a migration. None if nothing was looked for.
    pub findings: Option<Vec<Finding>>,
    /// Messages for the administrator.
    pub notes: Vec<String>,
    /// The time without Synapse.
    pub down: Option<Down>,
    /// Rows of Synapse's of each kind.
    pub counts: Vec<(&'static str, i64)>,
    /// Sizes of databases and backups.
    pub sizes: Vec<Size>,
    /// What delegation changes in Synapse's configuration.
    pub changes: Vec<configuration::Change>,
}

/// Records a run.
#[derive(Debug)]
pub struct Recorder {
    record: Record,
    clock: Instant,
}

impl Recorder {
    /// Begins to record. Measures the databases, if they can be reached.
    pub async fn begin(command: Command, names: bool, context: &Context) -> Self {
        let server_name = context
            .synapse()
            .and_then(|synapse| synapse.server_name())
            .unwrap_or("an unknown homeserver")
            .to_owned();
        let mut record = Record::new(command, names, server_name);
        if command != Command::Verify {
            record.sizes = sizes(context).await;
        }
        Recorder {
            record,
            clock: Instant::now(),
        }
    }

    fn now(&mut self) -> f64 {
        // The administrator may have thought about the plan for an hour.
        if self.record.parts.is_empty() {
            self.clock = Instant::now();
            self.record.begun = SystemTime::now();
        }
        self.clock.elapsed().as_secs_f64()
    }

    /// Takes note of an event of a migration.
    pub fn on_event(&mut self, event: &Event) {
        let now = self.now();
        self.record.on_event(event, now);
    }

    /// Takes note of an event of a rehearsal.
    pub fn on_rehearsal_event(&mut self, event: &rehearse::Event) {
        let now = self.now();
        match event {
            rehearse::Event::Begun(stage) => self.record.begin_part(Part::Stage(*stage), now),
            rehearse::Event::Done(..) => self.record.end_part("", now),
            rehearse::Event::Importing(_) => {}
        }
    }

    /// Measures what the run has led to, and makes the report.
    pub async fn finish(mut self, ending: &Ending<'_>, context: &Context) -> Document {
        self.record.took = self.clock.elapsed().as_secs_f64();
        self.record.add_result(ending);
        if !matches!(self.record.command, Command::Inspect | Command::Verify) {
            for (size, now) in self.record.sizes.iter_mut().zip(sizes(context).await) {
                // A rehearsal does not touch them.
                if size.after.is_none() {
                    size.after = now.before;
                }
            }
        }
        if matches!(ending, Ending::Inspected(_)) {
            self.record.counts = counts(context).await.unwrap_or_default();
        }
        self.record.changes = configuration::changes(context);
        Document::of(&self.record, ending)
    }
}

impl Record {
    /// Nothing yet, for a run that begins now.
    #[must_use]
    pub fn new(command: Command, names: bool, server_name: String) -> Self {
        Record {
            command,
            names,
            server_name,
            begun: SystemTime::now(),
            took: 0.0,
            parts: Vec::new(),
            rounds: Vec::new(),
            findings: None,
            notes: Vec::new(),
            down: None,
            counts: Vec::new(),
            sizes: Vec::new(),
            changes: Vec::new(),
        }
    }

    /// Takes note of an event, so many seconds after the first one.
    pub fn on_event(&mut self, event: &Event, now: f64) {
        match event {
            Event::StepStarted(step) => {
                self.begin_part(Part::Step(*step), now);
                if matches!(step, Step::Stop | Step::StopSynapse) && self.down.is_none() {
                    self.down = Some(Down {
                        begun: now,
                        ended: None,
                    });
                }
            }
            Event::StepDone(step, message, _) => {
                self.end_part(message, now);
                if let (Step::Start | Step::StartSynapse, Some(down)) = (step, &mut self.down) {
                    down.ended = Some(now);
                }
            }
            Event::Inspected(findings) => self.findings = Some(findings.to_vec()),
            Event::CaughtUp(round) => self.rounds.push(*round),
            Event::Note(text) => self.notes.push((*text).to_owned()),
            Event::Copying(_) | Event::Importing(_) => {}
        }
    }

    fn begin_part(&mut self, part: Part, now: f64) {
        self.close(now);
        self.parts.push(Recorded {
            part,
            begun: now,
            ended: None,
            is_done: false,
            message: String::new(),
        });
    }

    fn end_part(&mut self, message: &str, now: f64) {
        if let Some(last) = self.parts.last_mut() {
            last.ended = Some(now);
            last.is_done = true;
            message.clone_into(&mut last.message);
        }
    }

    /// A part that is not done when the next one begins has failed.
    fn close(&mut self, now: f64) {
        if let Some(last) = self.parts.last_mut() {
            last.ended.get_or_insert(now);
        }
    }

    fn add_result(&mut self, ending: &Ending) {
        self.close(self.took);
        match ending {
            Ending::Inspected(findings) => self.findings = Some(findings.to_vec()),
            Ending::Rehearsed(rehearsal) => {
                let only_after = |what: &str, bytes| Size {
                    what: what.to_owned(),
                    before: None,
                    after: Some(bytes),
                };
                if let Some(mas) = self.sizes.get_mut(1) {
                    mas.after = Some(rehearsal.mas_size);
                }
                self.sizes
                    .push(only_after("Backups", rehearsal.backup_size));
            }
            Ending::Migrated(_) | Ending::Verified(_) | Ending::Failed(_) => {}
        }
        if let Some(size) = ending.backup().and_then(size_of_directory) {
            self.sizes.push(Size {
                what: "Backups".to_owned(),
                before: None,
                after: Some(size),
            });
        }
    }
}

/// The sizes of both databases before what follows.
async fn sizes(context: &Context) -> Vec<Size> {
    let databases = [
        ("Synapse's database", context.synapse_database()),
        ("MAS's database", context.mas_database()),
    ];
    let mut sizes = Vec::new();
    for (what, database) in databases {
        let now = match database {
            Ok(database) => size(database).await,
            Err(_) => None,
        };
        sizes.push(Size {
            what: what.to_owned(),
            before: now,
            after: None,
        });
    }
    sizes
}

/// The size of a database. A server that does not answer must not keep a migration from ending.
async fn size(database: &Database) -> Option<u64> {
    const LIMIT: Duration = Duration::from_secs(10);
    let size = tokio::time::timeout(LIMIT, host::size(database)).await;
    size.ok()?.ok()
}

async fn counts(context: &Context) -> Option<Vec<(&'static str, i64)>> {
    let comparison = Comparison::of(context).ok()?;
    let synapse = context.synapse_database().ok()?;
    comparison.count_expected(synapse).await.ok()
}

/// The sum of the sizes of the files in a directory, in bytes.
fn size_of_directory(directory: &Path) -> Option<u64> {
    let entries = fs::read_dir(directory).ok()?;
    let sizes = entries.filter_map(|entry| entry.ok()?.metadata().ok());
    Some(sizes.map(|metadata| metadata.len()).sum())
}
