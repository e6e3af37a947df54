//! How a run ended, in a few sentences.

use serde::Serialize;

use super::{
    Ending,
    private::Privacy,
    record::{Command, Record},
};
use crate::{
    migrate::{
        MigrateError,
        cutover::Outcome,
        preflight::finding::{Finding, Severity},
        report::page::seconds,
        verify::Report,
    },
    util::numbers::{count, counted},
};

/// How good an ending is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tone {
    /// As it should be.
    Good,
    /// Something is to be read or done.
    Warning,
    /// Something has failed, or keeps a migration from beginning.
    Bad,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// How good that is.
    pub tone: Tone,
    /// One short sentence.
    pub title: String,
    /// More sentences.
    pub text: Vec<String>,
    /// The next command to type, without its options.
    pub next: Option<String>,
}

impl Verdict {
    fn new(tone: Tone, title: impl Into<String>) -> Self {
        Verdict {
            tone,
            title: title.into(),
            text: Vec::new(),
            next: None,
        }
    }

    fn says(mut self, text: impl Into<String>) -> Self {
        self.text.push(text.into());
        self
    }

    fn then(mut self, next: &str) -> Self {
        self.next = Some(next.to_owned());
        self
    }

    /// The verdict on a run.
    pub fn of(record: &Record, ending: &Ending, privacy: &Privacy) -> Self {
        match ending {
            Ending::Inspected(findings) => inspected(findings),
            Ending::Rehearsed(rehearsal) => {
                let down = seconds(rehearsal.downtime);
                if rehearsal.identical {
                    Verdict::new(Tone::Good, "All data would arrive in MAS.")
                        .says(match rehearsal.scan {
                            Some(_) => format!("Synapse will be down for about {down}."),
                            None => format!(
                                "Synapse will be down for about {down}, because its tables \
                                             cannot be copied while it runs."
                            ),
                        })
                        .says(match rehearsal.start {
                            Some(start) => {
                                format!("That includes {} for its own start.", seconds(start))
                            }
                            None => {
                                "How long its own start takes is unknown, and comes on top of that."
                                    .to_owned()
                            }
                        })
                        .then("syn2mas migrate")
                } else {
                    Verdict::new(Tone::Bad, "Some data would not arrive in MAS as it should.")
                        .says(differing(&rehearsal.entities))
                        .then("syn2mas inspect")
                }
            }
            Ending::Migrated(outcome) => migrated(record, outcome, privacy),
            Ending::Verified(reports) => {
                if reports.iter().all(Report::is_identical) {
                    let rows: i64 = reports.iter().map(|report| report.expected).sum();
                    Verdict::new(Tone::Good, "MAS has everything that it should have.").says(
                        format!(
                            "{} rows were compared, and all are as they should be.",
                            count(rows)
                        ),
                    )
                } else {
                    Verdict::new(Tone::Bad, "MAS's database is not what it should be.")
                        .says(differing(reports))
                }
            }
            Ending::Failed(error) => failed(record, error, privacy),
        }
    }
}

fn failed(record: &Record, error: &MigrateError, privacy: &Privacy) -> Verdict {
    let interrupted = matches!(error, MigrateError::Interrupted | MigrateError::Cancelled);
    let name = record.command.name();
    let verdict = if interrupted {
        Verdict::new(
            Tone::Warning,
            format!("syn2mas {name} was interrupted, so there is no result."),
        )
    } else {
        Verdict::new(
            Tone::Bad,
            format!("syn2mas {name} failed, so there is no result."),
        )
        .says(sentence(&privacy.error(error)))
    };
    match record.command {
        Command::Migrate => verdict.then("syn2mas status"),
        Command::Inspect | Command::Rehearse | Command::Verify => verdict,
    }
}

/// How many blockers and warnings there are.
pub fn numbers(findings: &[Finding]) -> [usize; 2] {
    [Severity::Blocker, Severity::Warning].map(|severity| {
        let of_it = findings.iter();
        of_it
            .filter(|finding| finding.kind.severity == severity)
            .count()
    })
}

fn inspected(findings: &[Finding]) -> Verdict {
    match numbers(findings) {
        [0, 0] => Verdict::new(Tone::Good, "The homeserver is ready for the migration.")
            .then("syn2mas rehearse"),
        [0, warnings] => Verdict::new(Tone::Warning, "The homeserver is ready for the migration.")
            .says(format!(
                "Some users will notice something: see the {}.",
                counted(warnings, "warning")
            ))
            .then("syn2mas rehearse"),
        [blockers, _] => Verdict::new(
            Tone::Bad,
            format!(
                "The homeserver is not ready: there {} {}.",
                be(blockers),
                counted(blockers, "blocker")
            ),
        )
        .says("A migration would not begin. Each blocker below says what to do about it.")
        .then("syn2mas inspect"),
    }
}

fn migrated(record: &Record, outcome: &Outcome, privacy: &Privacy) -> Verdict {
    match outcome {
        Outcome::Migrated(summary) => {
            let mut verdict = Verdict::new(Tone::Good, "The homeserver is migrated to MAS.");
            // Otherwise an earlier run has stopped it.
            if record.down.is_some() {
                verdict = verdict.says(format!(
                    "Synapse was down for {}.",
                    seconds(summary.downtime)
                ));
            } else {
                verdict = verdict.says("This run has completed what an earlier one had begun.");
            }
            let rows: i64 = summary.entities.iter().map(|report| report.expected).sum();
            if rows > 0 {
                verdict = verdict.says(format!(
                    "{} rows were compared, and all are as they should be.",
                    count(rows)
                ));
            }
            verdict.says(
                "Going back loses nothing until somebody logs in, refreshes a token or changes an account \
                 through MAS.",
            )
        }
        Outcome::Already { cut_over } => {
            Verdict::new(Tone::Good, "This homeserver was migrated to MAS before.")
                .says(format!("The cutover was at {cut_over}. Nothing was done."))
        }
        Outcome::Blocked(findings) => {
            let [blockers, _] = numbers(findings);
            Verdict::new(
                Tone::Bad,
                format!(
                    "Nothing was done: there {} {}.",
                    be(blockers),
                    counted(blockers, "blocker")
                ),
            )
            .says("Each blocker below says what to do about it.")
            .then("syn2mas inspect")
        }
        Outcome::Refused(refusal) => {
            let verdict = Verdict::new(Tone::Bad, "Nothing was done.")
                .says(sentence(&privacy.text(&refusal.to_string())));
            match refusal.next() {
                Some(next) => verdict.then(next),
                None => verdict,
            }
        }
        Outcome::RolledBack => Verdict::new(Tone::Warning, "An interrupted rollback was finished.")
            .says("Synapse authenticates its own users.")
            .then("syn2mas migrate"),
        Outcome::FailedAndReverted { step, error } => {
            let title = match error {
                MigrateError::Cancelled => {
                    "The migration was cancelled, and everything is as it was before."
                }
                MigrateError::Interrupted => {
                    "The migration was interrupted, and everything is as it was before."
                }
                _ => "The migration failed, and everything is as it was before.",
            };
            let tone = match error {
                MigrateError::Cancelled | MigrateError::Interrupted => Tone::Warning,
                _ => Tone::Bad,
            };
            Verdict::new(tone, title)
                .says(at(step.name(), error, privacy))
                .says(down(record))
                .says("Synapse authenticates its own users, and nobody has to log in again.")
                .then("syn2mas migrate")
        }
        Outcome::RollbackIncomplete { step, error, .. } => Verdict::new(
            Tone::Bad,
            "The migration failed, and not everything could be undone.",
        )
        .says(at(step.name(), error, privacy))
        .says(down(record))
        .then("syn2mas status"),
    }
}

fn at(step: &str, error: &MigrateError, privacy: &Privacy) -> String {
    match error {
        MigrateError::Cancelled => format!("It was at the step `{step}`."),
        error => sentence(&format!(
            "The step `{step}` failed: {}",
            privacy.error(error)
        )),
    }
}

/// How long Synapse was down, if it was.
fn down(record: &Record) -> String {
    match record.down {
        None => "Synapse was not stopped.".to_owned(),
        Some(down) => match down.ended {
            Some(ended) => format!("Synapse was down for {}.", seconds(ended - down.begun)),
            None => "Synapse was stopped.".to_owned(),
        },
    }
}

fn differing(reports: &[Report]) -> String {
    let rows: u64 = reports
        .iter()
        .map(|report| report.missing + report.extra + report.changed)
        .sum();
    let kinds = reports.iter().filter(|report| !report.is_identical());
    let kinds: Vec<&str> = kinds.map(|report| report.entity).collect();
    let kinds = kinds.join(", ");
    match rows {
        1 => format!("1 row differs, of the kind: {kinds}."),
        rows => format!("{} rows differ, of the kinds: {kinds}.", count(rows)),
    }
}

fn be(number: usize) -> &'static str {
    if number == 1 { "is" } else { "are" }
}

/// A text with a full stop at its end.
fn sentence(text: &str) -> String {
    let text = text.trim_end();
    if text.ends_with(['.', '…', '?']) {
        text.to_owned()
    } else {
        format!("{text}.")
    }
}
