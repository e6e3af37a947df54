//! Prints expressions as Nix.

use serde_json::Value;

use super::{formats::format_name, key, parenthesized, string, value};
use crate::expr::{Entry, Expr, Item, Path, Term};

/// A condition on the whole configuration as a Nix expression. It uses the variables `settings`,
/// `complete` and `older` and the functions of `modules/rules.nix`.
#[must_use]
pub fn condition(condition: &Expr) -> String {
    NixScope::root().condition(condition)
}

/// The variables that a Nix expression can use, at the root or within a list entry.
pub struct NixScope {
    /// The variable that holds the current options.
    pub variable: String,
    /// Whether these are the root settings, to which later configuration files may add.
    root: bool,
    /// Whether unset options may be present as `null`.
    may_be_null: bool,
}

impl NixScope {
    /// The scope of the root settings.
    pub fn root() -> Self {
        NixScope {
            root: true,
            ..NixScope::named("settings")
        }
    }

    /// The scope of an entry of `list`.
    pub fn entry(list: &str) -> Self {
        let name = list.rsplit('.').next().unwrap_or(list);
        NixScope::named(name.trim_end_matches('s'))
    }

    /// The scope of the options that a variable holds.
    fn named(variable: &str) -> Self {
        NixScope {
            variable: variable.to_owned(),
            root: false,
            may_be_null: false,
        }
    }

    /// The scope of the module's options.
    pub fn module() -> Self {
        NixScope {
            may_be_null: true,
            ..NixScope::named("cfg")
        }
    }

    /// The path of an option as a Nix expression, for a message.
    pub fn place(&self, at: &str) -> String {
        match (self.root, at) {
            (true, at) => string(at),
            (false, "") => "at".to_owned(),
            (false, at) => format!("\"${{at}}.{at}\""),
        }
    }

    /// A condition as a Nix expression.
    pub fn condition(&self, condition: &Expr) -> String {
        let absent = |test: String| {
            if self.root {
                format!("complete && {test}")
            } else {
                test
            }
        };
        match condition {
            Expr::IsSet(path) if self.may_be_null => {
                format!(
                    "({}.{} or null) != null",
                    self.variable,
                    attribute_path(path)
                )
            }
            Expr::IsSet(path) => format!("{} ? {}", self.variable, attribute_path(path)),
            Expr::Missing(path) => {
                absent(format!("!({} ? {})", self.variable, attribute_path(path)))
            }
            Expr::Empty(path) => absent(format!(
                "({}.{} or null) == [ ]",
                self.variable,
                attribute_path(path)
            )),
            Expr::OneOf(term @ Term::Known(_), values) if values[..] == [Value::Bool(true)] => {
                self.term(term)
            }
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
                let other = NixScope::named("other");
                format!(
                    "builtins.any (other: {} == {}) earlier",
                    other.term(term),
                    self.term(term)
                )
            }
            Expr::Global(condition) => NixScope::root().condition(condition),
            Expr::Exists(path, condition) => {
                let entry = NixScope::named("entry");
                format!(
                    "builtins.any (entry: {}) ({}.{} or [ ])",
                    entry.condition(condition),
                    self.variable,
                    attribute_path(path)
                )
            }
            Expr::Same(left, right) => format!("{} == {}", self.term(left), self.term(right)),
            Expr::Earlier(term, version) => format!(
                "lib.versionOlder {} {}",
                self.term(term),
                string(&version.to_string())
            ),
            Expr::OlderThan(version) => format!("older {}", string(&version.to_string())),
            Expr::Not(condition) => match &**condition {
                Expr::OneOf(term, values) if values.len() == 1 && values[0] != true => {
                    format!("{} != {}", self.term(term), value(&values[0]))
                }
                Expr::OneOf(term @ Term::Known(_), values) if values[..] == [Value::Bool(true)] => {
                    format!("!{}", self.term(term))
                }
                _ => format!("!({})", self.condition(condition)),
            },
            Expr::All(conditions) if conditions.is_empty() => "true".to_owned(),
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

    /// Whether the condition is printed as operands joined by an operator.
    fn is_chain(&self, condition: &Expr) -> bool {
        match condition {
            Expr::All(parts) | Expr::Any(parts) => match &parts[..] {
                [only] => self.is_chain(only),
                _ => true,
            },
            Expr::Missing(_) | Expr::Empty(_) => self.root,
            Expr::Global(condition) => NixScope::root().is_chain(condition),
            _ => false,
        }
    }

    /// A term as a Nix expression, in parentheses if it needs them as an argument.
    fn term(&self, term: &Term) -> String {
        let expression = self.expression(term);
        let atomic = match term {
            Term::Known(_) | Term::Entry | Term::Constant(_) | Term::Text(_) => true,
            Term::List(items) => items.iter().all(|item| item.when.is_none() && !item.spread),
            Term::Section(entries) => entries.iter().all(|entry| entry.when.is_none()),
            _ => false,
        };
        if atomic {
            expression
        } else {
            format!("({expression})")
        }
    }

    /// A term as a Nix expression.
    pub fn expression(&self, term: &Term) -> String {
        match term {
            Term::Option(path, default) => format!(
                "{}.{} or {}",
                self.variable,
                attribute_path(path),
                value(default)
            ),
            Term::Known(path) => format!("{}.{}", self.variable, attribute_path(path)),
            Term::Entry => self.variable.clone(),
            Term::Constant(constant) => value(constant),
            Term::Upper(term) => format!("upper {}", self.term(term)),
            Term::Captured(term, pattern) => {
                format!("capture {} {}", string(pattern), self.term(term))
            }
            Term::Text(parts) => {
                let parts = parts.iter().map(|part| match part {
                    Term::Constant(Value::String(text)) => {
                        let quoted = string(text);
                        quoted[1..quoted.len() - 1].to_owned()
                    }
                    other => format!("${{{}}}", self.expression(other)),
                });
                format!("\"{}\"", parts.collect::<String>())
            }
            Term::Digits(number) => format!("toString {}", self.term(number)),
            Term::Lines(list) => format!("lib.concatLines {}", self.term(list)),
            Term::Join(list, separator) => {
                format!(
                    "lib.concatStringsSep {} {}",
                    string(separator),
                    self.term(list)
                )
            }
            Term::If(condition, then, otherwise) => format!(
                "if {} then {} else {}",
                self.condition(condition),
                self.expression(then),
                self.expression(otherwise)
            ),
            Term::List(items) => self.list(items),
            Term::Section(entries) => self.section(entries),
            Term::Each(list, body) => {
                let entry = NixScope::named("entry");
                format!(
                    "map (entry: {}) {}",
                    entry.expression(body),
                    self.term(list)
                )
            }
        }
    }

    fn list(&self, items: &[Item]) -> String {
        let parts = items.chunk_by(|a, b| {
            let same = |item: &Item| item.when.is_none() && !item.spread;
            same(a) && same(b)
        });
        let parts: Vec<String> = parts.map(|items| self.part(items)).collect();
        if parts.is_empty() {
            "[ ]".to_owned()
        } else {
            parts.join(" ++ ")
        }
    }

    fn part(&self, items: &[Item]) -> String {
        match items {
            [
                Item {
                    when: Some(condition),
                    value,
                    spread,
                },
            ] => {
                let function = if *spread { "optionals" } else { "optional" };
                let condition = self.argument(condition);
                format!("lib.{function} {condition} {}", self.term(value))
            }
            [
                Item {
                    when: None,
                    value,
                    spread: true,
                },
            ] => self.term(value),
            items => {
                let items: Vec<String> = items.iter().map(|item| self.term(&item.value)).collect();
                format!("[ {} ]", items.join(" "))
            }
        }
    }

    fn section(&self, entries: &[Entry]) -> String {
        let condition = |entry: &Entry| entry.when.as_ref().map(|when| self.argument(when));
        let parts = entries.chunk_by(|a, b| condition(a) == condition(b));
        let parts = parts.map(|entries| {
            let assignments = entries
                .iter()
                .map(|entry| format!("{} = {};", key(entry.name), self.expression(&entry.value)));
            let section = format!("{{ {} }}", assignments.collect::<Vec<_>>().join(" "));
            match condition(&entries[0]) {
                Some(condition) => format!("lib.optionalAttrs {condition} {section}"),
                None => section,
            }
        });
        let parts: Vec<String> = parts.collect();
        if parts.is_empty() {
            "{ }".to_owned()
        } else {
            parts.join(" // ")
        }
    }

    /// A condition as a Nix expression, in parentheses if it needs them as an argument.
    fn argument(&self, condition: &Expr) -> String {
        parenthesized(&self.condition(condition))
    }
}

/// A path as a Nix attribute path.
pub fn attribute_path(path: &Path) -> String {
    path.0.split('.').map(key).collect::<Vec<_>>().join(".")
}
