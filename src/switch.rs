//! The files that `syn2mas` switches at the cutover, while `migration.enable` is true: each is empty
//! before, and a copy of its source afterwards.

use crate::expr::{Expr, Term, all, enabled, template};

/// Such a file.
#[derive(Clone, Debug)]
pub struct Switch {
    /// The file.
    pub file: Term,
    /// What it is filled with: a name in the directory of MAS's configuration.
    pub source: &'static str,
    /// When there is such a file, beside `migration.enable`.
    pub when: Expr,
}

/// What Synapse reads after its own configuration.
#[must_use]
pub fn overlay() -> Switch {
    switch("synapse.yaml", "synapse.yaml", all([]))
}

/// What nginx includes.
#[must_use]
pub fn nginx() -> Switch {
    switch("nginx.conf", "cutover.nginx", enabled("routes.nginx"))
}

/// What Caddy imports.
#[must_use]
pub fn caddy() -> Switch {
    switch("caddy.conf", "cutover.caddy", enabled("routes.caddy"))
}

/// All of them.
#[must_use]
pub fn switches() -> Vec<Switch> {
    vec![overlay(), nginx(), caddy()]
}

fn switch(name: &'static str, source: &'static str, when: Expr) -> Switch {
    Switch {
        file: template(&format!("{{migration.directory}}/{name}")),
        source,
        when,
    }
}
