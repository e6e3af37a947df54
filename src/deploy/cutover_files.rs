//! The files that `syn2mas` fills at the cutover, if `migration.enable` is true. They are empty before the
//! cutover, and copies of their source afterwards.

use crate::expr::{self, Expr, Term, enabled, template};

/// A file that the cutover fills.
#[derive(Clone, Debug)]
pub struct CutoverFile {
    /// The path of the file.
    pub file: Term,
    /// The name of its source, in the directory of MAS's configuration.
    pub source: &'static str,
    /// The content before the cutover, as an argument of systemd-tmpfiles (tmpfiles.d(5)).
    pub nothing: &'static str,
    /// The condition for having this file, besides `migration.enable`.
    pub when: Expr,
}

/// The file that Synapse reads after its own configuration.
#[must_use]
pub fn overlay() -> CutoverFile {
    cutover_file("synapse.yaml", "synapse.yaml", "", expr::all([]))
}

/// The file that nginx includes.
#[must_use]
pub fn nginx() -> CutoverFile {
    let when = enabled("routes.nginx");
    cutover_file("nginx.conf", "cutover.nginx", BLANK, when)
}

/// The file that Caddy imports.
#[must_use]
pub fn caddy() -> CutoverFile {
    let when = enabled("routes.caddy");
    cutover_file("caddy.conf", "cutover.caddy", BLANK, when)
}

/// All files that the cutover fills.
#[must_use]
pub fn all() -> Vec<CutoverFile> {
    vec![overlay(), nginx(), caddy()]
}

/// An empty line, as tmpfiles.d(5) writes it: Caddy 2.6 does not import an empty file.
const BLANK: &str = " \\n";

fn cutover_file(
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
