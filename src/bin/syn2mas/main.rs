//! `syn2mas`: migrates an existing homeserver to MAS, and verifies that nothing was lost.

mod exit;
mod output;
mod rate;
mod requests;
mod time;

use std::{
    fs,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::SystemTime,
};

use self::exit::Ending;
use anyhow::{Context as _, Result, bail};
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use mas2nix::{
    codegen,
    migrate::{
        args::Args as InputArgs,
        clean::Cleaning,
        context::Context,
        control::{self, Request},
        cutover::{
            Migration, Outcome, Step,
            decide::Decision,
            following,
            real_host::{MigrateOptions, RealHost, When},
        },
        journal,
        postgres::backup::BackupScope,
        preflight::{
            self,
            lockout::{self, Circumstances},
        },
        rehearse,
        status::{self, LiveRecorder},
        system::signals::Signals,
        translate::{self, Translation},
        verify::{self, Report},
    },
    util::{error_text, logging, yaml},
};
use tracing_subscriber::filter::LevelFilter;

const EXAMPLE: &str = "Example: syn2mas verify \
    --synapse-config /etc/matrix-synapse/homeserver.yaml --mas-config /etc/mas.yaml";

/// Migrates a homeserver from Synapse's own authentication to Matrix Authentication Service (MAS).
#[derive(Parser)]
#[command(
    name = "syn2mas",
    version,
    after_help = EXAMPLE,
    after_long_help = format!("{}\n\n{EXAMPLE}", exit::HELP)
)]
struct Cli {
    #[command(flatten)]
    args: InputArgs,
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
        /// "meaning", "fix", "help"}]}`.
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
    /// Tell a migration that runs with `--wait` or `--at` to cut over now. It catches up once more before
    /// that. Exits with 0 if it was told, and with 10 if no migration is waiting.
    #[command(after_help = "Example: syn2mas cutover && syn2mas status")]
    Cutover {
        /// Print the result as JSON: `{"told", "reason"}`.
        #[arg(long)]
        json: bool,
    },
    /// Cancel a migration before the cutover, and remove everything that it has made. Also undoes one that
    /// was interrupted. Exits with 0 if nothing is left, 10 if the cutover has begun, and 1 if it failed.
    #[command(after_help = "Example: syn2mas cancel")]
    Cancel {
        /// Print the result as JSON: `{"result", "reason"}`.
        #[arg(long)]
        json: bool,
    },
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
        /// Print the result as JSON: `{"identical", "entities", "parts", "start", "scan", "downtime",
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
        /// Roll back although the journal is lost. What was begun is taken from MAS's database.
        #[arg(long, conflicts_with = "interrupted")]
        lost_journal: bool,
        /// Print the result as JSON: `{"done", "losses": [{"what", "count", "samples", "meaning"}]}`.
        #[arg(long)]
        json: bool,
    },
    /// Check whether users would be locked out if MAS authenticated them now. Exits with 0 if it is certain
    /// that they would not be, and with 10 if they would be or if that is unknown. It is certain if Synapse
    /// has no sessions of people, or if MAS's database says that this homeserver was migrated to it. The
    /// NixOS module runs this before it switches.
    #[command(after_help = "Example: syn2mas guard --mas-database-uri postgresql:///mas")]
    Guard {
        /// Only check whether another syn2mas is running. Exits with 10 if one is.
        #[arg(long)]
        idle: bool,
        /// Assume that the homeserver was migrated, unless MAS's database has no users.
        #[arg(long, conflicts_with = "idle")]
        assume_moved: bool,
        /// Synapse's own directory. If it does not exist, and systemd knows no unit of Synapse's, there is
        /// no homeserver on this host yet, so its database need not be reached.
        #[arg(long, value_name = "DIR", conflicts_with = "idle")]
        synapse_directory: Option<PathBuf>,
    },
    /// Delete the backups of earlier migrations and the files of killed runs, which contain password
    /// hashes and tokens. Lists them first, and asks for confirmation. Exits with 0.
    #[command(after_help = "Example: syn2mas clean --yes")]
    Clean {
        /// Delete the backup of this migration too. Afterwards `rollback` empties MAS's database
        /// instead of restoring it, and `verify` has nothing to compare with.
        #[arg(long)]
        all: bool,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
        /// Print what was deleted as JSON: `{"deleted": [{"path", "bytes", "meaning"}]}`.
        #[arg(long)]
        json: bool,
    },
    /// Write man pages and shell completions of this program, for packages.
    #[command(
        hide = true,
        after_help = "Example: syn2mas package-files --out /usr/local/share"
    )]
    PackageFiles {
        /// Directory to write to: the package's `share`.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Show the state of the migration, and the next command to run. Changes nothing.
    #[command(after_help = "Example: syn2mas status --json | jq -r .stage")]
    Status {
        /// Print the result as JSON: `{"stage", "atWork", "live", "summary", "next", "running", "held",
        /// "cutoverFiles", "masDatabase", "synapse", "state", "journal"}`.
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
    /// Keep catching up with Synapse until `syn2mas cutover`, and cut over then.
    #[arg(long)]
    wait: bool,
    /// Keep catching up with Synapse, and cut over at this time: HH:MM of this host's time zone, or a date
    /// and time such as 2026-01-31T03:00:00Z (RFC 3339).
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    at: Option<SystemTime>,
    /// Copy at most so many bytes of Synapse's tables in a second, for example 20M. The suffixes k, M and G
    /// count in 1024.
    #[arg(long, value_name = "RATE", value_parser = rate::parse)]
    max_rate: Option<u64>,
    /// Print the result as JSON: `{"result", "step", "error", "left", "findings", "summary"}`.
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    logging::begin(LevelFilter::ERROR);
    let ending = match Box::pin(run(Cli::parse())).await {
        Ok(ending) => ending,
        Err(error) => {
            let text = error_text::with_causes(&*error);
            // If nobody is there to read it, the exit code still says it.
            let _ = writeln!(io::stderr(), "syn2mas: {text}");
            Ending::Failed
        }
    };
    ending.exit_code()
}

async fn run(cli: Cli) -> Result<Ending> {
    if let Command::Guard {
        idle,
        assume_moved,
        synapse_directory,
    } = cli.command
    {
        if idle {
            return run_idle(&cli.args.state());
        }
        let circumstances = Circumstances {
            assume_moved,
            synapse_directory,
        };
        return run_guard(Context::new(cli.args.with_manifest()?), &circumstances).await;
    }
    if let Command::PackageFiles { out } = &cli.command {
        codegen::write_all(out, &codegen::package_files(&Cli::command())?)?;
        return Ok(Ending::Good);
    }
    let context = Context::of(cli.args)?;
    match cli.command {
        Command::Inspect { json } => run_inspect(&context, json).await,
        Command::Translate {
            format,
            secrets,
            write_secrets,
            json,
        } => {
            let directory = write_secrets.as_deref().unwrap_or(&secrets);
            let translation = translate::translate(context.synapse()?, directory)?;
            if write_secrets.is_some() {
                translation.write_secrets()?;
            }
            run_translate(&translation, format, json, write_secrets.is_some())
        }
        Command::Migrate(options) => Box::pin(run_migrate(&context, options)).await,
        Command::Verify {
            backup,
            since,
            json,
        } => run_verify(&context, backup, since, json).await,
        Command::Rehearse { dry_run, json } => run_rehearse(&context, dry_run, json).await,
        Command::Rollback {
            accept_loss,
            interrupted,
            lost_journal,
            json,
        } => {
            let mut reporter = output::Reporter::new(json);
            let mut host = RealHost::open(&context, MigrateOptions::default())?;
            let signals = Some(Signals::listen()?);
            let migration = Migration::new(&mut host, signals, |event| reporter.on_event(&event));
            let outcome = if interrupted {
                Box::pin(migration.undo_interrupted()).await?
            } else {
                Box::pin(migration.roll_back(accept_loss, lost_journal)).await?
            };
            Ok(report_rollback(&outcome, json))
        }
        Command::Cutover { json } => requests::run_cutover(&context, json),
        Command::Cancel { json } => Box::pin(requests::run_cancel(&context, json)).await,
        Command::Clean { all, yes, json } => run_clean(&context, all, yes, json).await,
        Command::Guard { .. } | Command::PackageFiles { .. } => {
            unreachable!("they need less than the others")
        }
        Command::Status { json } => run_status(&context, json).await,
    }
}

async fn run_inspect(context: &Context, json: bool) -> Result<Ending> {
    let findings = preflight::inspect(context, BackupScope::default()).await?;
    let mut out = io::stdout().lock();
    if json {
        let report = serde_json::json!({"findings": findings});
        writeln!(out, "{report:#}")?;
    } else {
        output::findings(&mut out, &findings)?;
    }
    let ending = Ending::from(&*findings);
    if ending == Ending::Good && !json {
        writeln!(out, "ready")?;
    }
    Ok(ending)
}

fn run_translate(
    translation: &Translation,
    format: Format,
    json: bool,
    written: bool,
) -> Result<Ending> {
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(translation)?)?;
        return Ok(Ending::Good);
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
    Ok(Ending::Good)
}

async fn run_migrate(context: &Context, given: Migrate) -> Result<Ending> {
    let token = match &given.token_file {
        Some(file) => {
            let token = fs::read_to_string(file);
            Some(
                token
                    .with_context(|| format!("cannot read {}", file.display()))?
                    .trim()
                    .to_owned(),
            )
        }
        None => None,
    };
    let options = MigrateOptions {
        scope: given.backup,
        token,
        max_rate: given.max_rate,
        when: match given.at {
            Some(time) => When::At(time),
            None if given.wait => When::Told,
            None => When::Now,
        },
    };
    let mut reporter = output::Reporter::new(given.json);
    let mut host = RealHost::open(context, options)?;
    if !given.yes && !agreed(context, given.backup, &mut host).await? {
        eprintln!("nothing was done");
        return Ok(Ending::Failed);
    }
    let state = context.state();
    control::clear(&state)?;
    let mut live = LiveRecorder::new(state.clone());
    let signals = Some(Signals::listen()?);
    let migration = Migration::new(&mut host, signals, |event| {
        live.on_event(&event);
        reporter.on_event(&event);
    });
    let migration = migration.cancelled_by(Request::Cancel.file(&state));
    let outcome = Box::pin(migration.migrate()).await;
    control::clear(&state)?;
    let outcome = outcome?;
    let mut out = io::stdout().lock();
    // Even if nobody reads it, this is how it ended.
    let _ = if given.json {
        writeln!(out, "{:#}", output::outcome_as_json(&outcome))
    } else {
        output::outcome(&mut out, &outcome)
    };
    Ok(Ending::from(&outcome))
}

/// Shows the findings and the plan, and asks for confirmation. Does not ask if nothing would be done.
async fn agreed(context: &Context, scope: BackupScope, host: &mut RealHost<'_>) -> Result<bool> {
    let (Decision::Forward(steps) | Decision::Back(steps)) =
        Migration::new(host, None, |_| {}).plan().await
    else {
        return Ok(true);
    };
    if steps.contains(&Step::Inspect) {
        let findings = preflight::inspect(context, scope).await?;
        if Ending::from(&*findings) == Ending::Blocked {
            return Ok(true);
        }
        output::findings(&mut io::stderr().lock(), &findings)?;
    }
    let plan = steps.iter().filter_map(|step| host.describe(*step));
    for (i, line) in plan.enumerate() {
        eprintln!("{:>3}. {line}", i + 1);
    }
    confirmed("\nIf a step fails before MAS and Synapse are started, everything is undone. Begin?")
}

/// Asks a question on the terminal.
fn confirmed(question: &str) -> Result<bool> {
    if !io::stdin().is_terminal() {
        bail!("not a terminal: pass `--yes` to confirm");
    }
    eprint!("{question} [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn report_rollback(outcome: &Outcome, json: bool) -> Ending {
    let mut out = io::stdout().lock();
    // Even if nobody reads it, this is how it ended.
    let _ = if json {
        writeln!(out, "{:#}", output::rollback_as_json(outcome))
    } else {
        output::rollback(&mut out, outcome)
    };
    Ending::from(outcome)
}

async fn run_clean(context: &Context, all: bool, yes: bool, json: bool) -> Result<Ending> {
    let is_rehearsing = context.args.rehearsal().exists() && context.is_rehearsing().await?;
    let cleaning = Cleaning::of(&context.args, all, is_rehearsing)?;
    // What has no database to ask has no copy either.
    let copy = if cleaning.needs_no_copy {
        following::left_behind(context).await.unwrap_or_default()
    } else {
        None
    };
    output::leftovers(&cleaning.found, copy.as_ref());
    let is_empty = cleaning.found.is_empty() && copy.is_none();
    let agreed = yes || is_empty || confirmed("Delete them?")?;
    let deleted = if agreed {
        if copy.is_some() {
            following::drop_left_behind(context).await?;
        }
        cleaning.delete()?
    } else {
        Vec::new()
    };
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{:#}", serde_json::json!({"deleted": deleted}))?;
    } else if agreed {
        let bytes = deleted.iter().map(|leftover| leftover.bytes).sum();
        writeln!(out, "{} freed", indicatif::HumanBytes(bytes))?;
    } else {
        writeln!(out, "nothing was deleted")?;
    }
    Ok(Ending::Good)
}

fn run_idle(state: &Path) -> Result<Ending> {
    if !journal::is_in_use(state)? {
        return Ok(Ending::Good);
    }
    eprintln!(
        "Another syn2mas is running, and has locked the journal in {}. Wait until it has finished; \
         `syn2mas status` shows its progress.",
        state.display()
    );
    Ok(Ending::Blocked)
}

async fn run_guard(context: Context, circumstances: &Circumstances) -> Result<Ending> {
    match lockout::locked_out(context, circumstances).await {
        None => Ok(Ending::Good),
        Some(reason) => {
            eprintln!("{reason}.");
            Ok(Ending::Blocked)
        }
    }
}

async fn run_status(context: &Context, json: bool) -> Result<Ending> {
    let status = status::status(context).await?;
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&status)?)?;
    } else {
        output::status(&mut out, &status)?;
    }
    Ok(Ending::Good)
}

async fn run_rehearse(context: &Context, dry_run: bool, json: bool) -> Result<Ending> {
    let mut reporter = output::Reporter::new(json);
    let mut out = io::stdout().lock();
    if dry_run {
        rehearse::dry_run(context, |progress| reporter.on_progress(progress)).await?;
        if json {
            writeln!(out, "{{}}")?;
        } else {
            writeln!(out, "mas-cli would import everything.")?;
        }
        return Ok(Ending::Good);
    }
    let rehearsal =
        rehearse::rehearse(context, |event| reporter.on_rehearsal_event(&event)).await?;
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&rehearsal)?)?;
    } else {
        output::rehearsal(&mut out, &rehearsal)?;
    }
    Ok(Ending::of_comparison(rehearsal.identical))
}

async fn run_verify(
    context: &Context,
    backup: Option<PathBuf>,
    since: Option<String>,
    json: bool,
) -> Result<Ending> {
    let later = verify::PostCutoverVerification::of(context, backup, since)?;
    let mut out = io::stdout().lock();
    if !json {
        output::report_head(&mut out)?;
    }
    let reports = later
        .verify(context, |report| {
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
    Ok(Ending::of_comparison(identical))
}
