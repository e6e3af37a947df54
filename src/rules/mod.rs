//! All rules beyond the type of a single option, each defined once, as data over option paths.
//!
//! Most follow from the schema (`derived`). The others are written here, one file per section. If MAS
//! itself has the rule, a comment gives its number in the order of MAS's source: `validate()` and
//! `TryFrom` of each section.

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

/// A check for a configuration that MAS rejects, or accepts and then fails with.
#[derive(Clone, Debug)]
pub struct Rule {
    /// A stable identifier, such as `no-client-keys`.
    pub id: String,
    /// The list whose entries the rule checks, such as `http.listeners[].binds[]`. Empty for the whole
    /// configuration.
    pub scope: String,
    /// The option to change, relative to the scope. Empty for the list entry itself.
    pub at: String,
    /// The condition under which the rule is broken.
    pub when: Expr,
    /// What is wrong, for the user.
    pub reason: String,
    /// How to correct it, for the user.
    pub fix: String,
    /// What kind of problem it reports.
    pub kind: RuleKind,
}

/// The kind of problem that a rule reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleKind {
    /// The configuration does not work.
    Validity,
    /// A secret is in a file that everyone can read.
    Secrecy,
    /// MAS ignores the option. The configuration works, and would work the same without it.
    Ignored,
}

impl Rule {
    /// The path of the option to change, with `[]` for list entries.
    #[must_use]
    pub fn path(&self) -> String {
        join(&self.scope, &self.at)
    }
}

/// The options whose values must never be shown, with `[]` for list entries.
#[must_use]
pub fn secret_paths(rules: &[Rule]) -> BTreeSet<String> {
    let secrecy = rules.iter().filter(|rule| rule.kind == RuleKind::Secrecy);
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

/// The rules for the module's own options. They expect all options with their defaults.
#[must_use]
pub fn module() -> Vec<Rule> {
    module::rules()
}

/// The rules for Synapse's settings that conflict with delegating authentication to MAS.
#[must_use]
pub fn synapse() -> Vec<Rule> {
    synapse::rules()
}

/// A rule for the whole configuration.
fn rule(id: &str, at: &str, when: Expr, reason: &str, fix: &str) -> Rule {
    each("", id, at, when, reason, fix)
}

/// A rule for every entry of a list.
fn each(scope: &str, id: &str, at: &str, when: Expr, reason: &str, fix: &str) -> Rule {
    Rule {
        id: id.to_owned(),
        scope: scope.to_owned(),
        at: at.to_owned(),
        when,
        reason: reason.to_owned(),
        fix: fix.to_owned(),
        kind: RuleKind::Validity,
    }
}

/// A rule against setting both of two options.
fn exclusive(scope: &str, section: &str, left: &str, right: &str) -> Rule {
    let (first, second) = (join(section, left), join(section, right));
    each(
        scope,
        &format!("{left}-and-{right}").replace('_', "-"),
        &second,
        expr::all([set(&first), set(&second)]),
        &format!("`{left}` and `{right}` cannot both be set"),
        "Remove one of them.",
    )
}
