//! What `syn2mas inspect` finds, and how severe it is. [`catalogue`](super::catalogue) lists all kinds
//! of findings.

use serde::{Deserialize, Serialize};

/// Number of samples that a finding shows at most.
pub const SAMPLES: usize = 5;

/// How severe a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Note,
    /// Some users will notice.
    Warning,
    /// The migration would fail, or lose something.
    Blocker,
}

/// A kind of finding, as the catalogue describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FindingKind {
    /// Stable name, such as `absent-user`.
    pub id: &'static str,
    /// How severe it is.
    pub severity: Severity,
    /// What it means for the users concerned.
    pub meaning: &'static str,
    /// What to do about it.
    pub fix: &'static str,
    /// Where this is documented, relative to the project, for example
    /// `docs/troubleshooting.md#absent-user`.
    pub help: &'static str,
}

/// Something found before a migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was found.
    #[serde(flatten)]
    pub kind: FindingKind,
    /// Number of rows, users or options concerned.
    pub count: i64,
    /// Up to five of them, or the details of what was found.
    pub samples: Vec<String>,
}

/// A query, and the kind of finding that it looks for.
#[derive(Clone, Debug)]
pub struct Check {
    /// What is reported if the query returns rows.
    pub kind: FindingKind,
    /// SQL that returns one text for each row concerned.
    pub query: String,
}

impl FindingKind {
    /// A finding about one thing, such as an option.
    #[must_use]
    pub fn found(self) -> Finding {
        Finding {
            kind: self,
            count: 1,
            samples: Vec::new(),
        }
    }

    /// A finding, if the condition `so` holds.
    #[must_use]
    pub fn found_if(self, so: bool) -> Option<Finding> {
        so.then(|| self.found())
    }

    /// A finding about these samples, of which it keeps the first five; `None` if there are none.
    #[must_use]
    pub fn found_in(self, samples: Vec<String>) -> Option<Finding> {
        (!samples.is_empty()).then(|| Finding {
            kind: self,
            count: samples.len().try_into().unwrap_or(i64::MAX),
            samples: samples.into_iter().take(SAMPLES).collect(),
        })
    }

    /// A finding about one thing, with the details of what was found.
    #[must_use]
    pub fn because(self, what: impl Into<String>) -> Finding {
        Finding {
            samples: vec![what.into()],
            ..self.found()
        }
    }

    /// A check that reports the rows of a query.
    #[must_use]
    pub fn check(self, query: impl Into<String>) -> Check {
        Check {
            kind: self,
            query: query.into(),
        }
    }
}
