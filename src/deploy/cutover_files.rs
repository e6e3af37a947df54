//! The files that `syn2mas` switches at the cutover, while `migration.enable` is true: there is nothing
//! in them before, and a copy of their source afterwards.

use crate::expr::{Expr, Term, all, enabled, template};

/// Such a file.
#[derive(Clone, Debug)]
pub struct CutoverFile {
    /// The file.
    pub file: Term,
    /// What it is filled with: a name in the directory of MAS's configuration.
    pub source: &'static str,
    /// What is in it when there is nothing in it, as systemd-tmpfiles takes it (tmpfiles.d(5)).
    pub nothing: &'static str,
    /// When there is such a file, beside `migration.enable`.
    pub when: Expr,
}

/// What Synapse reads after its own configuration.
#[must_use]
pub fn overlay() -> CutoverFile {
    switch("synapse.yaml", "synapse.yaml", "", all([]))
}

/// What nginx includes.
#[must_use]
pub fn nginx() -> CutoverFile {
    let when = enabled("routes.nginx");
    switch("nginx.conf", "cutover.nginx", BLANK, when)
}

/// What Caddy imports.
#[must_use]
pub fn caddy() -> CutoverFile {
    let when = enabled("routes.caddy");
    switch("caddy.conf", "cutover.caddy", BLANK, when)
}

/// All of them.
#[must_use]
pub fn switches() -> Vec<CutoverFile> {
    vec![overlay(), nginx(), caddy()]
}

/// An empty line: Caddy 2.6 does not import a file without any.
const BLANK: &str = " \\n";

fn switch(
    name: &'static str,
    source: &'static str,
    nothing: &'static str,
    when: Expr,
) -> CutoverFile {
    CutoverFile {
        file: template(&format!("{{migration.directory}}/{name}")),
        source,
        nothing,
        when,
    }
}
