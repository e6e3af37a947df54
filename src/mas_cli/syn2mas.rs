//! `mas-cli syn2mas`: its command line, and what it writes.

use std::{
    io,
    path::PathBuf,
    process::{Command, Output},
};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

use super::MasCli;

/// The homeserver to import from.
#[derive(Clone, Debug)]
pub struct Synapse {
    /// Synapse's configuration, in one file.
    pub config: PathBuf,
    /// The address of Synapse's database, without the password: everybody on the host can see arguments.
    pub database_uri: String,
}

impl MasCli {
    /// A command line of `mas-cli syn2mas`.
    #[must_use]
    pub fn syn2mas(&self, subcommand: &str, synapse: &Synapse) -> Command {
        let mut command = self.parsable(&["syn2mas", subcommand]);
        command
            .arg("--synapse-config")
            .arg(&synapse.config)
            .args(["--synapse-database-uri", &synapse.database_uri]);
        command
    }
}

/// The output of `mas-cli syn2mas check`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Problems that block the migration.
    pub errors: Vec<String>,
    /// Other problems.
    pub warnings: Vec<String>,
}

impl CheckReport {
    /// Reads the output of a finished check. None if it failed, and so has no result.
    #[must_use]
    pub fn of(output: &Output) -> Option<Self> {
        let stderr = String::from_utf8_lossy(&output.stderr);
        // 10 means errors, 11 warnings.
        matches!(output.status.code(), Some(0 | 10 | 11)).then(|| CheckReport::read(&stderr))
    }

    /// Parses the bullets below `===== Errors =====` and `===== Warnings =====`.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let mut said = CheckReport::default();
        let mut bullets: Option<&mut Vec<String>> = None;
        for line in text.lines().map(str::trim) {
            match (line, &mut bullets) {
                ("===== Errors =====", _) => bullets = Some(&mut said.errors),
                ("===== Warnings =====", _) => bullets = Some(&mut said.warnings),
                (_, Some(found)) => match (line.strip_prefix("• "), found.last_mut()) {
                    (Some(begun), _) => found.push(begun.to_owned()),
                    (None, Some(last)) if !line.is_empty() => {
                        last.push(' ');
                        last.push_str(line);
                    }
                    _ => {}
                },
                _ => {}
            }
        }
        said
    }
}

/// Progress of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being imported, in the words of `mas-cli`, for example `users`.
    pub entity: String,
    /// Rows imported or skipped.
    pub done: u64,
    /// Approximate number of all rows.
    pub total: u64,
}

impl Progress {
    /// Parses a line such as `migrating users: 4096 (0 skipped) /~200000 (~2.0%)`.
    #[must_use]
    pub fn read(line: &str) -> Option<Self> {
        let (entity, numbers) = line.split_once("migrating ")?.1.split_once(": ")?;
        let mut numbers = numbers
            .split(|character: char| !character.is_ascii_digit())
            .filter_map(|number| number.parse::<u64>().ok());
        let (done, skipped, total) = (numbers.next()?, numbers.next()?, numbers.next()?);
        Some(Progress {
            entity: entity.to_owned(),
            done: done + skipped,
            total,
        })
    }
}

/// Reads what `mas-cli syn2mas migrate` writes to the standard error, to its end, and returns it. `on_line`
/// receives each line.
///
/// # Errors
///
/// If reading fails.
pub async fn follow(
    stderr: impl AsyncRead + Unpin,
    mut on_line: impl FnMut(&str),
) -> io::Result<String> {
    let mut stderr = BufReader::new(stderr);
    let (mut all, mut line) = (String::new(), Vec::new());
    while stderr.read_until(b'\n', &mut line).await? > 0 {
        // A name in it may not be UTF-8.
        let text = String::from_utf8_lossy(&line);
        on_line(text.trim_end_matches(['\n', '\r']));
        all.push_str(&text);
        line.clear();
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_and_findings_are_read_from_what_mas_writes() {
        let line = "INFO progress migrating users: 4096 (3 skipped) /~200000 (~2.0%)";
        let expected = Progress {
            entity: "users".into(),
            done: 4099,
            total: 200_000,
        };
        assert_eq!(Progress::read(line), Some(expected));
        let said = CheckReport::read(
            "noise\n\n===== Errors =====\nThese:\n\n• one\n  more\n\n• two\n\n\
             ===== Warnings =====\n\n• three\n",
        );
        assert_eq!(said.errors, ["one more", "two"]);
        assert_eq!(said.warnings, ["three"]);
    }

    #[tokio::test]
    async fn a_line_that_is_not_utf_8_is_not_the_last() {
        let written: &[u8] = b"one\nt\xffo\r\nthree";
        let mut lines = Vec::new();
        let all = follow(written, |line| lines.push(line.to_owned())).await;
        assert_eq!(lines, ["one", "t\u{fffd}o", "three"]);
        assert_eq!(all.unwrap(), "one\nt\u{fffd}o\r\nthree");
    }
}
