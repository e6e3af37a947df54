//! `rules/` and `secrets.nix`: expressions as Nix.

use super::{formats::format_name, header, key, parenthesized, string, value};
use crate::{
    expr::{Expr, Path, Term},
    rules::Rule,
    tree::{Section, steps},
};
use serde_json::Value;

/// Whether a rule belongs into the file of a section.
pub fn in_section(rule: &Rule, section: &str) -> bool {
    let path = rule.path();
    steps(&path).next() == Some(section) && !is_root(rule)
}

/// Whether the rule can be broken although its section is absent.
fn is_root(rule: &Rule) -> bool {
    rule.scope.is_empty() && !rule.at.contains('.') && matches!(rule.when, Expr::Missing(_))
}

/// The file that holds the rules of all sections together.
pub fn root(root: &Section, rules: &[&Rule]) -> String {
    let own = rules.iter().filter(|rule| is_root(rule));
    let mut lines: Vec<String> = own.map(|rule| refusal(rule, &Here::root())).collect();
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

/// A file of rules.
pub fn file(rules: &[&Rule], origin: &str) -> String {
    let body = scope_body("", rules, &Here::root());
    let used = |name: &str| body.contains(&format!("{name} "));
    let helpers: Vec<&str> = ["each", "refuse", "less", "matches", "upper"]
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

/// The rules of one scope, and below them those of the lists in it.
fn scope_body(scope: &str, rules: &[&Rule], here: &Here) -> String {
    let own = rules.iter().filter(|rule| rule.scope == scope);
    let mut lines: Vec<String> = own.map(|rule| refusal(rule, here)).collect();
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
        let entry = Here::entry(name);
        lines.push(format!(
            "(each {} ({}.{} or [ ]) (at: {}: earlier: [ {} ]))",
            here.place(name),
            here.variable,
            attribute_path(&Path::from(name)),
            entry.variable,
            scope_body(list, rules, &entry),
        ));
    }
    lines.join("\n")
}

fn refusal(rule: &Rule, here: &Here) -> String {
    format!(
        "(refuse {} {} {})",
        here.place(&rule.at),
        string(&format!("{}. {}", rule.reason, rule.fix)),
        parenthesized(&here.condition(&rule.when)),
    )
}

/// A condition over the whole configuration as a Nix expression, over the variables `settings`,
/// `complete` and `older` and the functions of `modules/rules.nix`.
#[must_use]
pub fn condition(condition: &Expr) -> String {
    Here::root().condition(condition)
}

/// What the variables of a Nix expression are called, at the root or within a list entry.
struct Here {
    variable: String,
    root: bool,
}

impl Here {
    fn root() -> Self {
        Here {
            variable: "settings".to_owned(),
            root: true,
        }
    }

    fn entry(list: &str) -> Self {
        let name = list.rsplit('.').next().unwrap_or(list);
        Here {
            variable: name.trim_end_matches('s').to_owned(),
            root: false,
        }
    }

    fn place(&self, at: &str) -> String {
        match (self.root, at) {
            (true, at) => string(at),
            (false, "") => "at".to_owned(),
            (false, at) => format!("\"${{at}}.{at}\""),
        }
    }

    fn condition(&self, condition: &Expr) -> String {
        let absent = |test: String| {
            if self.root {
                format!("complete && {test}")
            } else {
                test
            }
        };
        match condition {
            Expr::IsSet(path) => format!("{} ? {}", self.variable, attribute_path(path)),
            Expr::Missing(path) => {
                absent(format!("!({} ? {})", self.variable, attribute_path(path)))
            }
            Expr::Empty(path) => absent(format!(
                "({}.{} or null) == [ ]",
                self.variable,
                attribute_path(path)
            )),
            Expr::OneOf(term, values) => match &values[..] {
                [only] => format!("{} == {}", self.term(term), value(only)),
                _ => format!(
                    "builtins.elem {} {}",
                    self.term(term),
                    value(&Value::Array(values.clone()))
                ),
            },
            Expr::Matches(term, format) => {
                format!(
                    "matches formats.{} {}",
                    format_name(format),
                    self.term(term)
                )
            }
            Expr::Less(left, right) => format!("less {} {}", self.term(left), self.term(right)),
            Expr::Repeated(term) => {
                let other = Here {
                    variable: "other".to_owned(),
                    root: false,
                };
                format!(
                    "builtins.any (other: {} == {}) earlier",
                    other.term(term),
                    self.term(term)
                )
            }
            Expr::Global(condition) => Here::root().condition(condition),
            Expr::OlderThan(version) => format!("older {}", string(&version.to_string())),
            Expr::Not(condition) => format!("!({})", self.condition(condition)),
            Expr::All(conditions) => self.joined(conditions, " && "),
            Expr::Any(conditions) => self.joined(conditions, " || "),
        }
    }

    fn joined(&self, conditions: &[Expr], operator: &str) -> String {
        let parts = conditions.iter().map(|condition| {
            let text = self.condition(condition);
            let nested = self.is_chain(condition);
            if nested { format!("({text})") } else { text }
        });
        parts.collect::<Vec<_>>().join(operator)
    }

    /// Whether the condition is printed as several ones with an operator between them.
    fn is_chain(&self, condition: &Expr) -> bool {
        match condition {
            Expr::All(parts) | Expr::Any(parts) => match &parts[..] {
                [only] => self.is_chain(only),
                _ => true,
            },
            Expr::Missing(_) | Expr::Empty(_) => self.root,
            Expr::Global(condition) => Here::root().is_chain(condition),
            _ => false,
        }
    }

    fn term(&self, term: &Term) -> String {
        match term {
            Term::Option(path, default) => format!(
                "({}.{} or {})",
                self.variable,
                attribute_path(path),
                value(default)
            ),
            Term::Constant(constant) => value(constant),
            Term::Upper(term) => format!("(upper {})", self.term(term)),
        }
    }
}

fn attribute_path(path: &Path) -> String {
    path.0.split('.').map(key).collect::<Vec<_>>().join(".")
}
