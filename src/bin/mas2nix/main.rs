//! `mas2nix`: compiles the schema of MAS's configuration into the NixOS module, and checks
//! configurations against it.

mod check;
mod explain;
mod output;
mod render;
mod report;

use std::{ffi::OsString, fs, io::Write, path::PathBuf, process::ExitCode};

use anyhow::{Context, Result, bail};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use mas2nix::{
    codegen::{self, docs},
    config::{diff, tree},
    migrate::{preflight::catalogue, step_failures},
    rules,
    schema::NEWEST,
    util::{error_text, logging},
};
use semver::Version;
use tracing_subscriber::filter::LevelFilter;

use self::{check::EXIT_CODES, output::note, report::Format};

/// Exit code for a wrong configuration, stale files, or drift.
const FOUND: u8 = 1;
/// Exit code for wrong usage, as clap's own.
const USAGE: u8 = 2;

/// Checks the configuration of Matrix Authentication Service, and renders it for NixOS and other
/// hosts.
#[derive(Parser)]
#[command(name = "mas2nix", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check a configuration of MAS. Exits with 0 if it is valid, and with 1 if not.
    #[command(after_help = format!("{EXIT_CODES}\n\nExamples:\n  mas2nix check config.yaml\n  \
        mas2nix check base.yaml secrets.yaml --mas-version 1.16.0 --format json\n  \
        sops decrypt secrets.yaml | mas2nix check config.yaml -"))]
    Check(check::Check),
    /// Write the files that run MAS on a host with systemd: units, users, configuration, and
    /// includes for Synapse and the reverse proxy.
    #[command(
        after_help = "Examples:\n  mas2nix render --config mas.yaml --out /tmp/mas\n  \
        sudo mas2nix render --config mas.yaml --out / && sudo systemctl daemon-reload"
    )]
    Render(render::Render),
    /// Print the documentation of one option of MAS or of the NixOS module.
    #[command(
        after_help = "Examples:\n  mas2nix explain http.listeners[].binds[].address\n  \
        mas2nix explain services.matrix-authentication-service.routes.host"
    )]
    Explain {
        /// Path of the option: as in MAS's configuration, as in NixOS, or as in a file for `render`.
        path: String,
    },
    /// List all options.
    #[command(after_help = "Example: mas2nix options --json | jq '.[] | select(.secret).path'")]
    Options {
        /// Print all properties of each option, as a JSON list.
        #[arg(long)]
        json: bool,
    },
    /// Compare the schema of mas2nix with upstream's `config.schema.json`. Exits with 1 if they
    /// differ.
    #[command(
        after_help = "Example, with the source of MAS beside this directory:\n  \
        mas2nix diff --upstream ../matrix-authentication-service/docs/config.schema.json"
    )]
    Diff(Diff),
    /// Write the generated files: the NixOS module, option references and JSON schemas.
    #[command(after_help = "Examples:\n  mas2nix compile\n  mas2nix compile --check")]
    Compile(Compile),
    /// Write man pages and shell completions of this program, for packages.
    #[command(after_help = "Example: mas2nix package-files --out /usr/local/share")]
    PackageFiles(PackageFiles),
}

#[derive(Args)]
struct Compile {
    /// Directory to write to: the root of mas2nix's repository, which is also the default, or a new
    /// directory.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write nothing. Show what is stale, and exit with 1 if anything is.
    #[arg(long)]
    check: bool,
}

#[derive(Args)]
struct PackageFiles {
    /// Directory to write to: the package's `share`.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

#[derive(Args)]
struct Diff {
    /// Upstream's JSON schema.
    #[arg(long, value_name = "FILE")]
    upstream: PathBuf,
    /// Version of MAS that the schema is from.
    #[arg(long, value_name = "VERSION", default_value_t = NEWEST, value_parser = version)]
    from_version: Version,
    /// Print the differences as a JSON list.
    #[arg(long)]
    json: bool,
}

/// Parses a version such as `1.22.0`, `v1.22.0` or `1.22`.
fn version(text: &str) -> Result<Version, String> {
    let plain = text.strip_prefix('v').unwrap_or(text);
    let padded = format!(
        "{plain}{}",
        ".0".repeat(2_usize.saturating_sub(plain.matches('.').count()))
    );
    Version::parse(plain)
        .or_else(|_| Version::parse(&padded))
        .map_err(|_| format!("expected a version of MAS, such as {NEWEST}"))
}

fn main() -> ExitCode {
    logging::begin(LevelFilter::ERROR);
    let matches = command(true).try_get_matches();
    let cli = match matches.and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches)) {
        Ok(cli) => cli,
        Err(error) => return wrong_usage(&error),
    };
    let (format, findings) = cli.command.format();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            report::print_error(format, findings, &error_text::with_causes(&*error));
            ExitCode::from(USAGE)
        }
    }
}

/// Commands for those who work on mas2nix itself.
const FOR_DEVELOPERS: [&str; 3] = ["diff", "compile", "package-files"];

/// The command line. For its help, `grouped` moves the commands for developers below a heading of their own,
/// which clap cannot do for subcommands.
fn command(grouped: bool) -> clap::Command {
    const EXAMPLE: &str = "Example: mas2nix check config.yaml --no-inline-secrets";
    let mut command = Cli::command();
    if !grouped {
        return command.after_help(EXAMPLE);
    }
    let mut list = "For developers and packagers:\n".to_owned();
    for name in FOR_DEVELOPERS {
        command = command.mut_subcommand(name, |subcommand| {
            let about = subcommand.get_about().map(ToString::to_string);
            let about = about.unwrap_or_default();
            // One line: clap does not wrap this text.
            let first = about.split(". ").next().unwrap_or_default();
            list += &format!("  {name:<13} {first}\n");
            subcommand.hide(true)
        });
    }
    command.after_help(format!("{list}\n{EXAMPLE}"))
}

/// Prints what clap says about the arguments: help, or an error. Who asked for JSON gets the error as JSON.
fn wrong_usage(error: &clap::Error) -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let json = |pair: &[OsString]| pair[0] == "--format" && pair[1] == "json";
    let wants_json = arguments
        .iter()
        .any(|it| it == "--json" || it == "--format=json")
        || arguments.windows(2).any(json);
    if !(error.use_stderr() && wants_json) {
        error.exit();
    }
    let findings = ["check", "render"];
    let findings = arguments
        .get(1)
        .is_some_and(|it| findings.iter().any(|name| it == name));
    let text = error.render().to_string();
    let text = text.trim_start_matches("error: ");
    let text = text.split("\n\nUsage:").next().unwrap_or_default().trim();
    report::print_error(Format::Json, findings, text);
    ExitCode::from(USAGE)
}

impl Command {
    /// How errors are printed, and whether the command prints findings.
    fn format(&self) -> (Format, bool) {
        let format = |json: bool| if json { Format::Json } else { Format::Human };
        match self {
            Command::Check(arguments) => (arguments.format(), true),
            Command::Render(arguments) => (format(arguments.json), true),
            Command::Options { json } => (format(*json), false),
            Command::Diff(arguments) => (format(arguments.json), false),
            Command::Compile(_) | Command::Explain { .. } | Command::PackageFiles(_) => {
                (Format::Human, false)
            }
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        Command::Compile(arguments) => run_compile(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Render(arguments) => render::run(&arguments),
        Command::Explain { path } => explain::run(&path),
        Command::Options { json } => run_options(json),
        Command::Diff(arguments) => run_diff(&arguments),
        Command::PackageFiles(arguments) => {
            let files = codegen::package_files(&command(false))?;
            let mut out = output::stdout();
            for path in codegen::write_all(&arguments.out, &files)? {
                writeln!(out, "{}", arguments.out.join(path).display())?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn run_compile(arguments: &Compile) -> Result<ExitCode> {
    let directory = arguments.out.clone().unwrap_or_else(|| ".".into());
    if !codegen::may_write(&directory, arguments.out.is_some())? {
        bail!(
            "{} is not mas2nix's repository{}",
            if arguments.out.is_some() {
                directory.display().to_string()
            } else {
                "the current directory".to_owned()
            },
            if arguments.out.is_some() {
                ", and not a new directory"
            } else {
                ": change to it, or name a new directory with `--out`"
            }
        );
    }
    let settings = tree::settings();
    let mut artifacts = codegen::artifacts(&settings, &rules::all(&settings))?;
    artifacts.push(codegen::Artifact {
        path: "docs/troubleshooting.md".into(),
        content: docs::troubleshooting(catalogue::CHAPTERS, step_failures::CHAPTERS)?,
    });
    let mut out = output::stdout();
    if !arguments.check {
        let changed = codegen::write(&directory, &artifacts)?;
        for path in &changed {
            writeln!(out, "{}", directory.join(path).display())?;
        }
        note(format_args!(
            "{} of {} files changed",
            changed.len(),
            artifacts.len()
        ));
        return Ok(ExitCode::SUCCESS);
    }
    let stale = codegen::stale(&directory, &artifacts)?;
    for file in &stale {
        write!(out, "{}", file.diff)?;
    }
    if stale.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    note(format_args!(
        "{} files are stale: run `mas2nix compile` and commit the result",
        stale.len()
    ));
    Ok(ExitCode::from(FOUND))
}

fn verdict(good: bool) -> ExitCode {
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FOUND)
    }
}

fn run_options(json: bool) -> Result<ExitCode> {
    let entries = docs::entries(&tree::settings());
    let mut out = output::stdout();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&entries)?)?;
    } else {
        for entry in entries.iter().filter(|entry| !entry.group) {
            writeln!(out, "{:<70} {}", entry.path, entry.r#type)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether a schema is one of those that `compile` writes.
fn is_own(schema: &serde_json::Value) -> bool {
    let id = schema.get("$id").and_then(serde_json::Value::as_str);
    id.is_some_and(|id| id.starts_with("urn:mas2nix:"))
}

fn run_diff(arguments: &Diff) -> Result<ExitCode> {
    let file = arguments.upstream.display();
    let text =
        fs::read_to_string(&arguments.upstream).with_context(|| format!("cannot read {file}"))?;
    let schema: serde_json::Value =
        serde_json::from_str(&text).with_context(|| format!("{file} is not JSON"))?;
    if is_own(&schema) {
        bail!(
            "{file} was written by mas2nix, and is not upstream's schema: that is `docs/config.schema.json` \
             in the source of MAS"
        );
    }
    let upstream =
        tree::read(&schema).with_context(|| format!("{file} is not a supported JSON schema"))?;
    let differences = diff::compare(&tree::settings(), &upstream, &arguments.from_version);
    let mut out = output::stdout();
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&differences)?)?;
    } else {
        for difference in &differences {
            writeln!(out, "{difference}")?;
        }
        let count = match differences.len() {
            0 => "no differences".to_owned(),
            1 => "1 difference".to_owned(),
            many => format!("{many} differences"),
        };
        writeln!(out, "{count} from MAS {}", arguments.from_version)?;
    }
    Ok(verdict(differences.is_empty()))
}
