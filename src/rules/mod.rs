//! Every rule that goes beyond an option's own type, once, as data over option paths.
//!
//! Most follow from the schema (`derived`); the others stand beside each other here, one file
//! per section. Where a rule is MAS's own, its comment gives the number it has in MAS's source
//! order: `validate()` and `TryFrom` of each section.

mod captcha;
pub mod check;
mod clients;
mod database;
mod derived;
mod email;
mod experimental;
mod http;
mod matrix;
mod module;
mod passwords;
mod rate_limiting;
mod secrets;
mod synapse;
mod telemetry;
mod upstream_oauth2;

use std::collections::BTreeSet;

use crate::{
    config::tree::{Node, join},
    expr::{self, Expr, set},
};

/// A configuration that MAS refuses, or accepts and then breaks on.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Stable name.
    pub id: String,
    /// The list whose entries it looks at (`http.listeners[].binds[]`), or nothing for the whole
    /// configuration.
    pub scope: String,
    /// The option to change, below the scope; nothing for the entry itself.
    pub at: String,
    /// When it is broken.
    pub when: Expr,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub fix: String,
    /// What it is about.
    pub kind: Kind,
}

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A configuration that does not work.
    Validity,
    /// A secret that does not belong in a file that everyone can read.
    Secrecy,
    /// What MAS ignores: the configuration works, and would work the same without it.
    Ignored,
}

impl Rule {
    /// The path of the option to change, with `[]` for list entries.
    #[must_use]
    pub fn path(&self) -> String {
        join(&self.scope, &self.at)
    }
}

/// The options, with `[]` for list entries, whose values must never be seen.
#[must_use]
pub fn secret_paths(rules: &[Rule]) -> BTreeSet<String> {
    let secrecy = rules.iter().filter(|rule| rule.kind == Kind::Secrecy);
    secrecy.map(Rule::path).collect()
}

/// All rules for a schema, in the order of its sections.
#[must_use]
pub fn all(settings: &Node) -> Vec<Rule> {
    let written = [
        http::rules(),
        matrix::rules(),
        secrets::rules(),
        database::rules(),
        passwords::rules(),
        email::rules(),
        upstream_oauth2::rules(),
        clients::rules(),
        captcha::rules(),
        rate_limiting::rules(),
        telemetry::rules(),
        experimental::rules(),
    ];
    let mut rules: Vec<Rule> = written.into_iter().flatten().collect();
    rules.extend(derived::rules(settings));
    rules
}

/// The rules of the module's own options, over all of them with their defaults.
#[must_use]
pub fn module() -> Vec<Rule> {
    module::rules()
}

/// What in Synapse's settings conflicts with delegation.
#[must_use]
pub fn synapse() -> Vec<Rule> {
    synapse::rules()
}

/// A rule over the whole configuration.
fn rule(id: &str, at: &str, when: Expr, reason: &str, fix: &str) -> Rule {
    each("", id, at, when, reason, fix)
}

/// A rule over every entry of a list.
fn each(scope: &str, id: &str, at: &str, when: Expr, reason: &str, fix: &str) -> Rule {
    Rule {
        id: id.to_owned(),
        scope: scope.to_owned(),
        at: at.to_owned(),
        when,
        reason: reason.to_owned(),
        fix: fix.to_owned(),
        kind: Kind::Validity,
    }
}

/// Two options of which only one may be there.
fn exclusive(scope: &str, section: &str, left: &str, right: &str) -> Rule {
    let (first, second) = (join(section, left), join(section, right));
    each(
        scope,
        &format!("{left}-and-{right}").replace('_', "-"),
        &second,
        expr::all([set(&first), set(&second)]),
        &format!("`{left}` and `{right}` exclude each other"),
        "Keep one of the two.",
    )
}
