//! The expression language: conditions on option values and values computed from them, held as data.
//!
//! [`Scope`] evaluates expressions here; [`crate::codegen::nix`] prints them as Nix. Evaluation never
//! fails: a comparison with an option that is absent or has an unexpected type is false.

use semver::Version;
use serde_json::{Map, Value};

use crate::schema::format::{self, Format};

/// The value of an option, or a value computed from options.
#[derive(Clone, Debug)]
pub enum Term {
    /// The option at a path, or the given value if the option is absent.
    Option(Path, Value),
    /// The option at a path that is always present.
    Known(Path),
    /// The current list entry itself.
    Entry,
    /// A constant value.
    Constant(Value),
    /// The text in ASCII upper case.
    Upper(Box<Term>),
    /// What the group in this POSIX pattern captures if the pattern matches the whole text; else null.
    Captured(Box<Term>, &'static str),
    /// The texts, one after the other without a separator.
    Text(Vec<Term>),
    /// A number as decimal digits: `5432` is `"5432"`.
    Digits(Box<Term>),
    /// The texts of a list, each followed by a newline.
    Lines(Box<Term>),
    /// The texts of a list, joined with a separator.
    Join(Box<Term>, &'static str),
    /// The first term if the condition holds, else the second.
    If(Box<Expr>, Box<Term>, Box<Term>),
    /// A list. An item may have a condition.
    List(Vec<Item>),
    /// A map with fixed names. An entry may have a condition.
    Section(Vec<Entry>),
    /// The second term, evaluated for every entry of the list that the first term gives.
    Each(Box<Term>, Box<Term>),
}

/// An element of a [`Term::List`].
#[derive(Clone, Debug)]
pub struct Item {
    /// The condition for including it; always included without one.
    pub when: Option<Expr>,
    /// A single entry, or a list if `spread` is true.
    pub value: Term,
    /// Whether the value is a list whose entries are inserted one by one.
    pub spread: bool,
}

/// A named value in a [`Term::Section`].
#[derive(Clone, Debug)]
pub struct Entry {
    /// The name, such as `ExecStart` or `http`.
    pub name: &'static str,
    /// The condition for including it; always included without one.
    pub when: Option<Expr>,
    /// Evaluated only if the condition holds.
    pub value: Term,
}

/// A condition on option values: true or false.
#[derive(Clone, Debug)]
pub enum Expr {
    /// The option is present, with any value.
    IsSet(Path),
    /// The option is absent, and no later configuration file can add it.
    Missing(Path),
    /// The list is present but empty, and no later configuration file can add to it.
    Empty(Path),
    /// The term equals one of these values.
    OneOf(Term, Vec<Value>),
    /// The term is a text in this format.
    Matches(Term, &'static Format),
    /// The first term is a number below the second.
    Less(Term, Term),
    /// An earlier entry of the same list has the same value for this term. Null never counts as repeated.
    Repeated(Term),
    /// The condition, evaluated for the whole configuration instead of the current list entry.
    Global(Box<Expr>),
    /// The condition holds for at least one entry of the list.
    Exists(Path, Box<Expr>),
    /// The two terms have the same value.
    Same(Term, Term),
    /// The version of MAS is older than this one.
    OlderThan(Version),
    /// The term is a version number older than this one.
    Earlier(Term, Version),
    /// The condition does not hold.
    Not(Box<Expr>),
    /// All of the conditions hold.
    All(Vec<Expr>),
    /// At least one of the conditions holds.
    Any(Vec<Expr>),
}

/// A path to an option, from the current list entry or from the root. It crosses no list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(pub String);

impl From<&str> for Path {
    fn from(path: &str) -> Self {
        Path(path.to_owned())
    }
}

/// The option at `path`, or null if it is absent.
#[must_use]
pub fn option(path: &str) -> Term {
    Term::Option(path.into(), Value::Null)
}

/// The option at `path`, or MAS's default if it is absent.
pub fn option_or(path: &str, default: impl Into<Value>) -> Term {
    Term::Option(path.into(), default.into())
}

/// The option at `path` is present.
#[must_use]
pub fn set(path: &str) -> Expr {
    Expr::IsSet(path.into())
}

/// An option that is always present.
#[must_use]
pub fn known(path: &str) -> Term {
    Term::Known(path.into())
}

/// The option at `path`, always present, is `true`.
#[must_use]
pub fn enabled(path: &str) -> Expr {
    known(path).is(true)
}

/// The option at `path`, always present, is not `null`.
#[must_use]
pub fn given(path: &str) -> Expr {
    not(known(path).is(Value::Null))
}

/// A text with placeholders for options that are always present: `{path}` for a text, `{#path}` for a
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

/// The first term if the condition holds, else the second.
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

/// A single entry of a list, without a condition.
pub fn item(value: impl Into<Term>) -> Item {
    Item {
        when: None,
        value: value.into(),
        spread: false,
    }
}

/// All entries of one list, inserted into another.
pub fn items(list: impl Into<Term>) -> Item {
    Item {
        spread: true,
        ..item(list)
    }
}

/// A named value, without a condition.
pub fn entry(name: &'static str, value: impl Into<Term>) -> Entry {
    Entry {
        name,
        when: None,
        value: value.into(),
    }
}

impl Item {
    /// Includes the entry only if the condition holds.
    #[must_use]
    pub fn when(self, condition: Expr) -> Self {
        Item {
            when: Some(condition),
            ..self
        }
    }
}

impl Entry {
    /// Includes the value only if the condition holds.
    #[must_use]
    pub fn when(self, condition: Expr) -> Self {
        Entry {
            when: Some(condition),
            ..self
        }
    }
}

/// At least one of the options is present.
#[must_use]
pub fn any_set(paths: &[&str]) -> Expr {
    Expr::Any(paths.iter().map(|path| set(path)).collect())
}

/// The option is absent, and no later configuration file can add it.
#[must_use]
pub fn missing(path: &str) -> Expr {
    Expr::Missing(path.into())
}

/// All of the options are absent, and no later configuration file can add them.
#[must_use]
pub fn all_missing(paths: &[&str]) -> Expr {
    Expr::All(paths.iter().map(|path| missing(path)).collect())
}

/// The list is present but empty, and no later configuration file can add to it.
#[must_use]
pub fn empty(path: &str) -> Expr {
    Expr::Empty(path.into())
}

/// All of the conditions hold.
#[must_use]
pub fn all<const N: usize>(conditions: [Expr; N]) -> Expr {
    Expr::All(conditions.into())
}

/// At least one of the conditions holds.
#[must_use]
pub fn any<const N: usize>(conditions: [Expr; N]) -> Expr {
    Expr::Any(conditions.into())
}

/// The condition does not hold.
#[must_use]
pub fn not(condition: Expr) -> Expr {
    Expr::Not(Box::new(condition))
}

impl Term {
    /// The term equals this value.
    pub fn is(self, value: impl Into<Value>) -> Expr {
        Expr::OneOf(self, vec![value.into()])
    }

    /// The term equals one of these texts.
    #[must_use]
    pub fn one_of(self, values: &[&str]) -> Expr {
        Expr::OneOf(self, values.iter().map(|value| (*value).into()).collect())
    }

    /// The term equals one of these values.
    #[must_use]
    pub fn one_of_values(self, values: &[Value]) -> Expr {
        Expr::OneOf(self, values.to_vec())
    }

    /// The term is a text in this format.
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

/// The values against which an expression is evaluated.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// All options, from the root.
    pub root: &'a Value,
    /// The current list entry, or the whole configuration outside of lists.
    pub value: &'a Value,
    /// The entries before the current one in its list.
    pub earlier: &'a [Value],
    /// Whether no later configuration file may add what is absent here.
    pub complete: bool,
    /// The version of MAS that the configuration is for.
    pub version: &'a Version,
}

impl<'a> Scope<'a> {
    /// The scope of a whole configuration, outside of lists.
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
    /// Whether the condition holds in this scope.
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

    /// The value of the term in this scope; null if an option without a default is absent.
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

    /// Whether an item or entry with this condition is included.
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

/// The text of a value inside a larger text: a string without quotes, anything else as JSON.
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
