//! Errors, as text and as JSON. All commands print the same object for `--json`: `{"result", "error"}`.

use std::{
    ffi::OsString,
    io::{self, Write},
    process::ExitCode,
};

use mas2nix::{
    migrate::MigrateError,
    util::{error_text, terminal::plain},
};
use serde_json::{Value, json};

use crate::{exit::Ending, view::view};

/// What `--help` says about it.
pub const HELP: &str = "\
With --json, standard output has one JSON object and nothing else, whatever happens. After an error it is
{\"result\", \"error\"}: `result` is `wrong-usage`, `interrupted` or `failed`.";

/// Whether the command line asks for JSON, wrong as it may be otherwise.
pub fn wants_json(arguments: &[OsString]) -> bool {
    let options = arguments.iter().take_while(|argument| *argument != "--");
    options.into_iter().any(|argument| argument == "--json")
}

/// Prints what clap says about the command line: help, or an error. The exit code is 0 or 2.
pub fn wrong_usage(error: &clap::Error) -> ExitCode {
    // If nobody is there to read it, the exit code still says it.
    let _ = error.print();
    if !error.use_stderr() {
        return ExitCode::SUCCESS;
    }
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if wants_json(&arguments) {
        let value = usage_as_json(&error.render().to_string());
        let _ = writeln!(io::stdout(), "{value:#}");
    }
    ExitCode::from(2)
}

/// The error without the words around it, which are for people.
fn usage_as_json(text: &str) -> Value {
    let text = text.trim_start_matches("error: ");
    let text = text.split("\n\nUsage:").next().unwrap_or_default();
    let text = text.split("\n\nFor more information").next();
    let lines: Vec<&str> = text
        .unwrap_or_default()
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    json!({"result": "wrong-usage", "error": lines.join(" ")})
}

/// Prints the error that kept a command from its work: for people on standard error, and as JSON if that is
/// wanted.
pub fn report(error: &anyhow::Error, json: bool) -> Ending {
    const NAME: &str = "syn2mas:";
    let text = error_text::with_causes(&**error);
    let lines: Vec<String> = text.lines().map(plain).collect();
    let style = view().err;
    if is_interrupted(error) && style.width.is_some() {
        // Ctrl-C is shown in the line of the question or of the progress.
        eprintln!();
    }
    let text = style.folded(&format!("{NAME} {}", lines.join("\n")));
    let (red, reset) = (style.colors.red, style.colors.reset);
    let message = text.strip_prefix(NAME).unwrap_or(&text);
    // If nobody is there to read it, the exit code still says it.
    let _ = writeln!(io::stderr(), "{red}{NAME}{reset}{message}");
    if json {
        let _ = writeln!(io::stdout(), "{:#}", as_json(error));
    }
    Ending::Failed
}

fn is_interrupted(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref(),
        Some(MigrateError::Interrupted | MigrateError::Cancelled)
    )
}

fn as_json(error: &anyhow::Error) -> Value {
    let result = if is_interrupted(error) {
        "interrupted"
    } else {
        "failed"
    };
    json!({"result": result, "error": error_text::with_causes(&**error)})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_asked_for_before_the_end_of_options() {
        let arguments = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert!(wants_json(&arguments("syn2mas inspect --json --nonsense")));
        assert!(!wants_json(&arguments("syn2mas inspect -- --json")));
        assert!(!wants_json(&arguments("syn2mas inspect")));
    }

    #[test]
    fn an_error_is_one_object() {
        let error = as_json(&MigrateError::Interrupted.into());
        assert_eq!(error["result"], "interrupted");
        let error = as_json(&anyhow::anyhow!("cause").context("what failed"));
        assert_eq!(
            error,
            json!({"result": "failed", "error": "what failed: cause"})
        );
    }

    #[test]
    fn usage_is_one_line() {
        let text = "error: unexpected argument '--x' found\n\n  tip: a similar argument exists: '--y'\n\n\
                    Usage: syn2mas inspect [OPTIONS]\n\nFor more information, try '--help'.\n";
        assert_eq!(
            usage_as_json(text)["error"],
            "unexpected argument '--x' found tip: a similar argument exists: '--y'"
        );
    }
}
