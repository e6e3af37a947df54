//! The expression language: conditions over option values, as data.
//!
//! [`Scope::holds`] evaluates them here; [`crate::compile::nix`] prints them as Nix. An
//! expression is total: where an option is absent or has an unexpected type, a comparison with it
//! is false.

use semver::Version;
use serde_json::Value;

use crate::schema::format::Format;

/// The value of an option, or something made from it.
#[derive(Clone, Debug)]
pub enum Term {
    /// The option at a path, or the given value in its absence.
    Option(Path, Value),
    /// A constant.
    Constant(Value),
    /// The same text in upper case.
    Upper(Box<Term>),
}

/// A condition.
#[derive(Clone, Debug)]
pub enum Expr {
    /// The option is there.
    IsSet(Path),
    /// The option is absent, and no configuration file that is read later can add it.
    Missing(Path),
    /// The list is there, empty, and no configuration file that is read later can add to it.
    Empty(Path),
    /// The term is one of these values.
    OneOf(Term, Vec<Value>),
    /// The term is a text of this form.
    Matches(Term, &'static Format),
    /// The term is a number below the other one.
    Less(Term, Term),
    /// An earlier entry of the list that this entry is part of has the same term.
    Repeated(Term),
    /// The condition holds for the whole configuration, whatever list entry is at hand.
    Global(Box<Expr>),
    /// MAS is older than this.
    OlderThan(Version),
    /// The condition does not hold.
    Not(Box<Expr>),
    /// All of them hold.
    All(Vec<Expr>),
    /// At least one of them holds.
    Any(Vec<Expr>),
}

/// A path to an option, from the list entry at hand or from the root. It crosses no list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(pub String);

impl From<&str> for Path {
    fn from(path: &str) -> Self {
        Path(path.to_owned())
    }
}

/// The option, or null.
#[must_use]
pub fn option(path: &str) -> Term {
    Term::Option(path.into(), Value::Null)
}

/// The option, or what MAS uses in its absence.
pub fn option_or(path: &str, default: impl Into<Value>) -> Term {
    Term::Option(path.into(), default.into())
}

/// The option is there.
#[must_use]
pub fn set(path: &str) -> Expr {
    Expr::IsSet(path.into())
}

/// At least one of the options is there.
#[must_use]
pub fn any_set(paths: &[&str]) -> Expr {
    Expr::Any(paths.iter().map(|path| set(path)).collect())
}

/// The option is absent for good.
#[must_use]
pub fn missing(path: &str) -> Expr {
    Expr::Missing(path.into())
}

/// All of the options are absent for good.
#[must_use]
pub fn all_missing(paths: &[&str]) -> Expr {
    Expr::All(paths.iter().map(|path| missing(path)).collect())
}

/// The list is empty for good.
#[must_use]
pub fn empty(path: &str) -> Expr {
    Expr::Empty(path.into())
}

/// All of them hold.
#[must_use]
pub fn all<const N: usize>(conditions: [Expr; N]) -> Expr {
    Expr::All(conditions.into())
}

/// At least one of them holds.
#[must_use]
pub fn any<const N: usize>(conditions: [Expr; N]) -> Expr {
    Expr::Any(conditions.into())
}

/// It does not hold.
#[must_use]
pub fn not(condition: Expr) -> Expr {
    Expr::Not(Box::new(condition))
}

impl Term {
    /// The term is this value.
    pub fn is(self, value: impl Into<Value>) -> Expr {
        Expr::OneOf(self, vec![value.into()])
    }

    /// The term is one of these texts.
    #[must_use]
    pub fn one_of(self, values: &[&str]) -> Expr {
        Expr::OneOf(self, values.iter().map(|value| (*value).into()).collect())
    }

    /// The term is a text of this form.
    #[must_use]
    pub fn matches(self, format: &'static Format) -> Expr {
        Expr::Matches(self, format)
    }
}

/// What an expression is evaluated against.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The whole configuration.
    pub root: &'a Value,
    /// The list entry at hand, or the whole configuration again.
    pub value: &'a Value,
    /// The entries before it in its list.
    pub earlier: &'a [Value],
    /// Whether later configuration files may still add to what is absent here.
    pub complete: bool,
    /// The version of MAS.
    pub version: &'a Version,
}

impl Scope<'_> {
    /// Whether the condition holds here.
    #[must_use]
    pub fn holds(&self, condition: &Expr) -> bool {
        match condition {
            Expr::IsSet(path) => lookup(self.value, path).is_some(),
            Expr::Missing(path) => self.complete && lookup(self.value, path).is_none(),
            Expr::Empty(path) => {
                let list = lookup(self.value, path).and_then(Value::as_array);
                self.complete && list.is_some_and(Vec::is_empty)
            }
            Expr::OneOf(term, values) => values.contains(&evaluate(term, self.value)),
            Expr::Matches(term, format) => evaluate(term, self.value)
                .as_str()
                .is_some_and(|text| format.matches(text)),
            Expr::Less(left, right) => {
                let number = |term| evaluate(term, self.value).as_f64();
                number(left)
                    .zip(number(right))
                    .is_some_and(|(left, right)| left < right)
            }
            Expr::Repeated(term) => {
                let own = evaluate(term, self.value);
                !own.is_null()
                    && self
                        .earlier
                        .iter()
                        .any(|entry| evaluate(term, entry) == own)
            }
            Expr::Global(condition) => Scope {
                value: self.root,
                earlier: &[],
                ..*self
            }
            .holds(condition),
            Expr::OlderThan(version) => self.version < version,
            Expr::Not(condition) => !self.holds(condition),
            Expr::All(conditions) => conditions.iter().all(|condition| self.holds(condition)),
            Expr::Any(conditions) => conditions.iter().any(|condition| self.holds(condition)),
        }
    }
}

fn lookup<'a>(value: &'a Value, path: &Path) -> Option<&'a Value> {
    path.0
        .split('.')
        .try_fold(value, |value, key| value.get(key))
}

fn evaluate(term: &Term, value: &Value) -> Value {
    match term {
        Term::Option(path, default) => lookup(value, path).unwrap_or(default).clone(),
        Term::Constant(value) => value.clone(),
        Term::Upper(term) => match evaluate(term, value) {
            Value::String(text) => Value::String(text.to_ascii_uppercase()),
            other => other,
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::{NEWEST, format::HOSTNAME};

    fn holds(condition: &Expr, value: &Value, complete: bool) -> bool {
        Scope {
            root: value,
            value,
            earlier: &[json!({"id": "A"})],
            complete,
            version: &NEWEST,
        }
        .holds(condition)
    }

    #[test]
    fn what_is_absent_may_still_come_from_a_later_file() {
        let value = json!({"a": {"b": 1}, "list": []});
        assert!(holds(&missing("a.c"), &value, true));
        assert!(!holds(&missing("a.c"), &value, false));
        assert!(holds(&empty("list"), &value, true));
        assert!(!holds(&empty("list"), &value, false));
        assert!(!holds(&empty("a"), &value, true));
    }

    #[test]
    fn comparisons_with_the_wrong_type_are_false() {
        let value = json!({"a": "x", "b": 2});
        assert!(!holds(&Expr::Less(option("a"), option("b")), &value, true));
        assert!(!holds(&option("b").matches(&HOSTNAME), &value, true));
        assert!(holds(&option_or("c", "y").is("y"), &value, true));
    }

    #[test]
    fn repetition_looks_at_earlier_entries_only() {
        let repeated = Expr::Repeated(Term::Upper(Box::new(option("id"))));
        assert!(holds(&repeated, &json!({"id": "a"}), true));
        assert!(!holds(&repeated, &json!({"id": "b"}), true));
        assert!(!holds(&repeated, &json!({}), true));
    }
}
