//! `mas2nix render`: writes the files of a host.

use std::{
    collections::BTreeSet,
    io::{self, IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use clap::{Args, ColorChoice};
use mas2nix::{
    codegen::{self, Artifact, host_files},
    config::{source::Source, tree},
    rules::{self, check::Problem, secret_paths},
    schema::NEWEST,
    util::error_text,
};
use semver::Version;

use crate::{
    USAGE,
    check::{is_for_check, load, read, shell_word, unknown},
    output::{note, stdout},
    report::{Colors, Report, Shown, counts},
    verdict, version,
};

#[derive(Args)]
pub struct Render {
    /// File with the module's options (YAML or JSON), as below
    /// `services.matrix-authentication-service` in NixOS. Several files are merged in the given
    /// order. `-` is standard input.
    #[arg(long, required = true, value_name = "FILE")]
    config: Vec<PathBuf>,
    /// Directory to write to: the root of the host's file system, or another directory.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Version of MAS that runs on the host.
    #[arg(long, value_name = "VERSION", default_value_t = NEWEST, value_parser = version)]
    mas_version: Version,
    /// Print the written files, or the problems, as JSON: `{"valid", "verdict", "problems", "files":
    /// [{"path", "changed"}], "enable"}`, and `"error"` if a file cannot be read or written. `valid` says
    /// whether the options are valid.
    #[arg(long)]
    pub json: bool,
    /// When to use colours. `auto`: on a terminal, unless `NO_COLOR` is set.
    #[arg(long, default_value = "auto", value_name = "WHEN")]
    color: ColorChoice,
}

/// Checks the options, and writes the files if they are valid.
pub fn run(arguments: &Render) -> Result<ExitCode> {
    let inputs = read(&arguments.config)?;
    let files: Vec<PathBuf> = inputs.iter().map(|(file, _)| file.clone()).collect();
    let (result, sources) = match load(inputs) {
        Err(problem) => (Err(vec![*problem]), Vec::new()),
        Ok(loaded) => {
            let for_check = loaded.sources.iter().filter(|source| is_for_check(source));
            let for_check: Vec<Problem> = for_check.map(not_options).collect();
            let result = if for_check.is_empty() {
                host_files::context(&loaded, &arguments.mas_version)
            } else {
                Err(for_check)
            };
            (result, loaded.sources)
        }
    };
    let shown = Shown {
        options: &tree::module(),
        secret: secrets(),
    };
    let report = |mut problems: Vec<Problem>, valid: bool| {
        if let [only] = &files[..] {
            for problem in &mut problems {
                problem.file = problem.file.take().or_else(|| Some(only.clone()));
            }
        }
        let counts = counts(&problems).map_or_else(String::new, |counts| format!("{counts}: "));
        let version = &arguments.mas_version;
        Report {
            verdict: format!(
                "{counts}{} for MAS {version}{}{}",
                if valid { "valid" } else { "not valid" },
                if valid {
                    ""
                } else {
                    ", so nothing was written"
                },
                unknown(version)
            ),
            problems,
            sources: &sources,
            shown: &shown,
        }
    };
    match result {
        Ok((context, warnings)) => write(arguments, &context, &report(warnings, true)),
        Err(problems) => {
            let report = report(problems, false);
            print(arguments, &report)?;
            Ok(verdict(false))
        }
    }
}

fn print(arguments: &Render, report: &Report) -> io::Result<()> {
    let mut out = stdout();
    if arguments.json {
        return writeln!(out, "{:#}", report.json());
    }
    let colors = Colors::new(arguments.color, io::stdout().is_terminal());
    report.human(&mut out, colors)
}

fn write(arguments: &Render, context: &host_files::Context, report: &Report) -> Result<ExitCode> {
    let files = context.files();
    let mut changed = Vec::new();
    let written = write_changed(arguments, &files, &mut changed);
    let enable = host_files::enabled_units(&files);
    if arguments.json {
        let files = files.iter().map(
            |file| serde_json::json!({"path": file.path, "changed": changed.contains(&&file.path)}),
        );
        let mut report = report.json();
        report["files"] = files.collect();
        report["enable"] = enable.into();
        if let Err(error) = &written {
            report["error"] = error_text::with_causes(&**error).into();
        }
        writeln!(stdout(), "{report:#}")?;
        return Ok(match written {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::from(USAGE),
        });
    }
    if !report.problems.is_empty() {
        print(arguments, report)?;
    }
    let mut out = stdout();
    for path in &changed {
        writeln!(out, "{}", arguments.out.join(path).display())?;
    }
    written?;
    note(format_args!(
        "{} of {} files changed. On the host, run:\n  systemd-sysusers\n  \
         systemd-tmpfiles --create\n  systemctl daemon-reload\n  systemctl enable --now {}",
        changed.len(),
        files.len(),
        enable.join(" ")
    ));
    Ok(ExitCode::SUCCESS)
}

/// Writes the files that differ, and adds each to `changed`. Before the first one, all are read, so that what
/// is in the way is found before anything is written.
fn write_changed<'a>(
    arguments: &Render,
    files: &'a [Artifact],
    changed: &mut Vec<&'a PathBuf>,
) -> Result<()> {
    let different = codegen::changed(&arguments.out, files).context("nothing was written")?;
    for file in &different {
        codegen::write_one(&arguments.out, file).with_context(|| {
            let (done, all) = (changed.len(), different.len());
            format!("{done} of {all} changed files were written")
        })?;
        changed.push(&file.path);
    }
    Ok(())
}

/// The paths of secrets in a file of the module's options.
fn secrets() -> BTreeSet<String> {
    let paths = secret_paths(&rules::all(&tree::settings())).into_iter();
    paths.map(|path| format!("settings.{path}")).collect()
}

fn not_options(source: &Source) -> Problem {
    let fix = format!(
        "Put it below `settings:` in a file of the module's options. To check it alone, run `mas2nix check {}`.",
        shell_word(&source.file)
    );
    Problem {
        file: Some(source.file.clone()),
        ..Problem::new(
            "file-for-check",
            String::new(),
            "this is a configuration of MAS, not a file for `mas2nix render`".to_owned(),
            fix,
        )
    }
}
