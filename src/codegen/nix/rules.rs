//! `rules/` and `secrets.nix`: rules printed as Nix.

use super::{
    expr::{NixScope, attribute_path},
    header, key, parenthesized, string,
};
use crate::{
    config::tree::{Section, steps},
    expr::{Expr, Path},
    rules::Rule,
};

/// Whether a rule belongs in the file of this section.
pub fn in_section(rule: &Rule, section: &str) -> bool {
    let path = rule.path();
    steps(&path).next() == Some(section) && !is_root(rule)
}

/// Whether the rule can be broken even if its section is absent.
fn is_root(rule: &Rule) -> bool {
    rule.scope.is_empty() && !rule.at.contains('.') && matches!(rule.when, Expr::Missing(_))
}

/// The file that imports the rules of all sections.
pub fn root(root: &Section, rules: &[&Rule]) -> String {
    let own = rules.iter().filter(|rule| is_root(rule));
    let mut lines: Vec<String> = own.map(|rule| refusal(rule, &NixScope::root())).collect();
    for (name, _) in &root.options {
        if rules.iter().any(|rule| in_section(rule, name)) {
            let name = key(name);
            lines.push(format!(
                "(lib.optionals (settings ? {name}) (import ./{name}.nix arguments))"
            ));
        }
    }
    format!(
        "{}{{ lib, rules, settings, complete, older, }}@arguments: let inherit (rules) refuse; in lib.concatLists [ {} ]",
        header("src/rules and src/schema"),
        lines.join("\n")
    )
}

/// A Nix function that returns the messages of all broken rules.
pub fn file(rules: &[&Rule], origin: &str) -> String {
    let body = scope_body("", rules, &NixScope::root());
    let used = |name: &str| body.contains(&format!("{name} "));
    let helpers: Vec<&str> = ["capture", "each", "refuse", "less", "matches", "upper"]
        .into_iter()
        .filter(|name| used(name))
        .chain(body.contains("formats.").then_some("formats"))
        .collect();
    format!(
        "{}{{ lib, rules, settings, complete, older, }}: let inherit (rules) {}; in lib.concatLists [ {body} ]",
        header(origin),
        helpers.join(" ")
    )
}

/// The rules of one scope, followed by those of the lists in it.
fn scope_body(scope: &str, rules: &[&Rule], nix_scope: &NixScope) -> String {
    let own = rules.iter().filter(|rule| rule.scope == scope);
    let mut lines: Vec<String> = own.map(|rule| refusal(rule, nix_scope)).collect();
    let mut lists: Vec<&str> = Vec::new();
    for rule in rules {
        let below = rule
            .scope
            .strip_prefix(scope)
            .filter(|below| !below.is_empty());
        let Some(below) = below else { continue };
        let end = below.find("[]").map_or(below.len(), |at| at + 2);
        let list = &rule.scope[..scope.len() + end];
        if !lists.contains(&list) {
            lists.push(list);
        }
    }
    for list in lists {
        let name = list[scope.len()..]
            .trim_start_matches('.')
            .trim_end_matches("[]");
        let entry = NixScope::entry(name);
        lines.push(format!(
            "(each {} ({}.{} or [ ]) (at: {}: earlier: [ {} ]))",
            nix_scope.place(name),
            nix_scope.variable,
            attribute_path(&Path::from(name)),
            entry.variable,
            scope_body(list, rules, &entry),
        ));
    }
    lines.join("\n")
}

fn refusal(rule: &Rule, nix_scope: &NixScope) -> String {
    format!(
        "(refuse {} {} {})",
        nix_scope.place(&rule.at),
        string(&format!("{}. {}", rule.reason, rule.fix)),
        parenthesized(&nix_scope.condition(&rule.when)),
    )
}
