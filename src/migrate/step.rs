//! The steps of a migration and of a rollback.

use serde::{Deserialize, Serialize};

/// The page that explains findings and failed steps. The project has no address on the web yet.
pub const TROUBLESHOOTING: &str = "docs/troubleshooting.md";

/// A step of a migration or of a rollback. Each can be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Look for blockers.
    Inspect,
    /// Stop MAS, which nobody uses yet, and keep it from being started.
    HoldMas,
    /// Stop MAS and Synapse, and keep them from being started.
    Stop,
    /// Back both databases up.
    BackUp,
    /// Grant Synapse's role to MAS's, temporarily.
    Grant,
    /// Copy the tables of Synapse that the import reads, while Synapse runs.
    Copy,
    /// Import with `mas-cli syn2mas`.
    Import,
    /// Compare both databases row by row.
    Verify,
    /// Bring the copy and MAS's database up to what Synapse has now, while it runs, until that takes little
    /// time.
    CatchUp,
    /// Bring them up for the last time, with Synapse stopped and its tables locked.
    LastRound,
    /// Fill the overlay.
    Switch,
    /// Start MAS and Synapse.
    Start,
    /// Check that Synapse delegates to MAS on all its listeners.
    Probe,
    /// Fill the includes of the reverse proxy.
    Proxy,
    /// Compare MAS's database with the copy once more, completely, now that everybody is back.
    VerifyAgain,
    /// Drop the copy, and revoke the grant. The migration is complete.
    Complete,
    /// Stop MAS, so that nobody logs in any more.
    StopMas,
    /// Look once more what would be lost: users may have logged in before MAS was down.
    CheckLosses,
    /// Stop Synapse.
    StopSynapse,
    /// Dump what MAS's database has.
    Keep,
    /// Empty the includes and the overlay.
    Undelegate,
    /// Delete from Synapse's database what was ended in MAS.
    Repair,
    /// Start Synapse as it ran before the migration.
    StartSynapse,
    /// Check that Synapse authenticates its users by itself on all its listeners.
    ProbeSynapse,
    /// Revoke the grant. Until then MAS's database says that there is one.
    Revoke,
    /// Restore MAS's database.
    Restore,
    /// Drop the copy of Synapse's tables.
    DropCopy,
    /// Log out the devices that came through MAS.
    LogOut,
    /// Start MAS as it ran before the migration, and forget the migration.
    Finish,
    /// Take the state of a lost journal from MAS's database.
    Recover,
    /// Let `mas-cli` try the import (`syn2mas rehearse --dry-run`).
    DryRun,
}

impl Step {
    /// All steps, in the order of their declaration.
    pub const ALL: &[Step] = &[
        Step::Inspect,
        Step::HoldMas,
        Step::Stop,
        Step::BackUp,
        Step::Grant,
        Step::Copy,
        Step::Import,
        Step::Verify,
        Step::CatchUp,
        Step::LastRound,
        Step::Switch,
        Step::Start,
        Step::Probe,
        Step::Proxy,
        Step::VerifyAgain,
        Step::Complete,
        Step::StopMas,
        Step::CheckLosses,
        Step::StopSynapse,
        Step::Keep,
        Step::Undelegate,
        Step::Repair,
        Step::StartSynapse,
        Step::ProbeSynapse,
        Step::Revoke,
        Step::Restore,
        Step::DropCopy,
        Step::LogOut,
        Step::Finish,
        Step::Recover,
        Step::DryRun,
    ];

    /// The page with what to do if this step fails, relative to the project, for example
    /// `docs/troubleshooting.md#step-back-up`.
    #[must_use]
    pub fn help(self) -> String {
        format!("{TROUBLESHOOTING}#step-{}", self.name())
    }

    /// The name, as in the journal, for example `back-up`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Step::Inspect => "inspect",
            Step::HoldMas => "hold-mas",
            Step::Stop => "stop",
            Step::BackUp => "back-up",
            Step::Grant => "grant",
            Step::Copy => "copy",
            Step::Import => "import",
            Step::Verify => "verify",
            Step::CatchUp => "catch-up",
            Step::LastRound => "last-round",
            Step::Switch => "switch",
            Step::Start => "start",
            Step::Probe => "probe",
            Step::Proxy => "proxy",
            Step::VerifyAgain => "verify-again",
            Step::Complete => "complete",
            Step::StopMas => "stop-mas",
            Step::CheckLosses => "check-losses",
            Step::StopSynapse => "stop-synapse",
            Step::Keep => "keep",
            Step::Undelegate => "undelegate",
            Step::Repair => "repair",
            Step::StartSynapse => "start-synapse",
            Step::ProbeSynapse => "probe-synapse",
            Step::Restore => "restore",
            Step::Revoke => "revoke",
            Step::DropCopy => "drop-copy",
            Step::LogOut => "log-out",
            Step::Finish => "finish",
            Step::Recover => "recover",
            Step::DryRun => "dry-run",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_listed_once_and_in_order() {
        assert!(Step::ALL.is_sorted_by(|a, b| a < b));
        assert_eq!(Step::ALL.last(), Some(&Step::DryRun));
        assert_eq!(Step::ALL.len(), Step::DryRun as usize + 1);
    }
}
