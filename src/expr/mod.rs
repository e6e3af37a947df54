//! The expression language: conditions over option values, and values made from them, as data.
//!
//! [`Scope`] evaluates them here; [`crate::codegen::nix`] prints them as Nix. An expression is
//! total: where an option is absent or has an unexpected type, a comparison with it is false.

use semver::Version;
use serde_json::{Map, Value};

use crate::schema::format::{self, Format};

/// The value of an option, or something made from it.
#[derive(Clone, Debug)]
pub enum Term {
    /// The option at a path, or the given value in its absence.
    Option(Path, Value),
    /// The option at a path, which is always there.
    Known(Path),
    /// The entry at hand itself.
    Entry,
    /// A constant.
    Constant(Value),
    /// The same text in upper case.
    Upper(Box<Term>),
    /// What the group in this POSIX pattern holds, if the text as a whole matches; else null.
    Captured(Box<Term>, &'static str),
    /// Texts one after the other.
    Text(Vec<Term>),
    /// A number as a text.
    Digits(Box<Term>),
    /// The texts of a list, each with a line of its own.
    Lines(Box<Term>),
    /// The texts of a list, with something between them.
    Join(Box<Term>, &'static str),
    /// The first term if the condition holds, else the second.
    If(Box<Expr>, Box<Term>, Box<Term>),
    /// A list.
    List(Vec<Item>),
    /// Values under names, some of them only on a condition.
    Section(Vec<Entry>),
    /// The second term for every entry of the list that the first one is.
    Each(Box<Term>, Box<Term>),
}

/// A part of a list.
#[derive(Clone, Debug)]
pub struct Item {
    /// When it is there.
    pub when: Option<Expr>,
    /// One entry, or a list of them if `spread`.
    pub value: Term,
    /// Whether the value is a list whose entries are meant.
    pub spread: bool,
}

/// A value under a name.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The name.
    pub name: &'static str,
    /// When it is there.
    pub when: Option<Expr>,
    /// The value.
    pub value: Term,
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
    /// The list has an entry for which the condition holds.
    Exists(Path, Box<Expr>),
    /// The terms have the same value.
    Same(Term, Term),
    /// MAS is older than this.
    OlderThan(Version),
    /// The term is a version before this one.
    Earlier(Term, Version),
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

/// The option, which is always there.
#[must_use]
pub fn known(path: &str) -> Term {
    Term::Known(path.into())
}

/// The option, which is always there, is `true`.
#[must_use]
pub fn enabled(path: &str) -> Expr {
    known(path).is(true)
}

/// The option, which is always there, is not `null`.
#[must_use]
pub fn given(path: &str) -> Expr {
    not(known(path).is(Value::Null))
}

/// A text in which `{path}` stands for an option that is always there, and `{#path}` for one that is a
/// number.
#[must_use]
pub fn template(template: &str) -> Term {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((path, behind)) = after.split_once('}') else {
            break;
        };
        parts.extend((!before.is_empty()).then(|| before.into()));
        parts.push(match path.strip_prefix('#') {
            Some(number) => Term::Digits(Box::new(known(number))),
            None => known(path),
        });
        rest = behind;
    }
    parts.extend((!rest.is_empty()).then(|| rest.into()));
    Term::Text(parts)
}

/// One of two terms.
pub fn either(condition: Expr, then: impl Into<Term>, otherwise: impl Into<Term>) -> Term {
    Term::If(
        Box::new(condition),
        Box::new(then.into()),
        Box::new(otherwise.into()),
    )
}

/// A constant list of texts.
#[must_use]
pub fn texts(values: &[&str]) -> Term {
    Term::Constant(values.to_vec().into())
}

/// An entry of a list.
pub fn item(value: impl Into<Term>) -> Item {
    Item {
        when: None,
        value: value.into(),
        spread: false,
    }
}

/// All entries of a list, in another one.
pub fn items(list: impl Into<Term>) -> Item {
    Item {
        spread: true,
        ..item(list)
    }
}

/// A value under a name.
pub fn entry(name: &'static str, value: impl Into<Term>) -> Entry {
    Entry {
        name,
        when: None,
        value: value.into(),
    }
}

impl Item {
    /// The same, but only on a condition.
    #[must_use]
    pub fn when(self, condition: Expr) -> Self {
        Item {
            when: Some(condition),
            ..self
        }
    }
}

impl Entry {
    /// The same, but only on a condition.
    #[must_use]
    pub fn when(self, condition: Expr) -> Self {
        Entry {
            when: Some(condition),
            ..self
        }
    }
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

    /// The term is one of these values.
    #[must_use]
    pub fn one_of_values(self, values: &[Value]) -> Expr {
        Expr::OneOf(self, values.to_vec())
    }

    /// The term is a text of this form.
    #[must_use]
    pub fn matches(self, format: &'static Format) -> Expr {
        Expr::Matches(self, format)
    }
}

impl From<bool> for Term {
    fn from(value: bool) -> Self {
        Term::Constant(Value::Bool(value))
    }
}

impl From<&str> for Term {
    fn from(value: &str) -> Self {
        Term::Constant(value.into())
    }
}

impl From<Value> for Term {
    fn from(value: Value) -> Self {
        Term::Constant(value)
    }
}

impl From<Vec<Item>> for Term {
    fn from(items: Vec<Item>) -> Self {
        Term::List(items)
    }
}

impl From<Vec<Entry>> for Term {
    fn from(entries: Vec<Entry>) -> Self {
        Term::Section(entries)
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

impl<'a> Scope<'a> {
    /// A whole configuration.
    #[must_use]
    pub fn whole(value: &'a Value, complete: bool, version: &'a Version) -> Self {
        Scope {
            root: value,
            value,
            earlier: &[],
            complete,
            version,
        }
    }
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
            Expr::OneOf(term, values) => values.contains(&self.value_of(term)),
            Expr::Matches(term, format) => self
                .value_of(term)
                .as_str()
                .is_some_and(|text| format.matches(text)),
            Expr::Less(left, right) => {
                let number = |term| self.value_of(term).as_f64();
                number(left)
                    .zip(number(right))
                    .is_some_and(|(left, right)| left < right)
            }
            Expr::Repeated(term) => {
                let own = self.value_of(term);
                !own.is_null()
                    && self
                        .earlier
                        .iter()
                        .any(|entry| self.at(entry).value_of(term) == own)
            }
            Expr::Global(condition) => Scope {
                earlier: &[],
                ..self.at(self.root)
            }
            .holds(condition),
            Expr::Exists(path, condition) => {
                let list = lookup(self.value, path).and_then(Value::as_array);
                list.is_some_and(|list| list.iter().any(|entry| self.at(entry).holds(condition)))
            }
            Expr::Same(left, right) => self.value_of(left) == self.value_of(right),
            Expr::OlderThan(version) => self.version < version,
            Expr::Earlier(term, version) => {
                let own = self.value_of(term);
                let own = own.as_str().and_then(|own| Version::parse(own).ok());
                own.is_some_and(|own| own < *version)
            }
            Expr::Not(condition) => !self.holds(condition),
            Expr::All(conditions) => conditions.iter().all(|condition| self.holds(condition)),
            Expr::Any(conditions) => conditions.iter().any(|condition| self.holds(condition)),
        }
    }

    /// What the term is here; null where an option is absent.
    #[must_use]
    pub fn value_of(&self, term: &Term) -> Value {
        match term {
            Term::Option(path, default) => lookup(self.value, path).unwrap_or(default).clone(),
            Term::Known(path) => lookup(self.value, path).cloned().unwrap_or_default(),
            Term::Entry => self.value.clone(),
            Term::Constant(value) => value.clone(),
            Term::Upper(term) => match self.value_of(term) {
                Value::String(text) => Value::String(text.to_ascii_uppercase()),
                other => other,
            },
            Term::Captured(term, pattern) => {
                let text = self.value_of(term);
                let captured = text
                    .as_str()
                    .and_then(|text| format::capture(pattern, text));
                captured.map_or(Value::Null, Value::String)
            }
            Term::Text(parts) => {
                let parts = parts.iter().map(|part| plain(&self.value_of(part)));
                Value::String(parts.collect())
            }
            Term::Digits(number) => Value::String(plain(&self.value_of(number))),
            Term::Lines(list) => {
                let lines = self.list_of(list);
                let lines = lines.iter().map(|line| plain(line) + "\n");
                Value::String(lines.collect())
            }
            Term::Join(list, separator) => {
                let texts: Vec<String> = self.list_of(list).iter().map(plain).collect();
                Value::String(texts.join(separator))
            }
            Term::If(condition, then, otherwise) => self.value_of(if self.holds(condition) {
                then
            } else {
                otherwise
            }),
            Term::List(items) => items
                .iter()
                .filter(|item| self.applies(item.when.as_ref()))
                .flat_map(|item| {
                    if item.spread {
                        self.list_of(&item.value)
                    } else {
                        vec![self.value_of(&item.value)]
                    }
                })
                .collect(),
            Term::Section(entries) => {
                let entries = entries.iter();
                let entries = entries.filter(|entry| self.applies(entry.when.as_ref()));
                let entries =
                    entries.map(|entry| (entry.name.to_owned(), self.value_of(&entry.value)));
                Value::Object(entries.collect::<Map<_, _>>())
            }
            Term::Each(list, body) => {
                let list = self.list_of(list);
                list.iter()
                    .map(|entry| self.at(entry).value_of(body))
                    .collect()
            }
        }
    }

    /// Whether something with this condition is there.
    #[must_use]
    pub fn applies(&self, condition: Option<&Expr>) -> bool {
        condition.is_none_or(|condition| self.holds(condition))
    }

    fn list_of(&self, term: &Term) -> Vec<Value> {
        match self.value_of(term) {
            Value::Array(list) => list,
            _ => Vec::new(),
        }
    }

    fn at<'b>(&'b self, value: &'b Value) -> Scope<'b> {
        Scope { value, ..*self }
    }
}

/// A value within a text.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn lookup<'a>(value: &'a Value, path: &Path) -> Option<&'a Value> {
    path.0
        .split('.')
        .try_fold(value, |value, key| value.get(key))
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
