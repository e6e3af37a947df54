//! `syn2mas`: moves an existing homeserver to MAS, and proves that nothing was lost.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use anyhow::Result;
use clap::{Parser, Subcommand};
use mas2nix::{
    logging,
    migrate::{
        findings::Severity,
        inputs::Inputs,
        inspect, mapping,
        verify::{self, Kind, Report},
    },
};
use tracing_subscriber::filter::LevelFilter;

/// Exit code when it cannot be told.
const CANNOT_TELL: u8 = 1;
/// Exit code when something stands in the way of a migration.
const BLOCKERS: u8 = 10;
/// Exit code when some users will notice something.
const WARNINGS: u8 = 11;
/// Exit code when the databases differ.
const DIFFERENCES: u8 = 12;

/// Moves a homeserver from Synapse's own authentication to MAS.
#[derive(Parser)]
#[command(
    version,
    after_help = "Example: syn2mas verify --synapse-config /etc/matrix-synapse/homeserver.yaml \
                  --mas-config /etc/mas.yaml"
)]
struct Cli {
    #[command(flatten)]
    inputs: Inputs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Look whether the homeserver is ready to be moved, while it runs: exit 0 if it is, 10 if
    /// something stands in the way, 11 if there are only warnings, 1 if it cannot be told. Changes
    /// nothing.
    #[command(after_help = "Example: syn2mas inspect --json | jq '.findings[].id'")]
    Inspect {
        /// Print the result as JSON: `{"findings": [{"id", "severity", "count", "samples",
        /// "meaning", "fix"}]}`.
        #[arg(long)]
        json: bool,
    },
    /// Compare MAS's database, row by row, with what follows from Synapse's: exit 0 if they are
    /// identical, 12 if they differ, 1 if it cannot be told. Changes nothing.
    #[command(
        after_help = "Example: syn2mas verify --json | jq '.entities[] | select(.missing > 0)'"
    )]
    Verify {
        /// Print the result as JSON: `{"identical", "entities": [{"entity", "expected", "actual",
        /// "missing", "extra", "changed", "rows": [{"kind", "key", "columns"}]}]}`.
        #[arg(long)]
        json: bool,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    logging::begin(LevelFilter::ERROR);
    match run(Cli::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("syn2mas: {error:#}");
            ExitCode::from(CANNOT_TELL)
        }
    }
}

async fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        Command::Inspect { json } => run_inspect(&cli.inputs, json).await,
        Command::Verify { json } => run_verify(&cli.inputs, json).await,
    }
}

async fn run_inspect(inputs: &Inputs, json: bool) -> Result<ExitCode> {
    let findings = inspect::inspect(inputs).await?;
    let mut out = io::stdout().lock();
    if json {
        let report = serde_json::json!({"findings": findings});
        writeln!(out, "{report:#}")?;
    } else {
        for finding in &findings {
            let severity = match finding.severity {
                Severity::Blocker => "BLOCKER",
                Severity::Warning => "warning",
                Severity::Note => "note",
            };
            writeln!(out, "{severity}: {} ({})", finding.id, finding.count)?;
            for sample in &finding.samples {
                writeln!(out, "      {sample}")?;
            }
            writeln!(out, "{}", wrapped(&finding.meaning, "    "))?;
            writeln!(out, "{}\n", wrapped(&finding.fix, "    -> "))?;
        }
    }
    Ok(
        match findings.iter().map(|finding| finding.severity).max() {
            Some(Severity::Blocker) => ExitCode::from(BLOCKERS),
            Some(Severity::Warning) => ExitCode::from(WARNINGS),
            Some(Severity::Note) | None => {
                if !json {
                    writeln!(out, "ready")?;
                }
                ExitCode::SUCCESS
            }
        },
    )
}

/// A text in lines of less than 100 characters, the first behind this and the others below it.
fn wrapped(text: &str, begin: &str) -> String {
    let below = " ".repeat(begin.len());
    let options = textwrap::Options::new(99)
        .initial_indent(begin)
        .subsequent_indent(&below)
        .break_words(false);
    textwrap::fill(text, options)
}

async fn run_verify(inputs: &Inputs, json: bool) -> Result<ExitCode> {
    let entities = mapping::entities(&inputs.providers()?);
    let (synapse, mas) = (inputs.synapse_database()?, inputs.mas_database()?);
    let mut out = io::stdout().lock();
    if !json {
        writeln!(
            out,
            "{:<18}{:>12}{:>12}{:>10}{:>10}{:>10}",
            "", "expected", "in MAS", "missing", "extra", "changed"
        )?;
    }
    let reports = verify::verify(&synapse, &mas, &entities, |report| {
        if !json {
            let _ = writeln!(
                out,
                "{:<18}{:>12}{:>12}{:>10}{:>10}{:>10}",
                report.entity,
                report.expected,
                report.actual,
                report.missing,
                report.extra,
                report.changed
            );
        }
    })
    .await?;
    let identical = reports.iter().all(Report::is_identical);
    if json {
        let report = serde_json::json!({"identical": identical, "entities": reports});
        writeln!(out, "{report:#}")?;
    } else {
        for report in &reports {
            show_rows(&mut out, report)?;
        }
        let verdict = if identical {
            "identical"
        } else {
            "the databases differ"
        };
        writeln!(out, "\n{verdict}")?;
    }
    Ok(if identical {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(DIFFERENCES)
    })
}

fn show_rows(out: &mut impl Write, report: &Report) -> io::Result<()> {
    for row in &report.rows {
        let kind = match row.kind {
            Kind::Missing => "missing",
            Kind::Extra => "extra",
            Kind::Changed => "changed",
        };
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        let key: Vec<String> = row
            .key
            .iter()
            .map(|(name, value)| format!("{name} {}", text(value)))
            .collect();
        writeln!(out, "\n{}: {kind}: {}", report.entity, key.join(", "))?;
        for (name, [expected, actual]) in &row.columns {
            writeln!(
                out,
                "    {name}: {} expected, {} found",
                text(expected),
                text(actual)
            )?;
        }
    }
    let total = report.missing + report.extra + report.changed;
    let left = total - report.rows.len() as u64;
    if left > 0 {
        writeln!(out, "\n{}: {left} more rows differ", report.entity)?;
    }
    Ok(())
}
