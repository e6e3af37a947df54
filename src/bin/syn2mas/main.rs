//! `syn2mas`: moves an existing homeserver to MAS, and proves that nothing was lost.

mod output;

use std::{
    fs,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};
use mas2nix::{
    codegen,
    migrate::{
        cutover::{Migration, Options, Outcome},
        inputs::Inputs,
        journal,
        postgres::backup::BackupScope,
        preflight::{
            self,
            finding::{Finding, Severity},
            lockout,
        },
        rehearse, status,
        translate::{self, Translation},
        verify::{self, Report},
    },
    util::{error_text, logging, yaml},
};
use tracing_subscriber::filter::LevelFilter;

/// Exit code when it cannot be told, or failed.
const FAILED: u8 = 1;
/// Exit code when something stands in the way.
const BLOCKED: u8 = 10;
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
    /// Make MAS's configuration from Synapse's: exit 0. Secrets are never shown: the result names
    /// files for them. What has no equivalent is listed on the standard error.
    #[command(
        after_help = "Example: syn2mas translate --write-secrets /var/lib/secrets/mas >mas.nix"
    )]
    Translate {
        /// What to write.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
        /// Where the files with secrets are, or will be.
        #[arg(long, value_name = "DIR", default_value = "/var/lib/secrets/mas")]
        secrets: PathBuf,
        /// Write the files with secrets into this directory, for their owner alone.
        #[arg(long, value_name = "DIR", conflicts_with = "secrets")]
        write_secrets: Option<PathBuf>,
        /// Print everything as JSON: `{"settings", "extraConfigFiles", "secrets": [{"file", "from"}],
        /// "left": [{"option", "reason"}]}`.
        #[arg(long, conflicts_with = "format")]
        json: bool,
    },
    /// Move the homeserver: exit 0 if it is moved, 10 if something stands in the way, 1 if it
    /// failed. Until the cutover, a failure ends with Synapse running as it was. Killed at any
    /// moment, running it again carries on or goes back.
    #[command(after_help = "Example: syn2mas migrate --yes --token-file /root/an-old-token")]
    Migrate(Migrate),
    /// Compare MAS's database, row by row, with what follows from Synapse's: exit 0 if they are
    /// identical, 12 if they differ, 1 if it cannot be told. After the cutover, the backup takes
    /// Synapse's place, and what users have done since is allowed for. Changes nothing.
    #[command(
        after_help = "Example: syn2mas verify --json | jq '.entities[] | select(.missing > 0)'"
    )]
    Verify {
        /// The directory with a backup that takes Synapse's place.
        #[arg(long, value_name = "DIR")]
        backup: Option<PathBuf>,
        /// When the cutover was, in UTC (RFC 3339).
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        /// Print the result as JSON: `{"identical", "entities": [{"entity", "expected", "actual",
        /// "missing", "extra", "changed", "used", "rows": [{"kind", "key", "columns"}]}]}`.
        #[arg(long)]
        json: bool,
    },
    /// Do everything but the cutover on a copy, while Synapse runs, and say how long it will take:
    /// exit 0 if all would be well, 12 if not everything would arrive, 1 if it failed. Makes two
    /// databases, and removes them.
    #[command(after_help = "Example: syn2mas rehearse --json | jq .downtime")]
    Rehearse {
        /// Only let mas-cli try by itself, from Synapse's own database into MAS's.
        #[arg(long)]
        dry_run: bool,
        /// Print the result as JSON: `{"identical", "entities", "parts", "start", "downtime",
        /// "backupSize", "masSize"}`.
        #[arg(long)]
        json: bool,
    },
    /// Go back to Synapse's own authentication: exit 0 if that is done, 10 if something would be
    /// lost that was not accepted, 1 if it failed. Running it again carries on.
    #[command(after_help = "Example: syn2mas rollback --accept-loss")]
    Rollback {
        /// Go back even if sessions, users or changed passwords are lost by that.
        #[arg(long)]
        accept_loss: bool,
        /// Only take back what was interrupted before the cutover.
        #[arg(long, conflicts_with = "accept_loss")]
        interrupted: bool,
        /// Print the result as JSON: `{"done", "losses": [{"what", "count", "samples", "meaning"}]}`.
        #[arg(long)]
        json: bool,
    },
    /// Look whether letting MAS authenticate users now would lock them out: exit 10 if it would, 0 if
    /// not, or if Synapse's database cannot be asked. The NixOS module asks before it switches.
    #[command(after_help = "Example: syn2mas guard --mas-database-uri postgresql:///mas")]
    Guard {
        /// Look only whether another syn2mas is at work: exit 10 if one is.
        #[arg(long)]
        idle: bool,
    },
    /// Say where things stand, and the next command to type. Changes nothing.
    #[command(after_help = "Example: syn2mas status --json | jq -r .stage")]
    Status {
        /// Print the result as JSON: `{"stage", "summary", "next", "running", "held", "switches",
        /// "masDatabase", "synapse", "memory", "journal"}`.
        #[arg(long)]
        json: bool,
    },
}

/// A form of MAS's configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Options of the NixOS module.
    #[default]
    Nix,
    /// MAS's own configuration file.
    Yaml,
    /// The same as JSON.
    Json,
}

#[derive(Args)]
struct Migrate {
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// How much of Synapse's database is backed up.
    #[arg(long, value_enum, default_value_t)]
    backup: BackupScope,
    /// A file with an access token of today, which has to be good afterwards.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Print the result as JSON: `{"result", "step", "error", "left", "findings", "summary"}`.
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    logging::begin(LevelFilter::ERROR);
    match Box::pin(run(Cli::parse())).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("syn2mas: {}", error_text::with_causes(&error));
            ExitCode::from(FAILED)
        }
    }
}

async fn run(cli: Cli) -> Result<ExitCode> {
    if let Command::Guard { idle: true } = cli.command {
        return run_idle(&cli.inputs.state());
    }
    let inputs = cli.inputs.complete()?;
    match cli.command {
        Command::Inspect { json } => run_inspect(&inputs, json).await,
        Command::Translate {
            format,
            secrets,
            write_secrets,
            json,
        } => {
            let directory = write_secrets.as_deref().unwrap_or(&secrets);
            let translation = translate::translate(&inputs.synapse()?, directory)?;
            if write_secrets.is_some() {
                translation.write_secrets()?;
            }
            run_translate(&translation, format, json, write_secrets.is_some())
        }
        Command::Migrate(options) => run_migrate(&inputs, options).await,
        Command::Verify {
            backup,
            since,
            json,
        } => run_verify(&inputs, backup, since, json).await,
        Command::Rehearse { dry_run, json } => run_rehearse(&inputs, dry_run, json).await,
        Command::Rollback {
            interrupted: true, ..
        } => {
            let mut reporter = output::Reporter::new(false);
            let migration = Migration::open(&inputs, Options::default(), |event| {
                reporter.on_event(&event);
            })?;
            migration.undo_interrupted().await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Rollback {
            accept_loss, json, ..
        } => run_rollback(&inputs, accept_loss, json).await,
        Command::Guard { .. } => run_guard(&inputs).await,
        Command::Status { json } => run_status(&inputs, json).await,
    }
}

async fn run_inspect(inputs: &Inputs, json: bool) -> Result<ExitCode> {
    let findings = preflight::inspect(inputs, BackupScope::default()).await?;
    let mut out = io::stdout().lock();
    if json {
        let report = serde_json::json!({"findings": findings});
        writeln!(out, "{report:#}")?;
    } else {
        output::findings(&mut out, &findings)?;
    }
    Ok(
        match findings.iter().map(|finding| finding.kind.severity).max() {
            Some(Severity::Blocker) => ExitCode::from(BLOCKED),
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

fn run_translate(
    translation: &Translation,
    format: Format,
    json: bool,
    written: bool,
) -> Result<ExitCode> {
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(translation)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    match format {
        Format::Nix => {
            let module = serde_json::json!({
                "services": {"matrix-authentication-service": translation.module()},
            });
            write!(out, "{}", codegen::nix_value(&module)?)?;
        }
        Format::Yaml => write!(out, "{}", yaml::document(&translation.settings))?,
        Format::Json => writeln!(out, "{:#}", translation.settings)?,
    }
    output::translation(&mut io::stderr().lock(), translation, written)?;
    Ok(ExitCode::SUCCESS)
}

async fn run_migrate(inputs: &Inputs, given: Migrate) -> Result<ExitCode> {
    let token = match &given.token_file {
        Some(file) => {
            let token = fs::read_to_string(file);
            Some(
                token
                    .with_context(|| file.display().to_string())?
                    .trim()
                    .to_owned(),
            )
        }
        None => None,
    };
    let options = Options {
        extent: given.backup,
        token,
    };
    let mut reporter = output::Reporter::new(given.json);
    let migration = Migration::open(inputs, options, |event| reporter.on_event(&event))?;
    if !given.yes && migration.is_new()? {
        let findings = preflight::inspect(inputs, given.backup).await?;
        if !agreed(&findings, &migration.plan())? {
            eprintln!("nothing was done");
            return Ok(ExitCode::from(FAILED));
        }
    }
    let outcome = migration.migrate().await?;
    let mut out = io::stdout().lock();
    if given.json {
        writeln!(out, "{:#}", output::outcome_as_json(&outcome))?;
    } else {
        output::outcome(&mut out, &outcome)?;
    }
    Ok(match outcome {
        Outcome::Migrated(_) | Outcome::Already { .. } | Outcome::RolledBack => ExitCode::SUCCESS,
        Outcome::Blocked(_) => ExitCode::from(BLOCKED),
        Outcome::FailedAndReverted { .. } | Outcome::RollbackIncomplete { .. } => {
            ExitCode::from(FAILED)
        }
    })
}

/// Shows what is about to happen, and asks.
fn agreed(findings: &[Finding], plan: &[String]) -> Result<bool> {
    if !io::stdin().is_terminal() {
        bail!("not a terminal: pass `--yes` to confirm");
    }
    let mut out = io::stderr().lock();
    output::findings(&mut out, findings)?;
    for (i, step) in plan.iter().enumerate() {
        writeln!(out, "{:>3}. {step}", i + 1)?;
    }
    write!(
        out,
        "\nUntil MAS and Synapse are started, a failure changes nothing. Begin? [y/N] "
    )?;
    out.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

async fn run_rollback(inputs: &Inputs, accept_loss: bool, json: bool) -> Result<ExitCode> {
    let mut reporter = output::Reporter::new(json);
    let migration = Migration::open(inputs, Options::default(), |event| {
        reporter.on_event(&event);
    })?;
    let losses = migration.roll_back(accept_loss).await?;
    let done = losses.is_empty();
    let mut out = io::stdout().lock();
    if json {
        let report = serde_json::json!({"done": done, "losses": losses});
        writeln!(out, "{report:#}")?;
    } else {
        output::losses(&mut out, &losses)?;
    }
    Ok(if done {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(BLOCKED)
    })
}

fn run_idle(state: &Path) -> Result<ExitCode> {
    if !journal::is_in_use(state)? {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!(
        "syn2mas is at work in {}. Wait until it is done: `syn2mas status` says how far it is.",
        state.display()
    );
    Ok(ExitCode::from(BLOCKED))
}

async fn run_guard(inputs: &Inputs) -> Result<ExitCode> {
    match lockout::locked_out(inputs).await {
        Ok(None) => Ok(ExitCode::SUCCESS),
        Ok(Some(reason)) => {
            eprintln!("{reason}.");
            Ok(ExitCode::from(BLOCKED))
        }
        Err(error) => {
            // A homeserver that is not there yet has nobody to lock out.
            eprintln!("syn2mas: {error}");
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn run_status(inputs: &Inputs, json: bool) -> Result<ExitCode> {
    let status = status::status(inputs).await?;
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&status)?)?;
    } else {
        output::status(&mut out, &status)?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn run_rehearse(inputs: &Inputs, dry_run: bool, json: bool) -> Result<ExitCode> {
    let mut reporter = output::Reporter::new(json);
    let mut out = io::stdout().lock();
    if dry_run {
        rehearse::dry_run(inputs, |progress| reporter.on_progress(progress)).await?;
        if json {
            writeln!(out, "{{}}")?;
        } else {
            writeln!(out, "mas-cli would import everything.")?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let rehearsal = rehearse::rehearse(inputs, |event| reporter.on_rehearsal_event(&event)).await?;
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&rehearsal)?)?;
    } else {
        output::rehearsal(&mut out, &rehearsal)?;
    }
    Ok(if rehearsal.identical {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(DIFFERENCES)
    })
}

async fn run_verify(
    inputs: &Inputs,
    backup: Option<PathBuf>,
    since: Option<String>,
    json: bool,
) -> Result<ExitCode> {
    let later = verify::PostCutoverVerification::of(inputs, backup, since)?;
    let mut out = io::stdout().lock();
    if !json {
        output::report_head(&mut out)?;
    }
    let reports = later
        .verify(inputs, |report| {
            if !json {
                let _ = output::report_line(&mut out, report);
            }
        })
        .await?;
    let identical = reports.iter().all(Report::is_identical);
    if json {
        let report = serde_json::json!({"identical": identical, "entities": reports});
        writeln!(out, "{report:#}")?;
    } else {
        for report in &reports {
            output::rows(&mut out, report)?;
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
