//! How a command ends, and its exit code.

use std::process::ExitCode;

use mas2nix::migrate::{
    cutover::Outcome,
    preflight::finding::{Finding, Severity},
    status::Status,
};

/// How a command ends. The exit codes follow from this, and from nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It is done, or nothing is wrong.
    Good,
    /// It failed: there is an error, or a step failed.
    Failed,
    /// A blocker, or a loss that was not accepted.
    Blocked,
    /// There are warnings, and no blockers.
    Warnings,
    /// The databases differ.
    Differences,
}

/// The exit codes for `--help`. docs/migration.md has the same.
pub const HELP: &str = "\
Exit codes:
  0   done, or nothing wrong
  1   failed, interrupted, or without a result
  2   wrong usage of the command line
  10  blockers, or a loss that was not accepted: nothing was done
  11  warnings, and no blockers
  12  the databases differ";

impl Ending {
    /// The exit code. A wrong command line ends with 2 before there is an ending.
    pub fn exit_code(self) -> ExitCode {
        ExitCode::from(match self {
            Ending::Good => 0,
            Ending::Failed => 1,
            Ending::Blocked => 10,
            Ending::Warnings => 11,
            Ending::Differences => 12,
        })
    }

    /// The ending of a comparison.
    pub fn of_comparison(identical: bool) -> Self {
        if identical {
            Ending::Good
        } else {
            Ending::Differences
        }
    }
}

impl From<&Outcome> for Ending {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Migrated(_) | Outcome::Already { .. } | Outcome::RolledBack => Ending::Good,
            Outcome::Blocked(_) | Outcome::Refused(_) => Ending::Blocked,
            Outcome::FailedAndReverted { .. } | Outcome::RollbackIncomplete { .. } => {
                Ending::Failed
            }
        }
    }
}

impl From<&Status> for Ending {
    /// A status is a result only if it says where the migration stands, or that one is at work.
    fn from(status: &Status) -> Self {
        if status.stage.is_some() || status.at_work {
            Ending::Good
        } else {
            Ending::Failed
        }
    }
}

impl From<&[Finding]> for Ending {
    fn from(findings: &[Finding]) -> Self {
        match findings.iter().map(|finding| finding.kind.severity).max() {
            Some(Severity::Blocker) => Ending::Blocked,
            Some(Severity::Warning) => Ending::Warnings,
            Some(Severity::Note) | None => Ending::Good,
        }
    }
}
