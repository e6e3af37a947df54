//! What `check` and `render` print about a configuration, for people and for programs.

use std::{
    collections::BTreeSet,
    io::{self, IsTerminal, Write},
    path::Path,
};

use clap::{ColorChoice, ValueEnum};
pub use mas2nix::util::terminal::Colors;
use mas2nix::{
    config::{
        source::{Position, Source},
        tree::Node,
    },
    rules::check::{self, Problem, Severity},
    util::terminal::plain,
};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Value, json};

use crate::output::{note, stdout};

/// The name of standard input in messages.
pub const STDIN: &str = "<stdin>";

/// How findings are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text for people, and for editors that read `file:line:column: message`.
    #[default]
    Human,
    /// One JSON object.
    Json,
    /// Annotations of GitHub Actions.
    Github,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
}

/// Findings about one or more files.
pub struct Report<'a> {
    /// The findings, in the order of the files.
    pub problems: Vec<Problem>,
    /// The result in one line.
    pub verdict: String,
    /// The files that were read.
    pub sources: &'a [Source],
    /// Which values may be shown.
    pub shown: &'a Shown<'a>,
}

/// What is needed to decide whether a value may be shown.
pub struct Shown<'a> {
    /// The options that are known.
    pub options: &'a Node,
    /// The paths of secrets.
    pub secret: BTreeSet<String>,
}

impl Report<'_> {
    /// Prints the findings, and then the verdict.
    pub fn print(&self, format: Format, color: ColorChoice) -> io::Result<()> {
        let mut out = stdout();
        match format {
            Format::Human => {
                let colors = Colors::new(color, io::stdout().is_terminal());
                self.human(&mut out, colors)
            }
            Format::Json => writeln!(out, "{:#}", self.json()),
            Format::Github => self.github(&mut out),
            Format::Sarif => writeln!(out, "{:#}", self.sarif()),
        }
    }

    /// Prints the findings as text, and then the verdict.
    pub fn human(&self, out: &mut impl Write, colors: Colors) -> io::Result<()> {
        let Colors { bold, reset, .. } = colors;
        for problem in &self.problems {
            let (color, kind) = match problem.severity {
                Severity::Error => (colors.red, ""),
                Severity::Warning => (colors.yellow, "warning: "),
            };
            let place = place(problem);
            let path = match problem.path.as_str() {
                "" => String::new(),
                path => format!("{}: ", plain(path)),
            };
            let reason = plain(&problem.reason);
            let excerpt = self.excerpt(problem);
            let value = match &problem.value {
                Some(value) if excerpt.is_none() => format!(" (it is {value})"),
                _ => String::new(),
            };
            writeln!(out, "{bold}{place}{reset}{kind}{path}{reason}{value}")?;
            if let Some((line, text, start, end)) = excerpt {
                let number = line.to_string();
                let margin = " ".repeat(number.len());
                // Tabs stay, so that the carets are below the text.
                let before: String = text
                    .chars()
                    .take(start)
                    .map(|char| if char == '\t' { '\t' } else { ' ' })
                    .collect();
                let carets = "^".repeat(end - start);
                writeln!(out, "    {number} | {text}")?;
                writeln!(out, "    {margin} | {before}{color}{carets}{reset}")?;
            }
            writeln!(out, "    {}", problem.fix)?;
        }
        let color = match self.problems.first() {
            None => colors.green,
            Some(_) if check::is_valid(&self.problems) => colors.yellow,
            Some(_) => colors.red,
        };
        writeln!(out, "{color}{}{reset}", self.verdict)
    }

    /// The line of a problem: its number, its text, and where in the text the problem is.
    fn excerpt(&self, problem: &Problem) -> Option<(usize, String, usize, usize)> {
        let position = problem.position?;
        let file = problem.file.as_ref()?;
        let source = self.sources.iter().find(|source| source.file == *file)?;
        let may_show = |path: &str, value: &str| {
            check::may_show(path, value, self.shown.options, &self.shown.secret)
        };
        let (text, start, end) = source.excerpt(position, may_show);
        Some((position.line, text, start, end))
    }

    /// The report as JSON.
    pub fn json(&self) -> Value {
        json!({
            "valid": check::is_valid(&self.problems),
            "verdict": self.verdict,
            "problems": self.problems,
        })
    }

    /// Prints workflow commands, which GitHub shows at the lines of a change.
    fn github(&self, out: &mut impl Write) -> io::Result<()> {
        for problem in &self.problems {
            let level = match problem.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            let mut properties = Vec::new();
            if let Some(file) = &problem.file {
                properties.push(format!("file={}", escaped(&file.to_string_lossy(), true)));
            }
            if let Some(at) = problem.position {
                let Position {
                    line,
                    column,
                    end_column,
                } = at;
                properties.push(format!("line={line},col={column},endColumn={end_column}"));
            }
            properties.push(format!("title={}", escaped(&problem.id, true)));
            let message = escaped(&message(problem), false);
            writeln!(out, "::{level} {}::{message}", properties.join(","))?;
        }
        writeln!(out, "{}", plain(&self.verdict))
    }

    /// The report as a SARIF log.
    fn sarif(&self) -> Value {
        let ids: BTreeSet<&str> = self.problems.iter().map(|p| p.id.as_str()).collect();
        let rules: Vec<Value> = ids.iter().map(|id| json!({"id": id})).collect();
        let results = self.problems.iter().map(|problem| {
            let level = match problem.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            let mut result = json!({
                "ruleId": problem.id,
                "level": level,
                "message": {"text": message(problem)},
            });
            let file = problem.file.as_ref().filter(|file| !is_stdin(file));
            if let Some(file) = file {
                let mut place = json!({"artifactLocation": {"uri": uri(file)}});
                if let Some(at) = problem.position {
                    place["region"] = json!({
                        "startLine": at.line,
                        "startColumn": at.column,
                        "endColumn": at.end_column,
                    });
                }
                result["locations"] = json!([{"physicalLocation": place}]);
            }
            result
        });
        sarif(
            &rules,
            &results.collect::<Vec<_>>(),
            &json!({
                "executionSuccessful": true,
                "toolExecutionNotifications": [{"level": "note", "message": {"text": self.verdict}}],
            }),
        )
    }
}

/// Prints an error that kept a command from its work. The flag says whether the command prints findings.
pub fn print_error(format: Format, findings: bool, error: &str) {
    let human = || note(format_args!("mas2nix: {}", plain(error)));
    let mut out = stdout();
    let printed = match format {
        Format::Human => {
            human();
            Ok(())
        }
        Format::Json if findings => {
            let report = json!({"valid": false, "error": error, "problems": []});
            writeln!(out, "{report:#}")
        }
        Format::Json => writeln!(out, "{:#}", json!({"error": error})),
        Format::Github => writeln!(out, "::error title=mas2nix::{}", escaped(error, false)),
        Format::Sarif => {
            let failed = json!({
                "executionSuccessful": false,
                "toolExecutionNotifications": [{"level": "error", "message": {"text": error}}],
            });
            writeln!(out, "{:#}", sarif(&[], &[], &failed))
        }
    };
    // The disk may be full, or there may be no standard output.
    if printed.is_err() {
        human();
    }
}

fn sarif(rules: &[Value], results: &[Value], invocation: &Value) -> Value {
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "mas2nix",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "invocations": [invocation],
            "results": results,
        }],
    })
}

/// The number of problems and warnings, such as `2 problems, 1 warning`; `None` if there are none.
pub fn counts(problems: &[Problem]) -> Option<String> {
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
    (!counts.is_empty()).then(|| counts.join(", "))
}

fn is_stdin(file: &Path) -> bool {
    file == Path::new(STDIN)
}

/// Where a problem is, such as `config.yaml:11:3: `; empty if that is unknown.
fn place(problem: &Problem) -> String {
    let Some(file) = &problem.file else {
        return String::new();
    };
    let file = plain(&file.display().to_string());
    match problem.position {
        Some(at) => format!("{file}:{}:{}: ", at.line, at.column),
        None => format!("{file}: "),
    }
}

/// A problem in one line, with its fix.
fn message(problem: &Problem) -> String {
    let path = match problem.path.as_str() {
        "" => String::new(),
        path => format!("{path}: "),
    };
    plain(&format!("{path}{}. {}", problem.reason, problem.fix))
}

/// A text in a workflow command of GitHub Actions, or in a property of one.
fn escaped(text: &str, property: bool) -> String {
    let mut text = text
        .replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A");
    if property {
        text = text.replace(':', "%3A").replace(',', "%2C");
    }
    text
}

/// The characters that are escaped in the path of a URI.
const NOT_IN_PATHS: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A path as a URI, which is relative if the path is.
fn uri(path: &Path) -> String {
    let text = path.to_string_lossy();
    let encoded = utf8_percent_encode(&text, NOT_IN_PATHS).to_string();
    if path.is_absolute() {
        return format!("file://{encoded}");
    }
    // A colon in the first part would end a scheme.
    match encoded.split('/').next() {
        Some(first) if first.contains(':') => format!("./{encoded}"),
        _ => encoded,
    }
}
