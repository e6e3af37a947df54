//! `mas2nix`: compiles the schema of MAS's configuration into the NixOS module, and checks
//! configurations against it.

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use mas2nix::{
    codegen::{self, docs, host_files},
    config::{
        diff,
        load::{LoadError, MergedConfig},
        tree,
    },
    migrate::preflight::catalogue::CHAPTERS,
    rules::{
        self,
        check::{self, Problem, Severity},
    },
    schema::NEWEST,
    util::{error_text, logging},
};
use semver::Version;
use tracing_subscriber::filter::LevelFilter;

/// Exit code for a wrong configuration, stale files, or drift.
const FOUND: u8 = 1;
/// Exit code for wrong usage, as clap's own.
const USAGE: u8 = 2;

/// Checks the configuration of Matrix Authentication Service, and renders it for NixOS and other
/// hosts.
#[derive(Parser)]
#[command(
    version,
    after_help = "Example: mas2nix check config.yaml --no-inline-secrets"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write the generated files of the NixOS module, the option references and the JSON schema.
    #[command(after_help = "Examples:\n  mas2nix compile\n  mas2nix compile --check")]
    Compile(Compile),
    /// Check a configuration of MAS. Exits with 0 if it is valid, and with 1 if not.
    #[command(after_help = "Examples:\n  mas2nix check config.yaml\n  \
        mas2nix check base.yaml secrets.yaml --mas-version 1.16.0 --json")]
    Check(Check),
    /// Write the files that run MAS on a host with systemd: units, users, configuration, and
    /// includes for Synapse and the reverse proxy.
    #[command(
        after_help = "Examples:\n  mas2nix render --config mas.yaml --out /tmp/mas\n  \
        sudo mas2nix render --config mas.yaml --out / && sudo systemctl daemon-reload"
    )]
    Render(Render),
    /// Print the documentation of one option.
    #[command(after_help = "Example: mas2nix explain http.listeners[].binds[].address")]
    Explain {
        /// Path of the option, as in MAS's configuration or in NixOS.
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
    #[command(after_help = "Example: mas2nix diff --upstream docs/config.schema.json")]
    Diff(Diff),
}

#[derive(Args)]
struct Compile {
    /// Directory to write to: the root of the repository.
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Write nothing. Show what is stale, and exit with 1 if anything is.
    #[arg(long)]
    check: bool,
}

#[derive(Args)]
struct Check {
    /// Configuration files (YAML or JSON), merged in the given order, as MAS merges them.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Version of MAS that the configuration is for.
    #[arg(long, value_name = "VERSION", default_value_t = NEWEST, value_parser = version)]
    mas_version: Version,
    /// Reject secrets in the files themselves, as for files that everyone can read.
    #[arg(long)]
    no_inline_secrets: bool,
    /// Print the problems as JSON: `{"valid", "problems": [{"id", "severity", "path", "value",
    /// "reason", "fix", "file"}]}`.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Render {
    /// File with the module's options (YAML or JSON), as below
    /// `services.matrix-authentication-service` in NixOS. Several files are merged in the given
    /// order.
    #[arg(long, required = true, value_name = "FILE")]
    config: Vec<PathBuf>,
    /// Directory to write to: the root of the host's file system, or another directory.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Version of MAS that runs on the host.
    #[arg(long, value_name = "VERSION", default_value_t = NEWEST, value_parser = version)]
    mas_version: Version,
    /// Print the written files, or the problems, as JSON: `{"valid", "problems", "files": [{"path",
    /// "changed"}], "enable"}`.
    #[arg(long)]
    json: bool,
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
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mas2nix: {}", error_text::with_causes(&*error));
            ExitCode::from(USAGE)
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        Command::Compile(arguments) => run_compile(&arguments),
        Command::Check(arguments) => run_check(&arguments),
        Command::Render(arguments) => run_render(&arguments),
        Command::Explain { path } => run_explain(&path),
        Command::Options { json } => run_options(json),
        Command::Diff(arguments) => run_diff(&arguments),
    }
}

fn run_compile(arguments: &Compile) -> Result<ExitCode> {
    let settings = tree::settings();
    let mut artifacts = codegen::artifacts(&settings, &rules::all(&settings))?;
    artifacts.push(codegen::Artifact {
        path: "docs/findings.md".into(),
        content: docs::findings(CHAPTERS)?,
    });
    let mut out = io::stdout().lock();
    if !arguments.check {
        let changed = codegen::write(&arguments.out, &artifacts)?;
        for path in &changed {
            writeln!(out, "{}", arguments.out.join(path).display())?;
        }
        eprintln!("{} of {} files changed", changed.len(), artifacts.len());
        return Ok(ExitCode::SUCCESS);
    }
    let stale = codegen::stale(&arguments.out, &artifacts)?;
    for file in &stale {
        write!(out, "{}", file.diff)?;
    }
    if stale.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!(
        "{} files are stale: run `mas2nix compile` and commit the result",
        stale.len()
    );
    Ok(ExitCode::from(FOUND))
}

fn run_check(arguments: &Check) -> Result<ExitCode> {
    let problems = match load(&arguments.files)? {
        Err(problem) => vec![problem],
        Ok(loaded) => {
            let settings = tree::settings();
            let options = check::CheckOptions {
                version: arguments.mas_version.clone(),
                no_inline_secrets: arguments.no_inline_secrets,
                complete: true,
            };
            check::check(&loaded, &settings, &rules::all(&settings), &options)
        }
    };
    if arguments.json {
        let report = serde_json::json!({"valid": check::is_valid(&problems), "problems": problems});
        writeln!(io::stdout(), "{report:#}")?;
    } else {
        show(&problems, &arguments.files)?;
        if check::is_valid(&problems) {
            eprintln!("valid for MAS {}", arguments.mas_version);
        }
    }
    Ok(verdict(check::is_valid(&problems)))
}

/// The files' content, or what is wrong with their form.
fn load(files: &[PathBuf]) -> Result<Result<MergedConfig, Problem>> {
    let (file, reason) = match MergedConfig::files(files) {
        Ok(loaded) => return Ok(Ok(loaded)),
        Err(error @ LoadError::Unreadable { .. }) => return Err(error.into()),
        Err(LoadError::NotYaml { file, source }) => (file, format!("not YAML: {source}")),
        Err(LoadError::Invalid { file, reason }) => (file, reason),
    };
    let fix = "Correct the file.".to_owned();
    Ok(Err(Problem {
        file: Some(file),
        ..Problem::new("not-a-configuration", String::new(), reason, fix)
    }))
}

fn verdict(good: bool) -> ExitCode {
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FOUND)
    }
}

fn show(problems: &[Problem], files: &[PathBuf]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for problem in problems {
        write!(out, "{}", shown(problem, files))?;
    }
    let count = |severity: Severity, one: &str| {
        let same = problems.iter().filter(|it| it.severity == severity).count();
        match same {
            0 => None,
            1 => Some(format!("1 {one}")),
            many => Some(format!("{many} {one}s")),
        }
    };
    let counts = [
        count(Severity::Error, "problem"),
        count(Severity::Warning, "warning"),
    ];
    let counts: Vec<String> = counts.into_iter().flatten().collect();
    if !counts.is_empty() {
        eprintln!("{}", counts.join(", "));
    }
    Ok(())
}

fn run_render(arguments: &Render) -> Result<ExitCode> {
    let context = match load(&arguments.config)? {
        Ok(loaded) => host_files::context(&loaded, &arguments.mas_version),
        Err(problem) => Err(vec![problem]),
    };
    let (files, warnings) = match context {
        Ok((context, warnings)) => (context.files(), warnings),
        Err(problems) => {
            if arguments.json {
                let report = serde_json::json!({"valid": false, "problems": problems});
                writeln!(io::stdout(), "{report:#}")?;
            } else {
                show(&problems, &arguments.config)?;
            }
            return Ok(verdict(false));
        }
    };
    let changed = codegen::write_all(&arguments.out, &files)?;
    let enable = host_files::enabled_units(&files);
    let mut out = io::stdout().lock();
    if arguments.json {
        let files = files.iter().map(
            |file| serde_json::json!({"path": file.path, "changed": changed.contains(&file.path)}),
        );
        let report = serde_json::json!({
            "valid": true, "problems": warnings, "files": files.collect::<Vec<_>>(), "enable": enable,
        });
        writeln!(out, "{report:#}")?;
    } else {
        drop(out);
        show(&warnings, &arguments.config)?;
        let mut out = io::stdout().lock();
        for path in &changed {
            writeln!(out, "{}", arguments.out.join(path).display())?;
        }
        eprintln!(
            "{} of {} files changed. On the host, run:\n  systemd-sysusers\n  \
             systemd-tmpfiles --create\n  systemctl daemon-reload\n  systemctl enable --now {}",
            changed.len(),
            files.len(),
            enable.join(" ")
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn shown(problem: &Problem, files: &[PathBuf]) -> String {
    let file = problem
        .file
        .as_ref()
        .or(files.first().filter(|_| files.len() == 1));
    let places = [
        file.map(|file| file.display().to_string()),
        Some(problem.path.clone()),
    ];
    let places: Vec<String> = places
        .into_iter()
        .flatten()
        .filter(|p| !p.is_empty())
        .collect();
    let value = match &problem.value {
        Some(value) => format!(" (it is {value})"),
        None => String::new(),
    };
    let warning = match problem.severity {
        Severity::Error => "",
        Severity::Warning => "warning: ",
    };
    format!(
        "{}: {warning}{}{value}\n    {}\n",
        places.join(": "),
        problem.reason,
        problem.fix
    )
}

fn run_explain(path: &str) -> Result<ExitCode> {
    let settings = tree::settings();
    let entries = docs::entries(&settings);
    let wanted = general(path);
    let mut out = io::stdout().lock();
    if let Some(entry) = entries.iter().find(|entry| entry.path == wanted) {
        writeln!(out, "{}\n{}\n", entry.path, "=".repeat(entry.path.len()))?;
        writeln!(out, "{}\n\nType: {}", entry.description, entry.r#type)?;
        if entry.required {
            writeln!(out, "Required.")?;
        }
        match (&entry.default_text, &entry.default) {
            (Some(text), _) => writeln!(out, "Default: {text}")?,
            (None, Some(default)) => writeln!(out, "Default: {default}")?,
            (None, None) => {}
        }
        if let Some(example) = &entry.example {
            writeln!(out, "Example: {example}")?;
        }
        writeln!(out, "In NixOS: {}", entry.option)?;
        let below = entries.iter().filter(|other| {
            let rest = other.path.strip_prefix(&wanted);
            rest.is_some_and(|rest| rest.starts_with(['.', '[']))
        });
        for other in below {
            writeln!(out, "  {}", other.path)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let closest = check::closest(entries.iter().map(|entry| &entry.path), &wanted);
    let hint = closest.map(|(_, path)| format!(" Did you mean `{path}`?"));
    anyhow::bail!("there is no option `{path}`.{}", hint.unwrap_or_default())
}

/// The path as the schema writes it: without the module's prefix, indices and NixOS's `*`.
fn general(path: &str) -> String {
    let path = path
        .trim()
        .trim_start_matches("services.matrix-authentication-service.");
    let path = path.strip_prefix("settings.").unwrap_or(path);
    let path = path.replace(".*.", "[].").replace('"', "");
    let path = match path.strip_suffix(".*") {
        Some(list) if !path.contains("additional_authorization_parameters") => format!("{list}[]"),
        _ => path,
    };
    check::without_indices(&path)
}

fn run_options(json: bool) -> Result<ExitCode> {
    let entries = docs::entries(&tree::settings());
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&entries)?)?;
    } else {
        for entry in entries.iter().filter(|entry| !entry.group) {
            writeln!(out, "{:<70} {}", entry.path, entry.r#type)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn run_diff(arguments: &Diff) -> Result<ExitCode> {
    let file = arguments.upstream.display();
    let text =
        fs::read_to_string(&arguments.upstream).with_context(|| format!("cannot read {file}"))?;
    let schema = serde_json::from_str(&text).with_context(|| format!("{file} is not JSON"))?;
    let upstream =
        tree::read(&schema).with_context(|| format!("{file} is not a supported JSON schema"))?;
    let differences = diff::compare(&tree::settings(), &upstream, &arguments.from_version);
    let mut out = io::stdout().lock();
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&differences)?)?;
    } else {
        for difference in &differences {
            writeln!(out, "{difference}")?;
        }
        eprintln!("{} differences", differences.len());
    }
    Ok(verdict(differences.is_empty()))
}
