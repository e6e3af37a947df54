//! Runs of other programs.

use std::{
    env,
    ffi::OsStr,
    fs::File,
    io,
    path::Path,
    process::{self, ExitStatus, Output, Stdio},
};

use tokio::process::{Child, Command};

use crate::migrate::{MigrateError, system::run_as::Account};

/// Prepares a run of a program, as another user if one is given. The program has a separate process
/// group, so Ctrl-C does not reach it. It is killed when the `Child` is dropped. `MAS_*` variables are
/// removed from its environment, because MAS would read them as settings.
#[must_use]
pub fn command(path: &Path, account: Option<&Account>) -> Command {
    isolated(process::Command::new(path), account)
}

/// The same for a command line that already has arguments.
#[must_use]
pub fn isolated(command: process::Command, account: Option<&Account>) -> Command {
    let mut command = Command::from(command);
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
        // Our working directory and home may be inaccessible to this user.
        command.current_dir("/").env_remove("HOME");
    }
    command
}

/// Runs a program to its end and captures its output.
///
/// # Errors
///
/// If it cannot be run, or fails.
pub async fn output(command: &mut Command) -> Result<Output, MigrateError> {
    finish(command.stdout(Stdio::piped())).await
}

/// Runs a program to its end, with its standard output going to a file.
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

/// Starts a program with its standard error captured.
///
/// # Errors
///
/// If it cannot be run.
pub fn spawn(command: &mut Command) -> Result<Child, MigrateError> {
    let child = command.stderr(Stdio::piped()).spawn();
    child.map_err(not_run(command))
}

/// Checks the exit status of a program.
///
/// # Errors
///
/// If the program failed. The error has the end of its standard error.
pub fn ended(command: &Command, output: io::Result<Output>) -> Result<Output, MigrateError> {
    let output = output.map_err(not_run(command))?;
    if output.status.success() {
        Ok(output)
    } else {
        let stderr = String::from_utf8_lossy(&output.stderr);
        Err(failed(command, output.status, &stderr))
    }
}

/// For `map_err`: the error for a program that could not be started or waited for.
pub fn not_run(command: &Command) -> impl FnOnce(io::Error) -> MigrateError + use<> {
    let command = name(command);
    move |source| MigrateError::Spawn { command, source }
}

/// The error for a program that failed, with the last 12 lines that it wrote.
#[must_use]
pub fn failed(command: &Command, status: ExitStatus, output: &str) -> MigrateError {
    const LINES: usize = 12;
    let lines: Vec<&str> = output
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let last = &lines[lines.len().saturating_sub(LINES)..];
    MigrateError::Command {
        command: name(command),
        status,
        output: last.join("\n"),
    }
}

/// The program and its arguments, for messages. URIs are long, so only their scheme is shown.
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
