//! `syn2mas`: migrates an existing homeserver to MAS, and verifies that nothing was lost.

mod exit;
mod failure;
mod output;
mod planning;
mod rate;
mod report;
mod requests;
mod time;
mod verdict;
mod view;
mod waiting;

use std::{
    fs,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::SystemTime,
};

use self::{
    exit::Ending,
    planning::{Prospect, WayBack},
    report::{ReportOptions, Reporting},
    verdict::Verdict,
    view::{Given, view},
};
use anyhow::{Context as _, Result, bail};
use clap::{
    Args, ColorChoice, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum,
};
use mas2nix::{
    codegen,
    migrate::{
        MigrateError,
        args::{Args as InputArgs, MANIFEST},
        clean::Cleaning,
        context::Context,
        control::{self, Request},
        cutover::{
            Migration, Outcome,
            host::Host as _,
            real_host::{self, MigrateOptions, RealHost, When},
        },
        journal, output_file,
        plan::{self, Basis, Plan},
        postgres::backup::BackupScope,
        preflight::{
            self,
            finding::Finding,
            lockout::{self, Circumstances},
        },
        rehearse,
        report::{Command as Reported, Ending as RunEnding},
        status::{self, LiveRecorder},
        system::signals::Signals,
        translate::{self, HostOptions, PublicUrl, Translation},
        verify::{self, Report},
    },
    util::{logging, yaml},
};
use tracing_subscriber::filter::LevelFilter;

const EXAMPLE: &str = "Example: syn2mas verify \
    --synapse-config /etc/matrix-synapse/homeserver.yaml --mas-config /etc/mas.yaml";

/// The heading of the options that every command has.
const SHARED: &str = "Options of all commands";

/// Migrates a homeserver from Synapse's own authentication to Matrix Authentication Service (MAS).
#[derive(Parser)]
#[command(
    name = "syn2mas",
    version,
    after_help = EXAMPLE,
    after_long_help = format!("{}\n\n{}\n\n{EXAMPLE}", exit::HELP, failure::HELP)
)]
struct Cli {
    #[command(flatten, next_help_heading = SHARED)]
    args: InputArgs,
    /// When to use colours. `auto`: on a terminal, unless `NO_COLOR` is set.
    #[arg(
        long,
        global = true,
        default_value = "auto",
        value_name = "WHEN",
        help_heading = SHARED
    )]
    color: ColorChoice,
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
        /// Print the result as JSON: `{"findings": [{"id", "severity", "count", "samples", "meaning",
        /// "fix", "help"}], "ready", "verdict", "next"}`.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        report: ReportOptions,
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
        /// Public address of MAS, such as `https://auth.example.com/`, for redirect URIs and routes. With
        /// `--format render`, `auth.` before the name of the homeserver by default.
        #[arg(long, value_name = "URL")]
        mas_url: Option<PublicUrl>,
        /// Print everything as JSON: `{"settings", "extraConfigFiles", "secrets": [{"file", "from"}],
        /// "left": [{"option", "reason"}]}`.
        #[arg(long, conflicts_with = "format")]
        json: bool,
    },
    /// Migrate the homeserver. Exits with 0 if it is migrated, 10 if there are blockers, and 1 if
    /// the migration failed. If it fails before the cutover, Synapse runs as before. If it was
    /// killed, run it again: it continues or rolls back.
    #[command(
        after_help = "Examples:\n  syn2mas migrate --yes --token-file /root/an-old-token\n  \
        syn2mas migrate --plan --out plan.json && syn2mas migrate plan.json"
    )]
    Migrate(Migrate),
    /// Tell a migration that runs with `--wait` or `--at` to cut over now. It catches up once more before
    /// that. Exits with 0 if it was told, and with 10 if no migration is waiting.
    #[command(after_help = "Example: syn2mas cutover && syn2mas status")]
    Cutover {
        /// Print the result as JSON: `{"told", "reason", "next"}`.
        #[arg(long)]
        json: bool,
    },
    /// Cancel a migration before the cutover, and remove everything that it has made. Also undoes one that
    /// was interrupted. Exits with 0 if nothing is left, 10 if the cutover has begun, and 1 if it failed.
    #[command(after_help = "Example: syn2mas cancel")]
    Cancel {
        /// Print the result as JSON: `{"result", "reason", "next"}`.
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
        #[arg(long, value_name = "TIME", value_parser = verify::checked_time)]
        since: Option<String>,
        /// Show all rows that differ, and not only the first five of each kind (with `--json`, the first
        /// 100).
        #[arg(long)]
        all: bool,
        /// Print the result as JSON: `{"identical", "imported", "atWork", "entities": [{"entity",
        /// "expected", "actual", "missing", "extra", "changed", "used", "rows": [{"kind", "key",
        /// "columns"}]}]}`. `imported` is false if MAS's database is empty, and `atWork` is true if a
        /// migration is following Synapse.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        report: ReportOptions,
    },
    /// Perform the migration without the cutover on a copy, while Synapse runs, and estimate the
    /// downtime. Creates two databases, and removes them. Exits with 0 if all data would arrive, 12
    /// if not, and 1 if the rehearsal failed.
    #[command(after_help = "Example: syn2mas rehearse --json | jq .downtime")]
    Rehearse {
        /// Only run mas-cli's own dry run, from Synapse's database to MAS's.
        #[arg(long, conflicts_with = "report")]
        dry_run: bool,
        /// Print the result as JSON: `{"identical", "entities", "parts", "start", "scan", "downtime",
        /// "backupSize", "masSize", "verdict", "next"}`.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        report: ReportOptions,
    },
    /// Return to Synapse's own authentication. Asks first on a terminal, and goes back at once elsewhere.
    /// Exits with 0 if that is done, 10 if it would lose data and `--accept-loss` was not given, and 1
    /// if it failed. If it was interrupted, run it again to continue.
    #[command(after_help = "Example: syn2mas rollback --plan && syn2mas rollback")]
    Rollback(Rollback),
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
        /// Print the result as JSON: `{"permitted", "reason"}`.
        #[arg(long)]
        json: bool,
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
    /// Show the state of the migration, and the next command to run. Changes nothing. Exits with 0 if it is
    /// known where the migration stands, or if one is at work, and with 1 if it is not known.
    #[command(after_help = "Example: syn2mas status --json | jq -r .stage")]
    Status {
        /// Print the result as JSON: `{"stage", "atWork", "live", "summary", "next", "running", "held",
        /// "cutoverFiles", "masDatabase", "synapse", "state", "journal"}`. `stage` is `not-begun`,
        /// `interrupted`, `cut-over`, `migrated`, `overlay-emptied`, `leaving` or `rolling-back`, or null if
        /// it is not known or a migration is at work.
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
    /// The file for `mas2nix render`, for a host without NixOS. The units of Synapse and of the proxy,
    /// and where programs are, are taken from the options below.
    Render,
}

#[derive(Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are options of the command line"
)]
struct Migrate {
    /// A plan that `--plan --out FILE` has written. The migration does exactly what it says, or nothing if
    /// something has changed since.
    #[arg(value_name = "PLAN")]
    plan_file: Option<PathBuf>,
    /// Print what would be done, and what it is expected to cost in downtime and disk space. Migrates
    /// nothing.
    #[arg(long, conflicts_with_all = ["plan_file", "yes", "report"])]
    plan: bool,
    /// Write the plan to this file, which has no secrets.
    #[arg(long, value_name = "FILE", requires = "plan")]
    out: Option<PathBuf>,
    /// Do not ask for confirmation.
    #[arg(long)]
    yes: bool,
    /// How much of Synapse's database to back up.
    #[arg(long, value_enum, default_value_t, conflicts_with = "plan_file")]
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
    #[arg(long, value_name = "TIME", value_parser = time::parse, conflicts_with = "wait")]
    at: Option<SystemTime>,
    /// Copy at most so many bytes of Synapse's tables in a second, for example 20M. The suffixes k, M and G
    /// count in 1024.
    #[arg(long, value_name = "RATE", value_parser = rate::parse, conflicts_with = "plan_file")]
    max_rate: Option<u64>,
    /// Print the result as JSON: `{"result", "step", "error", "left", "reason", "changes", "findings",
    /// "verdict", "summary", "plan", "next"}`, as far as `result` has them. It is `migrated`,
    /// `already-migrated`, `planned`, `blocked`, `refused`, `declined`, `rolled-back`,
    /// `failed-and-reverted` or `rollback-incomplete`.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    report: ReportOptions,
}

#[derive(Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are options of the command line"
)]
struct Rollback {
    /// Show what would be done, or else what would be lost. Changes nothing.
    #[arg(long, conflicts_with_all = ["interrupted", "lost_journal", "yes"])]
    plan: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// Roll back even if that loses sessions, users or changed passwords.
    #[arg(long)]
    accept_loss: bool,
    /// Only undo a migration that was interrupted before the cutover.
    #[arg(long, conflicts_with = "accept_loss")]
    interrupted: bool,
    /// Roll back although the journal is lost. What was begun is taken from MAS's database.
    #[arg(long, conflicts_with = "interrupted")]
    lost_journal: bool,
    /// Print the result as JSON: `{"done", "result", "losses": [{"what", "count", "samples",
    /// "meaning"}], "reason", "step", "error", "left", "actions", "next"}`, as far as `result` has them. A
    /// plan that does not look for losses has null in their place.
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    logging::begin(LevelFilter::ERROR);
    let parsed = Cli::command().try_get_matches().and_then(|matches| {
        let cli = Cli::from_arg_matches(&matches)?;
        view::set(cli.color, Given::of(&Cli::command(), &matches));
        Ok(cli)
    });
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return failure::wrong_usage(&error),
    };
    let json = cli.command.is_json();
    let ending = match Box::pin(run(cli)).await {
        Ok(ending) => ending,
        Err(error) => failure::report(&error, json),
    };
    ending.exit_code()
}

impl Command {
    fn is_json(&self) -> bool {
        match self {
            Command::Migrate(options) => options.json,
            Command::Rollback(options) => options.json,
            Command::Inspect { json, .. }
            | Command::Translate { json, .. }
            | Command::Cutover { json }
            | Command::Cancel { json }
            | Command::Verify { json, .. }
            | Command::Rehearse { json, .. }
            | Command::Guard { json, .. }
            | Command::Clean { json, .. }
            | Command::Status { json } => *json,
            Command::PackageFiles { .. } => false,
        }
    }
}

/// Work that changes nothing, and ends with an error after SIGINT or SIGTERM.
async fn interruptible<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut signals = Signals::listen()?;
    let work = Box::pin(async { Ok::<_, MigrateError>(work.await) });
    signals.run(work).await?
}

async fn run(cli: Cli) -> Result<Ending> {
    if let Command::Guard {
        idle,
        assume_moved,
        synapse_directory,
        json,
    } = cli.command
    {
        if idle {
            return run_idle(&cli.args.state(), json);
        }
        let circumstances = Circumstances {
            assume_moved,
            synapse_directory,
        };
        let context = Context::new(cli.args.with_manifest()?);
        let work = Box::pin(run_guard(context, &circumstances, json));
        return interruptible(work).await;
    }
    if let Command::PackageFiles { out } = &cli.command {
        codegen::write_all(out, &codegen::package_files(&Cli::command())?)?;
        return Ok(Ending::Good);
    }
    let context = Context::of(cli.args)?;
    match cli.command {
        Command::Inspect { json, report } => {
            interruptible(Box::pin(run_inspect(&context, json, &report))).await
        }
        Command::Translate {
            format,
            secrets,
            write_secrets,
            mas_url,
            json,
        } => {
            let directory = write_secrets.as_deref().unwrap_or(&secrets);
            let (synapse, url) = (context.synapse()?, mas_url.as_ref());
            let is_written = write_secrets.is_some();
            if format == Format::Render {
                let tools = std::env::current_exe().context("cannot find this program")?;
                let host = translate::for_host(synapse, directory, url, &context.args, &tools)?;
                return run_translate_host(&host, is_written);
            }
            let translation = translate::translate(synapse, directory, url)?;
            if is_written {
                translation.write_secrets()?;
            }
            run_translate(&translation, format, json, is_written)
        }
        Command::Migrate(options) => Box::pin(run_migrate(&context, options)).await,
        Command::Verify {
            backup,
            since,
            all,
            json,
            report,
        } => {
            let mut later = verify::PostCutoverVerification::of(&context, backup, since)?;
            later.show_all = all;
            Box::pin(run_verify(&context, later, json, &report)).await
        }
        Command::Rehearse {
            dry_run,
            json,
            report,
        } => run_rehearse(&context, dry_run, json, &report).await,
        Command::Rollback(options) => Box::pin(run_rollback(&context, options)).await,
        Command::Cutover { json } => requests::run_cutover(&context, json).await,
        Command::Cancel { json } => Box::pin(requests::run_cancel(&context, json)).await,
        Command::Clean { all, yes, json } => run_clean(&context, all, yes, json).await,
        Command::Guard { .. } | Command::PackageFiles { .. } => {
            unreachable!("they need less than the others")
        }
        Command::Status { json } => interruptible(Box::pin(run_status(&context, json))).await,
    }
}

async fn run_inspect(context: &Context, json: bool, report: &ReportOptions) -> Result<Ending> {
    let mut report = Reporting::begin(report, Reported::Inspect, context).await?;
    if let Some(reason) = waiting::not_to_inspect(context)? {
        return reason.print(json);
    }
    let findings = preflight::inspect(context, BackupScope::default()).await;
    let findings = report.unless_failed(findings).await?;
    let verdict = verdict_of(context, &findings).await;
    let mut out = io::stdout().lock();
    if json {
        let report = serde_json::json!({
            "findings": findings, "ready": verdict.ready, "verdict": verdict.text, "next": verdict.next,
        });
        writeln!(out, "{report:#}")?;
    } else {
        output::findings(&mut out, view().out, &findings)?;
        verdict.print(&mut out, view().out)?;
    }
    report.finish(RunEnding::Inspected(&findings)).await?;
    Ok(Ending::from(&*findings))
}

/// The verdict, with what would be imported if that can be counted.
async fn verdict_of(context: &Context, findings: &[Finding]) -> Verdict {
    let imported = match context.synapse_database() {
        Ok(synapse) if Ending::from(findings) != Ending::Blocked => {
            verify::to_import(synapse).await.ok()
        }
        _ => None,
    };
    Verdict::of(findings, imported, |command| view().given.next(command))
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
        Format::Render => unreachable!("it needs more than the others"),
    }
    output::translation(&mut io::stderr().lock(), view().err, translation, written)?;
    Ok(Ending::Good)
}

fn run_translate_host(host: &HostOptions, write: bool) -> Result<Ending> {
    if write {
        host.translation.write_secrets()?;
    }
    write!(io::stdout(), "{}", yaml::document(&host.options))?;
    let mut err = io::stderr().lock();
    output::translation(&mut err, view().err, &host.translation, write)?;
    output::left(&mut err, view().err, "To check:", &host.left)?;
    Ok(Ending::Good)
}

async fn run_migrate(context: &Context, given: Migrate) -> Result<Ending> {
    let mut report = Reporting::begin(&given.report, Reported::Migrate, context).await?;
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
    if let Some(file) = &given.out {
        output_file::check("--out", file, plan::BEGINNING)?;
    }
    let planned = given.plan_file.as_deref().map(Plan::read).transpose()?;
    let basis = planned.as_ref().map(|plan| &plan.basis);
    let options = MigrateOptions {
        scope: basis.map_or(given.backup, |basis| basis.backup),
        token,
        max_rate: basis.map_or(given.max_rate, |basis| basis.max_rate),
        when: match given.at {
            Some(time) => When::At(time),
            None if given.wait => When::Told,
            None => When::Now,
        },
    };
    let host = RealHost::open(context, options.clone());
    let mut host = report.unless_failed(host).await?;
    let alone = real_host::make_sure_nobody_else_migrates(context, host.state());
    let alone = interruptible(async { Ok(Box::pin(alone).await) }).await?;
    report.unless_failed(alone).await?;
    let is_planning = given.plan || planned.is_some();
    if is_planning || !given.yes {
        let looked = Box::pin(planning::look(context, &options, &mut host));
        let prospect = match interruptible(looked).await? {
            Ok(prospect) => prospect,
            Err(outcome) => {
                let ending = report_outcome(&outcome, given.json);
                report.finish_anyway(RunEnding::Migrated(&outcome)).await;
                return Ok(ending);
            }
        };
        if given.plan {
            let printed = planning::print(
                context,
                &options,
                &prospect,
                given.out.as_deref(),
                given.json,
            );
            return interruptible(Box::pin(printed)).await;
        }
        if let Some(planned) = &planned {
            let now = Basis::now(context, &options, prospect.subject(), &prospect.findings);
            let changes = planned
                .basis
                .changes(&interruptible(async { Ok(now.await?) }).await?);
            if !changes.is_empty() {
                return planning::refuse(planned, &changes, given.json);
            }
        }
        if !given.yes && !interruptible(Box::pin(agreed(context, &prospect))).await? {
            declined(given.json)?;
            return Ok(Ending::Failed);
        }
    }
    let state = context.state();
    let mut reporter = output::Reporter::new(given.json);
    let mut live = LiveRecorder::new(state.clone(), given.wait || given.at.is_some());
    let signals = Some(Signals::listen()?);
    let migration = Migration::new(&mut host, signals, |event| {
        live.on_event(&event);
        report.on_event(&event);
        reporter.on_event(&event);
    });
    let migration = migration.cancelled_by(Request::Cancel.file(&state));
    let outcome = Box::pin(migration.migrate()).await;
    drop(reporter);
    control::clear(&state)?;
    let outcome = report.unless_failed(outcome).await?;
    let ending = report_outcome(&outcome, given.json);
    report.finish_anyway(RunEnding::Migrated(&outcome)).await;
    Ok(ending)
}

fn declined(json: bool) -> io::Result<()> {
    eprintln!("nothing was done");
    if json {
        let value = serde_json::json!({"result": "declined"});
        writeln!(io::stdout(), "{value:#}")?;
    }
    Ok(())
}

fn report_outcome(outcome: &Outcome, json: bool) -> Ending {
    let mut out = io::stdout().lock();
    // Even if nobody reads it, this is how it ended.
    let _ = if json {
        writeln!(out, "{:#}", output::outcome_as_json(&view().given, outcome))
    } else {
        output::outcome(&mut out, view(), outcome)
    };
    Ending::from(outcome)
}

/// Shows the findings and the plan, and asks for confirmation. Does not ask if nothing would be done.
async fn agreed(context: &Context, prospect: &Prospect) -> Result<bool> {
    if prospect.steps.is_empty() {
        return Ok(true);
    }
    let mut err = io::stderr();
    let style = view().err;
    if prospect.has_inspected() {
        output::findings(&mut err, style, &prospect.findings)?;
        let verdict = verdict_of(context, &prospect.findings).await;
        verdict.before_a_question().print(&mut err, style)?;
        writeln!(err)?;
    }
    planning::print_actions(&mut err, style, &prospect.actions)?;
    let question =
        "If a step fails before MAS and Synapse are started, everything is undone. Begin?";
    writeln!(err)?;
    confirmed(question).await
}

/// Asks a question on the terminal.
async fn confirmed(question: &str) -> Result<bool> {
    if !io::stdin().is_terminal() {
        bail!("not a terminal: pass `--yes` to confirm");
    }
    eprint!("{} [y/N] ", view().err.folded(question));
    io::stderr().flush()?;
    let (send, receive) = tokio::sync::oneshot::channel();
    // A thread of its own, which nobody waits for if a signal comes before the answer.
    std::thread::spawn(move || {
        let mut answer = String::new();
        let read = io::stdin().read_line(&mut answer);
        let _ = send.send(read.map(|_| answer));
    });
    let answer = receive.await??;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn report_rollback(outcome: &Outcome, json: bool) -> Ending {
    let mut out = io::stdout().lock();
    // Even if nobody reads it, this is how it ended.
    let _ = if json {
        writeln!(
            out,
            "{:#}",
            output::rollback_as_json(&view().given, outcome)
        )
    } else {
        output::rollback(&mut out, view(), outcome)
    };
    Ending::from(outcome)
}

async fn run_rollback(context: &Context, given: Rollback) -> Result<Ending> {
    let Rollback {
        accept_loss, json, ..
    } = given;
    let mut host = RealHost::open(context, MigrateOptions::default())?;
    if !given.interrupted {
        let alone = real_host::make_sure_nobody_else_migrates(context, host.state());
        interruptible(async { Ok(Box::pin(alone).await?) }).await?;
    }
    let is_certain = given.yes || given.interrupted || given.lost_journal;
    if given.plan || (io::stdin().is_terminal() && !is_certain) {
        let looked = WayBack::look(&mut host, accept_loss);
        let way_back = match interruptible(async { Ok(Box::pin(looked).await) }).await? {
            Ok(way_back) => way_back,
            Err(outcome) => return Ok(report_rollback(&outcome, json)),
        };
        if given.plan {
            return way_back.print(json);
        }
        planning::print_actions(&mut io::stderr(), view().err, &way_back.actions)?;
        if !interruptible(confirmed(way_back.question())).await? {
            declined(json)?;
            return Ok(Ending::Failed);
        }
    }
    let mut reporter = output::Reporter::new(json);
    let signals = Some(Signals::listen()?);
    let migration = Migration::new(&mut host, signals, |event| reporter.on_event(&event));
    let outcome = if given.interrupted {
        Box::pin(migration.undo_interrupted()).await?
    } else {
        Box::pin(migration.roll_back(accept_loss, given.lost_journal)).await?
    };
    drop(reporter);
    Ok(report_rollback(&outcome, json))
}

async fn run_clean(context: &Context, all: bool, yes: bool, json: bool) -> Result<Ending> {
    let is_rehearsing = context.args.rehearsal().exists() && context.is_rehearsing().await?;
    let cleaning = Cleaning::of(&context.args, all, is_rehearsing)?;
    // What has no database to ask has no copy either.
    let is_needed = status::needs_copy(status::stage(context, cleaning.state()).await);
    let copies = context.unneeded_copies(is_needed).await.unwrap_or_default();
    output::leftovers(view().err, &cleaning.found, &copies);
    let is_empty = cleaning.found.is_empty() && copies.is_empty();
    let agreed = yes || is_empty || interruptible(confirmed("Delete them?")).await?;
    let deleted = if agreed {
        for copy in &copies {
            context.drop_copy(copy).await?;
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

fn run_idle(state: &Path, json: bool) -> Result<Ending> {
    let reason = journal::is_in_use(state)?.then(|| {
        format!(
            "Another syn2mas is running, and has locked the journal in {}. Wait until it has finished; \
             `syn2mas status` shows its progress.",
            state.display()
        )
    });
    permitted(reason.as_deref(), json)
}

async fn run_guard(context: Context, circumstances: &Circumstances, json: bool) -> Result<Ending> {
    let reason = lockout::locked_out(context, circumstances).await;
    let reason = reason.map(|reason| format!("{reason}."));
    permitted(reason.as_deref(), json)
}

/// Prints why something is not permitted. None if it is.
fn permitted(reason: Option<&str>, json: bool) -> Result<Ending> {
    if json {
        let value = serde_json::json!({"permitted": reason.is_none(), "reason": reason});
        writeln!(io::stdout(), "{value:#}")?;
    } else if let Some(reason) = reason {
        eprintln!("{}", view().err.folded(reason));
    }
    Ok(match reason {
        None => Ending::Good,
        Some(_) => Ending::Blocked,
    })
}

async fn run_status(context: &Context, json: bool) -> Result<Ending> {
    let mut status = status::status(context).await?;
    status.next = status.next.map(|command| view().given.next(&command));
    let args = &context.args;
    let has_nothing = args.synapse_config.is_empty() && args.mas_config.is_empty();
    if has_nothing && status.stage.is_none() && !status.at_work && status.state.migration.is_none()
    {
        status.summary = format!(
            "It is not known whether a migration was begun: no configuration was given, and there is none in \
             {}. Pass `--manifest FILE`, or the options that `syn2mas --help` lists.",
            args.manifest
                .as_deref()
                .unwrap_or(Path::new(MANIFEST))
                .display()
        );
    }
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&status)?)?;
    } else {
        output::status(&mut out, view().out, &status)?;
    }
    Ok(Ending::from(&status))
}

async fn run_rehearse(
    context: &Context,
    dry_run: bool,
    json: bool,
    report: &ReportOptions,
) -> Result<Ending> {
    let mut report = Reporting::begin(report, Reported::Rehearse, context).await?;
    let mut reporter = output::Reporter::new(json);
    if dry_run {
        rehearse::dry_run(context, |progress| reporter.on_progress(progress)).await?;
        drop(reporter);
        let mut out = io::stdout().lock();
        if json {
            writeln!(out, "{{}}")?;
        } else {
            writeln!(out, "mas-cli would import everything.")?;
        }
        return Ok(Ending::Good);
    }
    let rehearsal = rehearse::rehearse(context, |event| {
        report.on_rehearsal_event(&event);
        reporter.on_rehearsal_event(&event);
    });
    let rehearsal = rehearsal.await;
    drop(reporter);
    let rehearsal = report.unless_failed(rehearsal).await?;
    let mut out = io::stdout().lock();
    if json {
        let next = |command: &str| view().given.next(command);
        let verdict = Verdict::of_rehearsal(&rehearsal.entities, next);
        let mut value = serde_json::to_value(&rehearsal)?;
        value["verdict"] = verdict.text.into();
        value["next"] = verdict.next.into();
        writeln!(out, "{value:#}")?;
    } else {
        output::rehearsal(&mut out, view(), &rehearsal)?;
    }
    report.finish(RunEnding::Rehearsed(&rehearsal)).await?;
    Ok(Ending::of_comparison(rehearsal.identical))
}

async fn run_verify(
    context: &Context,
    later: verify::PostCutoverVerification,
    json: bool,
    report: &ReportOptions,
) -> Result<Ending> {
    let style = view().out;
    let waits = waiting::while_verifying(context, &later)?;
    let mut page = Reporting::begin(report, Reported::Verify, context).await?;
    if !later.is_after_cutover() && interruptible(waiting::is_nothing_imported(context)).await? {
        return waiting::nothing_imported(json);
    }
    let mut out = io::stdout().lock();
    if !json {
        if let Some(note) = waits {
            writeln!(out, "{}\n", style.wrapped(note, "note: "))?;
        }
        output::report_head(&mut out, style)?;
    }
    let work = later.verify(context, |report| {
        if !json {
            let _ = output::report_line(&mut out, style, report);
        }
    });
    // It listens to signals itself, because it has something to remove.
    let work = Box::pin(work);
    let reports = if later.has_backup() {
        work.await
    } else {
        interruptible(async { Ok(work.await) }).await?
    };
    let reports = page.unless_failed(reports).await?;
    let identical = reports.iter().all(Report::is_identical);
    if json {
        let report = serde_json::json!({
            "identical": identical, "imported": true, "atWork": waits.is_some(), "entities": reports,
        });
        writeln!(out, "{report:#}")?;
    } else {
        print_comparison(&mut out, &reports, later.show_all, waits.is_some())?;
    }
    page.finish(RunEnding::Verified(&reports)).await?;
    Ok(Ending::of_comparison(identical))
}

/// Prints the rows that differ, all or the first ones, and the verdict. `at_work` says whether a migration may
/// have changed rows meanwhile.
fn print_comparison(
    out: &mut impl io::Write,
    reports: &[Report],
    all: bool,
    at_work: bool,
) -> io::Result<()> {
    let style = view().out;
    for report in reports {
        output::rows(out, style, report, all)?;
    }
    let identical = reports.iter().all(Report::is_identical);
    let (color, verdict) = match (identical, at_work) {
        (true, _) => (style.colors.green, "identical"),
        (false, false) => (style.colors.red, "the databases differ"),
        (false, true) => (
            style.colors.yellow,
            "the databases differ, perhaps only in what has changed since the last round",
        ),
    };
    writeln!(out, "\n{color}{verdict}{}", style.colors.reset)?;
    if !identical && !all {
        let again = view().given.again("syn2mas verify");
        verdict::print_command(out, style, "All rows:", &format!("{again} --all"))?;
    }
    Ok(())
}
