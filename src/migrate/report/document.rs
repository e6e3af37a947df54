//! Everything that a page shows, in its order.

use serde::Serialize;

use super::{
    Ending,
    configuration::Change,
    page::seconds,
    private::Privacy,
    record::{Command, Record},
    timeline::Chart,
    verdict::{Tone, Verdict, numbers},
};
use crate::{
    migrate::{
        copy::Round,
        cutover::Outcome,
        preflight::finding::{Finding, Severity},
        verify::{Difference, DifferenceKind, Report},
    },
    util::numbers::count,
};

/// Rounds of catching up that are shown, the last ones. A migration that waits has one a minute.
const ROUNDS: usize = 12;

/// Rows that differ and are shown of each kind, if users may be named.
const ROWS: usize = 10;

/// Everything that a page shows.
#[derive(Clone, Debug, Serialize)]
pub struct Document {
    /// The command, such as `migrate`.
    pub command: &'static str,
    /// What the page is, for its title.
    pub title: &'static str,
    /// `server_name` of the homeserver.
    pub server_name: String,
    /// When the run began, for example `2026-01-31 03:00:00 UTC`.
    pub begun: String,
    /// How long it took, in seconds.
    pub took: f64,
    /// The version of this program.
    pub version: &'static str,
    /// Whether users may be named.
    pub names: bool,
    /// How the run ended.
    pub verdict: Verdict,
    /// What was not undone, each with what to do about it.
    pub left: Vec<String>,
    /// The steps that were undone after a failure.
    pub undone: Vec<String>,
    /// Numbers to see at once.
    pub facts: Vec<Fact>,
    /// Whether the findings decide how the run ended.
    pub is_about_findings: bool,
    /// What was found before a migration. None if nothing was looked for.
    pub findings: Option<Vec<Found>>,
    /// Rows of Synapse's of each kind.
    pub counts: Vec<(&'static str, i64)>,
    /// The whole run.
    pub timeline: Option<Chart>,
    /// The time without Synapse, enlarged.
    pub downtime: Option<Chart>,
    /// The rounds of catching up.
    pub rounds: Option<Rounds>,
    /// The comparison of both databases.
    pub proof: Vec<Proof>,
    /// The sum of all kinds. None if nothing was compared.
    pub total: Option<Proof>,
    /// Sizes of databases and backups.
    pub sizes: Vec<Grown>,
    /// What delegation changes in Synapse's configuration.
    pub changes: Vec<Change>,
    /// Whether Synapse has the configuration after the change, as far as this run knows.
    pub is_changed: bool,
    /// Messages for the administrator.
    pub notes: Vec<String>,
}

/// A number to see at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// What it is.
    pub what: &'static str,
    /// The number, with its unit.
    pub value: String,
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// The id, such as `absent-user`.
    pub id: &'static str,
    /// How severe it is.
    pub severity: Severity,
    /// Number of rows, users or options concerned.
    pub count: i64,
    /// Some of them. Empty if they may not be shown.
    pub samples: Vec<String>,
    /// Whether there are samples that may not be shown.
    pub is_withheld: bool,
    /// What it means for the users concerned.
    pub meaning: &'static str,
    /// What to do about it.
    pub fix: &'static str,
}

/// The rounds of catching up.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rounds {
    /// Each with its number. Those between the first and the last ones are left out.
    pub shown: Vec<(usize, Round)>,
    /// How many are left out.
    pub left_out: usize,
    /// How many there were.
    pub all: usize,
    /// The rows of all rounds.
    pub rows: usize,
    /// Whether Synapse was stopped for the last one.
    pub is_complete: bool,
}

/// The comparison of one kind of row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// The kind.
    pub entity: &'static str,
    /// Rows that MAS must have.
    pub expected: i64,
    /// Rows in MAS's database.
    pub actual: i64,
    /// Rows that it lacks.
    pub missing: u64,
    /// Rows that it should not have.
    pub extra: u64,
    /// Rows with another value.
    pub changed: u64,
    /// Rows with another value, because they have been used.
    pub used: u64,
    /// Whether both sides are equal.
    pub is_identical: bool,
    /// Columns that differ, each in how many of the rows that were fetched.
    pub columns: Vec<(&'static str, usize)>,
    /// Rows that differ, if users may be named.
    pub rows: Vec<String>,
}

/// How something has grown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Grown {
    /// What.
    pub what: String,
    /// Its size before, in bytes.
    pub before: Option<u64>,
    /// Its size afterwards, in bytes.
    pub after: Option<u64>,
    /// The sizes before and after, in percent of the largest of all.
    pub percent: [f64; 2],
}

impl Document {
    /// What the page about a run shows.
    #[must_use]
    pub fn of(record: &Record, ending: &Ending) -> Self {
        let privacy = Privacy::new(record.names, &record.server_name);
        let timeline = Chart::whole(record, &privacy);
        let undone = timeline.iter().flat_map(|chart| &chart.bars);
        let undone = undone.filter(|bar| bar.is_back && record.command == Command::Migrate);
        let outcome = match ending {
            Ending::Migrated(outcome) => Some(*outcome),
            _ => None,
        };
        let left = match outcome {
            Some(Outcome::RollbackIncomplete { left, .. }) => left.as_slice(),
            _ => &[],
        };
        let findings = match outcome {
            Some(Outcome::Blocked(findings)) => Some(findings),
            _ => record.findings.as_ref(),
        };
        let notes = record.notes.iter().map(|note| privacy.text(note));
        Document {
            command: record.command.name(),
            title: match record.command {
                Command::Inspect => "Readiness for the migration to MAS",
                Command::Rehearse => "Rehearsal of the migration to MAS",
                Command::Migrate => "Migration to MAS",
                Command::Verify => "Comparison of Synapse's and MAS's databases",
            },
            server_name: record.server_name.clone(),
            begun: time(record),
            took: record.took,
            version: env!("CARGO_PKG_VERSION"),
            names: record.names,
            verdict: Verdict::of(record, ending, &privacy),
            left: left.iter().map(|text| privacy.text(text)).collect(),
            undone: undone
                .map(|bar| format!("{}: {}", bar.name, bar.what))
                .collect(),
            facts: facts(record, ending),
            is_about_findings: matches!(
                ending,
                Ending::Inspected(_) | Ending::Migrated(Outcome::Blocked(_))
            ),
            findings: findings.map(|findings| found(findings, &privacy)),
            counts: record.counts.clone(),
            downtime: Chart::down(record, &privacy),
            timeline,
            rounds: rounds(record),
            total: total(ending.proof()),
            proof: ending
                .proof()
                .iter()
                .map(|report| proof(report, &privacy))
                .collect(),
            sizes: grown(record),
            changes: record.changes.clone(),
            is_changed: matches!(
                outcome,
                Some(Outcome::Migrated(_) | Outcome::Already { .. })
            ),
            notes: notes.collect(),
        }
    }

    /// Whether the run ended as it should.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.verdict.tone == Tone::Good
    }
}

fn time(record: &Record) -> String {
    let text = humantime::format_rfc3339_seconds(record.begun).to_string();
    text.replace('T', " ").replace('Z', " UTC")
}

fn facts(record: &Record, ending: &Ending) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut add = |what, value: String| facts.push(Fact { what, value });
    match ending {
        Ending::Rehearsed(rehearsal) => {
            let down = seconds(rehearsal.downtime);
            add(
                "Expected downtime",
                match rehearsal.start {
                    Some(_) => down,
                    None => format!("{down}, and Synapse's start"),
                },
            );
        }
        Ending::Migrated(Outcome::Migrated(summary)) if record.down.is_some() => {
            add("Downtime of Synapse", seconds(summary.downtime));
            add("The whole migration", seconds(record.took));
        }
        _ => {}
    }
    let proof = ending.proof();
    let rows = |name: &str| {
        let compared = proof.iter().map(|report| (report.entity, report.expected));
        let mut all = compared.chain(record.counts.iter().copied());
        all.find_map(|(entity, rows)| (entity == name).then_some(rows))
    };
    for (entity, what) in [("users", "Users"), ("sessions", "Sessions")] {
        if let Some(rows) = rows(entity) {
            add(what, count(rows));
        }
    }
    if !proof.is_empty() {
        add(
            "Rows compared",
            count(proof.iter().map(|report| report.expected).sum::<i64>()),
        );
        let differing = proof
            .iter()
            .map(|report| report.missing + report.extra + report.changed);
        add("Rows that differ", count(differing.sum::<u64>()));
    }
    let findings = match ending {
        Ending::Inspected(findings) => Some(*findings),
        Ending::Migrated(Outcome::Blocked(findings)) => Some(findings.as_slice()),
        _ => None,
    };
    if let Some(findings) = findings {
        let [blockers, warnings] = numbers(findings);
        add("Blockers", blockers.to_string());
        add("Warnings", warnings.to_string());
    }
    facts
}

fn found(findings: &[Finding], privacy: &Privacy) -> Vec<Found> {
    let found = findings.iter().map(|finding| {
        let is_shown = privacy.shows(&finding.kind);
        let samples = finding.samples.iter().filter(|_| is_shown);
        Found {
            id: finding.kind.id,
            severity: finding.kind.severity,
            count: finding.count,
            samples: samples.map(|sample| privacy.text(sample)).collect(),
            is_withheld: !is_shown && !finding.samples.is_empty(),
            meaning: finding.kind.meaning,
            fix: finding.kind.fix,
        }
    });
    found.collect()
}

fn rounds(record: &Record) -> Option<Rounds> {
    let all = record.rounds.len();
    let numbered = record.rounds.iter().copied().enumerate();
    let left_out = all.saturating_sub(ROUNDS);
    let shown = numbered.filter(|(at, _)| *at == 0 || *at > left_out || left_out == 0);
    (all > 0).then(|| Rounds {
        shown: shown.map(|(at, round)| (at + 1, round)).collect(),
        left_out,
        all,
        rows: record.rounds.iter().map(|round| round.rows).sum(),
        is_complete: record.down.is_some(),
    })
}

fn proof(report: &Report, privacy: &Privacy) -> Proof {
    let mut columns: Vec<(&'static str, usize)> = Vec::new();
    for name in report.rows.iter().flat_map(|row| row.columns.keys()) {
        match columns.iter_mut().find(|(known, _)| known == name) {
            Some((_, rows)) => *rows += 1,
            None => columns.push((name, 1)),
        }
    }
    let rows = report
        .rows
        .iter()
        .take(if privacy.names() { ROWS } else { 0 });
    Proof {
        entity: report.entity,
        expected: report.expected,
        actual: report.actual,
        missing: report.missing,
        extra: report.extra,
        changed: report.changed,
        used: report.used,
        is_identical: report.is_identical(),
        columns,
        rows: rows.map(|row| privacy.text(&in_words(row))).collect(),
    }
}

/// The sum of all kinds.
fn total(reports: &[Report]) -> Option<Proof> {
    let mut total = Report {
        entity: "all",
        ..Report::default()
    };
    for report in reports {
        total.expected += report.expected;
        total.actual += report.actual;
        total.missing += report.missing;
        total.extra += report.extra;
        total.changed += report.changed;
        total.used += report.used;
        total.more |= report.more;
    }
    (!reports.is_empty()).then(|| proof(&total, &Privacy::new(false, "")))
}

/// A row that differs, with its key and the values.
fn in_words(row: &Difference) -> String {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
    let kind = match row.kind {
        DifferenceKind::Missing => "missing",
        DifferenceKind::Extra => "extra",
        DifferenceKind::Changed => "changed",
    };
    let key = row
        .key
        .iter()
        .map(|(name, value)| format!("{name} {}", text(value)));
    let columns = row.columns.iter().map(|(name, [expected, actual])| {
        format!(
            "; {name}: {} expected, {} found",
            text(expected),
            text(actual)
        )
    });
    format!(
        "{kind}: {}{}",
        key.collect::<Vec<_>>().join(", "),
        columns.collect::<String>()
    )
}

fn grown(record: &Record) -> Vec<Grown> {
    let sizes = record.sizes.iter();
    let largest = sizes
        .flat_map(|size| [size.before, size.after])
        .flatten()
        .max();
    let largest = largest.unwrap_or_default().max(1);
    #[expect(clippy::cast_precision_loss, reason = "it is the length of a bar")]
    let percent = |bytes: Option<u64>| bytes.unwrap_or_default() as f64 / largest as f64 * 100.0;
    let known = record
        .sizes
        .iter()
        .filter(|size| size.before.or(size.after).is_some());
    let grown = known.map(|size| Grown {
        what: size.what.clone(),
        before: size.before,
        after: size.after,
        percent: [percent(size.before), percent(size.after)],
    });
    grown.collect()
}
