//! Other programs, run to their end.

use std::{
    env,
    ffi::OsStr,
    fs::File,
    io,
    path::Path,
    process::{Output, Stdio},
};

use tokio::process::{Child, Command};

use crate::migrate::{MigrateError, system::run_as::Account};

/// A run of a program, as this user. It does not hear what is typed at our terminal, and ends when we
/// give it up. It does not see `MAS_*` variables, which MAS would take for settings.
#[must_use]
pub fn command(path: &Path, account: Option<&Account>) -> Command {
    let mut command = Command::new(path);
    command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .process_group(0);
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("MAS_") {
            command.env_remove(name);
        }
    }
    if let Some(account) = account {
        command.uid(account.uid).gid(account.gid);
        // Its own directories are not ours.
        command.current_dir("/").env_remove("HOME");
    }
    command
}

/// Runs a program to its end, and gives what it wrote.
///
/// # Errors
///
/// If it cannot be run, or fails.
pub async fn output(command: &mut Command) -> Result<Output, MigrateError> {
    finish(command.stdout(Stdio::piped())).await
}

/// Runs a program to its end, with what it writes going to a file.
///
/// # Errors
///
/// If it cannot be run, or fails.
pub async fn output_to(command: &mut Command, file: File) -> Result<(), MigrateError> {
    finish(command.stdout(file)).await.map(|_| ())
}

async fn finish(command: &mut Command) -> Result<Output, MigrateError> {
    let output = spawn(command)?.wait_with_output().await;
    ended(command, output)
}

/// Begins to run a program, whose errors are heard.
///
/// # Errors
///
/// If it cannot be run.
pub fn spawn(command: &mut Command) -> Result<Child, MigrateError> {
    let child = command.stderr(Stdio::piped()).spawn();
    child.map_err(|error| not_run(command, &error))
}

/// What a program wrote until it ended.
///
/// # Errors
///
/// If it failed.
pub fn ended(command: &Command, output: io::Result<Output>) -> Result<Output, MigrateError> {
    let output = output.map_err(|error| not_run(command, &error))?;
    if output.status.success() {
        Ok(output)
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(failed(command, &output.status.to_string(), &said))
    }
}

/// A program could not be run.
#[must_use]
pub fn not_run(command: &Command, error: &io::Error) -> MigrateError {
    MigrateError::Program {
        program: name(command),
        reason: format!("cannot be run: {error}"),
    }
}

/// A program failed, and said why at the end of what it wrote.
#[must_use]
pub fn failed(command: &Command, status: &str, said: &str) -> MigrateError {
    const LINES: usize = 12;
    let lines: Vec<&str> = said
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let last = &lines[lines.len().saturating_sub(LINES)..];
    MigrateError::Program {
        program: name(command),
        reason: format!("{status}\n{}", last.join("\n")),
    }
}

/// The program and its arguments, for messages. Addresses of databases are long.
fn name(command: &Command) -> String {
    let command = command.as_std();
    let program = Path::new(command.get_program()).file_name();
    let words = program.into_iter().chain(command.get_args());
    let words = words.map(OsStr::to_string_lossy);
    let words = words.map(|word| match word.split_once("://") {
        Some((scheme, _)) => format!("{scheme}://…"),
        None => word.into_owned(),
    });
    words.collect::<Vec<String>>().join(" ")
}
