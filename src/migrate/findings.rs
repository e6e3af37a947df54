//! What `syn2mas inspect` finds, and how much it matters.

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

/// Something found before a migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable name.
    pub id: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// How many rows, users or options it is about.
    pub count: i64,
    /// Up to five of them.
    pub samples: Vec<String>,
    /// What it means for these users.
    pub meaning: String,
    /// What to do about it.
    pub fix: String,
}

/// A finding, and the query for what it is about: a text for each row.
#[derive(Clone, Debug)]
pub struct Check {
    /// What is found if the query gives rows.
    pub finding: Finding,
    /// The query.
    pub query: String,
}

impl Finding {
    /// A finding about one thing, such as an option.
    #[must_use]
    pub fn one(id: &'static str, severity: Severity, meaning: &str, fix: &str) -> Self {
        Finding {
            id,
            severity,
            count: 1,
            samples: Vec::new(),
            meaning: meaning.to_owned(),
            fix: fix.to_owned(),
        }
    }

    /// The same, with what it is about.
    #[must_use]
    pub fn about(mut self, samples: Vec<String>) -> Self {
        self.count = samples.len().try_into().unwrap_or(i64::MAX);
        self.samples = samples;
        self.samples.truncate(SAMPLES);
        self
    }
}
