//! `syn2mas`: migrates an existing homeserver to MAS, and verifies that nothing was lost.

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

/// Exit code when the command failed.
const FAILED: u8 = 1;
/// Exit code when there are blockers.
const BLOCKED: u8 = 10;
/// Exit code when there are only warnings.
const WARNINGS: u8 = 11;
/// Exit code when the databases differ.
const DIFFERENCES: u8 = 12;

/// Migrates a homeserver from Synapse's own authentication to Matrix Authentication Service (MAS).
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
    /// Check whether the homeserver is ready for the migration, while it runs. Changes nothing.
    /// Exits with 0 if it is ready, 10 if there are blockers, 11 if there are only warnings, and 1
    /// if the check failed.
    #[command(after_help = "Example: syn2mas inspect --json | jq '.findings[].id'")]
    Inspect {
        /// Print the result as JSON: `{"findings": [{"id", "severity", "count", "samples",
        /// "meaning", "fix"}]}`.
        #[arg(long)]
        json: bool,
    },
    /// Translate Synapse's configuration to MAS's. Secrets are never printed: the result refers to
    /// files for them. Options without an equivalent are listed on standard error.
    #[command(
        after_help = "Example: syn2mas translate --write-secrets /var/lib/secrets/mas >mas.nix"
    )]
    Translate {
        /// Output format.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
        /// Directory that contains, or will contain, the files with secrets.
        #[arg(long, value_name = "DIR", default_value = "/var/lib/secrets/mas")]
        secrets: PathBuf,
        /// Write the files with secrets to this directory, readable only by their owner.
        #[arg(long, value_name = "DIR", conflicts_with = "secrets")]
        write_secrets: Option<PathBuf>,
        /// Print everything as JSON: `{"settings", "extraConfigFiles", "secrets": [{"file", "from"}],
        /// "left": [{"option", "reason"}]}`.
        #[arg(long, conflicts_with = "format")]
        json: bool,
    },
    /// Migrate the homeserver. Exits with 0 if it is migrated, 10 if there are blockers, and 1 if
    /// the migration failed. If it fails before the cutover, Synapse runs as before. If it was
    /// killed, run it again: it continues or rolls back.
    #[command(after_help = "Example: syn2mas migrate --yes --token-file /root/an-old-token")]
    Migrate(Migrate),
    /// Compare MAS's database, row by row, with the data expected from Synapse's database. Changes
    /// nothing. Exits with 0 if they are identical, 12 if they differ, and 1 if the comparison
    /// failed. After the cutover, it uses the backup instead of Synapse's database, and takes into
    /// account what users have done since.
    #[command(
        after_help = "Example: syn2mas verify --json | jq '.entities[] | select(.missing > 0)'"
    )]
    Verify {
        /// Directory of the backup to use instead of Synapse's database.
        #[arg(long, value_name = "DIR")]
        backup: Option<PathBuf>,
        /// Time of the cutover, in UTC (RFC 3339).
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        /// Print the result as JSON: `{"identical", "entities": [{"entity", "expected", "actual",
        /// "missing", "extra", "changed", "used", "rows": [{"kind", "key", "columns"}]}]}`.
        #[arg(long)]
        json: bool,
    },
    /// Perform the migration without the cutover on a copy, while Synapse runs, and estimate the
    /// downtime. Creates two databases, and removes them. Exits with 0 if all data would arrive, 12
    /// if not, and 1 if the rehearsal failed.
    #[command(after_help = "Example: syn2mas rehearse --json | jq .downtime")]
    Rehearse {
        /// Only run mas-cli's own dry run, from Synapse's database to MAS's.
        #[arg(long)]
        dry_run: bool,
        /// Print the result as JSON: `{"identical", "entities", "parts", "start", "downtime",
        /// "backupSize", "masSize"}`.
        #[arg(long)]
        json: bool,
    },
    /// Return to Synapse's own authentication. Exits with 0 if that is done, 10 if it would lose
    /// data and `--accept-loss` was not given, and 1 if it failed. If it was interrupted, run it
    /// again to continue.
    #[command(after_help = "Example: syn2mas rollback --accept-loss")]
    Rollback {
        /// Roll back even if that loses sessions, users or changed passwords.
        #[arg(long)]
        accept_loss: bool,
        /// Only undo a migration that was interrupted before the cutover.
        #[arg(long, conflicts_with = "accept_loss")]
        interrupted: bool,
        /// Print the result as JSON: `{"done", "losses": [{"what", "count", "samples", "meaning"}]}`.
        #[arg(long)]
        json: bool,
    },
    /// Check whether users would be locked out if MAS authenticated them now. Exits with 10 if they
    /// would be, and with 0 if not or if Synapse's database cannot be queried. The NixOS module
    /// runs this before it switches.
    #[command(after_help = "Example: syn2mas guard --mas-database-uri postgresql:///mas")]
    Guard {
        /// Only check whether another syn2mas is running. Exits with 10 if one is.
        #[arg(long)]
        idle: bool,
    },
    /// Show the state of the migration, and the next command to run. Changes nothing.
    #[command(after_help = "Example: syn2mas status --json | jq -r .stage")]
    Status {
        /// Print the result as JSON: `{"stage", "summary", "next", "running", "held", "switches",
        /// "masDatabase", "synapse", "memory", "journal"}`.
        #[arg(long)]
        json: bool,
    },
}

/// An output format for MAS's configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Options of the NixOS module.
    #[default]
    Nix,
    /// MAS's own configuration file.
    Yaml,
    /// MAS's own configuration, as JSON.
    Json,
}

#[derive(Args)]
struct Migrate {
    /// Do not ask for confirmation.
    #[arg(long)]
    yes: bool,
    /// How much of Synapse's database to back up.
    #[arg(long, value_enum, default_value_t)]
    backup: BackupScope,
    /// File that contains a currently valid access token. The migration checks that the token still
    /// works afterwards.
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

/// Shows the findings and the plan, and asks for confirmation.
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
        "\nIf a step fails before MAS and Synapse are started, everything is undone. Begin? [y/N] "
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
        "Another syn2mas is running in {}. Wait until it has finished; `syn2mas status` shows its progress.",
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
            // A homeserver that does not exist yet has no users to lock out.
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
