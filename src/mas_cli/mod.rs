//! The one wrapper around `mas-cli`, MAS's command-line program: its command lines, and what its output
//! means. The callers run it, each in its own way: as a unit, or as another user.

pub mod doctor;
pub mod syn2mas;

use std::{path::PathBuf, process::Command};

/// `mas-cli` with its configuration.
#[derive(Clone, Debug)]
pub struct MasCli {
    /// Its path, or only its name if it is on PATH.
    pub program: PathBuf,
    /// The configuration files, in the order in which MAS merges them.
    pub config: Vec<PathBuf>,
}

impl MasCli {
    /// A command line with a subcommand. It inherits the environment, in which `MAS_*` variables are
    /// settings.
    #[must_use]
    pub fn command(&self, subcommand: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        for file in &self.config {
            command.arg("--config").arg(file);
        }
        command.args(subcommand);
        command
    }

    /// Like [`MasCli::command`], with output that can be parsed: without colours, and complete.
    #[must_use]
    pub fn parsable(&self, subcommand: &[&str]) -> Command {
        let mut command = self.command(subcommand);
        command.env("NO_COLOR", "1").env("RUST_LOG", "info");
        command
    }
}
