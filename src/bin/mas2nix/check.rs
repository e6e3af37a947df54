//! `mas2nix check`: reads files, and says what is wrong with them.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use clap::{Args, ColorChoice};
use mas2nix::{
    config::{
        load::{LoadError, MergedConfig},
        source::Source,
        tree::{self, Node},
    },
    rules::{
        self, Rule,
        check::{self, Problem},
        secret_paths,
    },
    schema::{NEWEST, OLDEST},
};
use semver::Version;

use crate::{
    FOUND,
    report::{Format, Report, STDIN, Shown, counts},
    version,
};

/// The exit codes, for the help and the documentation.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  the configuration is valid, perhaps with warnings
  1  the configuration has problems
  2  wrong usage, or a file cannot be read";

#[derive(Args)]
pub struct Check {
    /// Configuration files (YAML or JSON), merged in the given order, as MAS merges them. `-` is
    /// standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Check each file as a configuration of its own, instead of merging them.
    #[arg(long)]
    separate: bool,
    /// Version of MAS that the configuration is for.
    #[arg(long, value_name = "VERSION", default_value_t = NEWEST, value_parser = version)]
    mas_version: Version,
    /// Reject secrets in the files themselves, as for files that everyone can read.
    #[arg(long)]
    no_inline_secrets: bool,
    /// Output format. `json` is `{"valid", "verdict", "problems": [{"id", "severity", "path",
    /// "value", "reason", "fix", "file", "position": {"line", "column", "endColumn"}}]}`, or
    /// `{"valid": false, "error", "problems": []}` if a file cannot be read.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
    /// The same as `--format json`.
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// When to use colours. `auto`: on a terminal, unless `NO_COLOR` is set.
    #[arg(long, default_value = "auto", value_name = "WHEN")]
    color: ColorChoice,
}

impl Check {
    /// How the findings, and any error, are printed.
    pub fn format(&self) -> Format {
        if self.json { Format::Json } else { self.format }
    }
}

/// Checks the files, and prints the findings.
pub fn run(arguments: &Check) -> Result<ExitCode> {
    let settings = tree::settings();
    let rules = rules::all(&settings);
    let inputs = read(&arguments.files)?;
    let groups = if arguments.separate {
        inputs.into_iter().map(|input| vec![input]).collect()
    } else {
        vec![inputs]
    };
    let (mut problems, mut sources, mut invalid) = (Vec::new(), Vec::new(), 0);
    let all = groups.len();
    for group in groups {
        let (found, read) = problems_of(group, arguments, &settings, &rules);
        invalid += usize::from(!check::is_valid(&found));
        problems.extend(found);
        sources.extend(read);
    }
    let report = Report {
        verdict: verdict(&problems, &arguments.mas_version, invalid, all),
        problems,
        sources: &sources,
        shown: &Shown {
            options: &settings,
            secret: secret_paths(&rules),
        },
    };
    report.print(arguments.format(), arguments.color)?;
    Ok(if invalid == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FOUND)
    })
}

fn problems_of(
    inputs: Vec<(PathBuf, Vec<u8>)>,
    arguments: &Check,
    settings: &Node,
    rules: &[Rule],
) -> (Vec<Problem>, Vec<Source>) {
    let only = match &inputs[..] {
        [(file, _)] => Some(file.clone()),
        _ => None,
    };
    let loaded = match load(inputs) {
        Ok(loaded) => loaded,
        Err(problem) => return (vec![*problem], Vec::new()),
    };
    let for_render: Vec<Problem> = loaded
        .sources
        .iter()
        .filter(|source| is_for_render(source, settings))
        .map(not_a_configuration)
        .collect();
    let mut problems = if for_render.is_empty() {
        let options = check::CheckOptions {
            version: arguments.mas_version.clone(),
            no_inline_secrets: arguments.no_inline_secrets,
            complete: true,
        };
        check::check(&loaded, settings, rules, &options)
    } else {
        for_render
    };
    for problem in &mut problems {
        problem.file = problem.file.take().or_else(|| only.clone());
    }
    (problems, loaded.sources)
}

/// Reads the files. `-` is standard input.
pub fn read(files: &[PathBuf]) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let is_stdin = |file: &&PathBuf| file.as_path() == Path::new("-");
    if files.iter().filter(is_stdin).count() > 1 {
        bail!("standard input (`-`) can be read only once");
    }
    let contents = files.iter().map(|file| {
        if is_stdin(&file) {
            let mut content = Vec::new();
            io::stdin()
                .read_to_end(&mut content)
                .context("cannot read standard input")?;
            return Ok((STDIN.into(), content));
        }
        let content =
            std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        Ok((file.clone(), content))
    });
    contents.collect()
}

/// The files' content, or what is wrong with their form.
pub fn load(inputs: Vec<(PathBuf, Vec<u8>)>) -> Result<MergedConfig, Box<Problem>> {
    let (file, reason, position) = match MergedConfig::contents(inputs) {
        Ok(loaded) => return Ok(loaded),
        Err(LoadError::Unreadable { file, source }) => (file, source.to_string(), None),
        Err(LoadError::NotYaml {
            file,
            source,
            position,
        }) => (file, format!("not YAML: {}", yaml_error(&source)), position),
        Err(LoadError::Invalid {
            file,
            reason,
            position,
        }) => (file, reason, position),
    };
    let fix = "Correct the file.".to_owned();
    Err(Box::new(Problem {
        file: Some(file),
        position,
        ..Problem::new("not-a-configuration", String::new(), reason, fix)
    }))
}

/// What the YAML parser says, without the position, and without a number that may be a secret.
fn yaml_error(error: &serde_yaml_ng::Error) -> String {
    let mut text = error.to_string();
    if let Some(at) = error.location() {
        text = text.replace(
            &format!(" at line {} column {}", at.line(), at.column()),
            "",
        );
    }
    match text.split_once("invalid type: integer `") {
        Some((path, _)) => format!("{path}the number is too large"),
        None => text,
    }
}

/// Whether a file has the module's options at its top level, and nothing of MAS's configuration.
fn is_for_render(source: &Source, settings: &Node) -> bool {
    has_only(source, &tree::module(), settings)
}

/// Whether a file has MAS's configuration at its top level, and no option of the module.
pub fn is_for_check(source: &Source) -> bool {
    has_only(source, &tree::settings(), &tree::module())
}

/// Whether some name at the top level of a file is in one tree alone, and none is in the other alone.
fn has_only(source: &Source, own: &Node, other: &Node) -> bool {
    let knows = |tree: &Node, name: &str| tree.section().is_some_and(|it| it.get(name).is_some());
    let mut names = source.sections.iter();
    let mut own_alone = names
        .clone()
        .filter(|name| knows(own, name) && !knows(other, name));
    own_alone.next().is_some() && !names.any(|name| knows(other, name) && !knows(own, name))
}

fn not_a_configuration(source: &Source) -> Problem {
    let fix = format!(
        "To check it and write the files of a host, run `mas2nix render --config {} --out DIR`.",
        shell_word(&source.file)
    );
    Problem {
        file: Some(source.file.clone()),
        ..Problem::new(
            "file-for-render",
            String::new(),
            "this is a file for `mas2nix render`, not a configuration of MAS".to_owned(),
            fix,
        )
    }
}

/// A path as a word of a shell command.
pub fn shell_word(path: &Path) -> String {
    if path == Path::new(STDIN) {
        return "-".to_owned();
    }
    let text = path.display().to_string();
    let harmless = |char: char| char.is_ascii_alphanumeric() || "/._-+,:@".contains(char);
    if text.chars().all(harmless) {
        text
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// The result of a check in one line.
fn verdict(problems: &[Problem], version: &Version, invalid: usize, all: usize) -> String {
    let which = match (invalid, all) {
        (0, 1) => "valid".to_owned(),
        (_, 1) => "not valid".to_owned(),
        (0, all) => format!("all {all} files are valid"),
        (invalid, all) => format!("{invalid} of {all} files are not valid"),
    };
    let counts = counts(problems).map_or_else(String::new, |counts| format!("{counts}: "));
    format!("{counts}{which} for MAS {version}{}", unknown(version))
}

/// What to add about a version that the schema does not describe.
pub fn unknown(version: &Version) -> String {
    let known = if *version > NEWEST {
        format!("newer than {NEWEST}, the newest")
    } else if (version.major, version.minor) < (OLDEST.major, OLDEST.minor) {
        format!("older than {OLDEST}, the oldest")
    } else {
        return String::new();
    };
    format!(", as far as mas2nix can say: this version is {known} that it knows")
}
