//! What `syn2mas inspect` finds, and how much it matters. The list of all of it stands in
//! [`catalogue`](super::catalogue).

use serde::Serialize;

/// How many samples a finding shows.
pub const SAMPLES: usize = 5;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
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
    /// How much it matters.
    pub severity: Severity,
    /// What it means for these users.
    pub meaning: &'static str,
    /// What to do about it.
    pub fix: &'static str,
}

/// Something found before a migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What is found.
    #[serde(flatten)]
    pub kind: FindingKind,
    /// How many rows, users or options it is about.
    pub count: i64,
    /// Up to five of them, or what was found exactly.
    pub samples: Vec<String>,
}

/// A kind of finding, and the query for what it is about: a text for each row.
#[derive(Clone, Debug)]
pub struct Check {
    /// What is found if the query gives rows.
    pub kind: FindingKind,
    /// The query.
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

    /// A finding, if something is so.
    #[must_use]
    pub fn found_if(self, so: bool) -> Option<Finding> {
        so.then(|| self.found())
    }

    /// A finding about these, if there are any.
    #[must_use]
    pub fn found_in(self, samples: Vec<String>) -> Option<Finding> {
        (!samples.is_empty()).then(|| Finding {
            kind: self,
            count: samples.len().try_into().unwrap_or(i64::MAX),
            samples: samples.into_iter().take(SAMPLES).collect(),
        })
    }

    /// A finding about one thing, with what was found exactly.
    #[must_use]
    pub fn because(self, what: impl Into<String>) -> Finding {
        Finding {
            samples: vec![what.into()],
            ..self.found()
        }
    }

    /// A check of rows.
    #[must_use]
    pub fn check(self, query: impl Into<String>) -> Check {
        Check {
            kind: self,
            query: query.into(),
        }
    }
}
