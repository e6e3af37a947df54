//! Rules as conditions of a JSON schema: `if` some options have some values, `then` others must too.
//!
//! A JSON schema can compare an option with constants, but not with another option, and not with the other
//! entries of a list. It cannot see the defaults that `render` adds either.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::pattern;
use crate::{
    config::tree::{Node, Shape, join},
    deploy::defaults,
    expr::{Expr, Path, Scope, Term},
    rules::{Rule, RuleKind},
    schema::NEWEST,
};

/// What rules are about, and where that is in the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// MAS's configuration, which is the document.
    Config,
    /// MAS's configuration, which is a part of the module's options. `render` adds defaults to it.
    Settings,
    /// The module's options, which are the document.
    Options,
}

impl Subject {
    /// The path in the document.
    fn base(self) -> &'static str {
        match self {
            Subject::Settings => "settings",
            Subject::Config | Subject::Options => "",
        }
    }
}

/// A rule that a schema cannot express: its ID and its path.
pub type Inexpressible = (String, String);

/// The conditions of a schema.
#[derive(Debug, Default)]
pub struct Conditions {
    /// By the path of the section or list entry that they are about.
    by_path: BTreeMap<String, Vec<Value>>,
    /// Those that hold only if something else of the document does.
    guarded: BTreeMap<Guard, Vec<Value>>,
    /// The rules that are no conditions.
    pub inexpressible: Vec<Inexpressible>,
}

/// When the checker applies a rule to the module's options.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Guard {
    /// No file can add what is missing.
    Complete,
    /// Secrets must not be in the settings.
    NoInlineSecrets,
}

impl Guard {
    fn schema(self) -> Value {
        match self {
            Guard::Complete => json!({"properties": {"extraConfigFiles": {"maxItems": 0}}}),
            Guard::NoInlineSecrets => {
                json!({"properties": {"allowInlineSecrets": {"const": false}}})
            }
        }
    }
}

/// Where a rule applies.
struct Place<'a> {
    /// The list entry, or the document.
    scope: &'a Node,
    /// The section in the scope at which the condition stands; may be empty.
    below: String,
    complete: Option<Guard>,
}

/// The settings that `render` may add.
struct Defaults {
    /// The path of the settings from the scope of a rule.
    base: &'static str,
    paths: Vec<String>,
}

impl Defaults {
    fn none() -> Self {
        Defaults {
            base: "",
            paths: Vec::new(),
        }
    }

    fn new(base: &'static str) -> Self {
        let mut paths = Vec::new();
        if let Term::Section(entries) = defaults::section() {
            let settings = entries.iter().find(|entry| entry.name == "settings");
            leaves(&settings.expect("there are defaults").value, "", &mut paths);
        }
        Defaults { base, paths }
    }

    /// Whether a default may be at, above or below a path.
    fn may_set(&self, path: &str) -> bool {
        let Some(path) = path.strip_prefix(self.base) else {
            return false;
        };
        self.paths
            .iter()
            .any(|default| is_within(default, path) || is_within(path, default))
    }
}

/// The paths of the values in a term.
fn leaves(term: &Term, path: &str, paths: &mut Vec<String>) {
    match term {
        Term::Section(entries) => {
            for entry in entries {
                leaves(&entry.value, &join(path, entry.name), paths);
            }
        }
        _ => paths.push(path.to_owned()),
    }
}

/// Whether a path is another, or below it.
fn is_within(path: &str, other: &str) -> bool {
    let rest = path.strip_prefix(other);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

impl Conditions {
    /// Adds conditions for rules. `root` is the document.
    pub fn add(&mut self, subject: Subject, root: &Node, rules: &[Rule]) {
        for rule in rules {
            let wanted = match rule.kind {
                RuleKind::Validity => true,
                RuleKind::Secrecy => subject != Subject::Config,
                // The option is marked as deprecated.
                RuleKind::Ignored => false,
            };
            // A required option is a keyword of its own.
            if !wanted || subject == Subject::Config && is_required(root, rule) {
                continue;
            }
            if self.add_one(subject, root, rule).is_none() {
                let path = join(subject.base(), &rule.path());
                self.inexpressible.push((rule.id.clone(), path));
            }
        }
    }

    /// Adds a rule; `None` if it cannot be expressed.
    fn add_one(&mut self, subject: Subject, root: &Node, rule: &Rule) -> Option<()> {
        let all = conjuncts(&rule.when);
        let (global, local): (Vec<&Expr>, Vec<&Expr>) = all.iter().partition(|it| is_global(it));
        let defaults = match subject {
            Subject::Config => Defaults::none(),
            Subject::Settings => Defaults::new(""),
            Subject::Options => Defaults::new("settings."),
        };
        // Nothing is added to an entry of a list.
        let stable = if rule.scope.is_empty() {
            is_stable(&rule.when, &defaults, &certain(&rule.when), true)
        } else {
            let nothing = BTreeSet::new();
            global
                .iter()
                .all(|it| is_stable(it, &defaults, &nothing, true))
        };
        let secrecy = rule.kind == RuleKind::Secrecy;
        let completeness = subject == Subject::Settings && asks_what_is_missing(&rule.when);
        let guard = match (secrecy, completeness) {
            (false, false) => None,
            (true, false) => Some(Guard::NoInlineSecrets),
            (false, true) => Some(Guard::Complete),
            (true, true) => return None,
        };
        if !stable || guard.is_some() && !global.is_empty() {
            return None;
        }

        let path = join(subject.base(), &rule.scope);
        let scope = find(root, &path)?;
        let sectioned = subject != Subject::Options && guard.is_none() && global.is_empty();
        let place = Place {
            scope,
            below: if sectioned {
                common_section(scope, &rule.when)
            } else {
                String::new()
            },
            complete: (subject == Subject::Options).then_some(Guard::Complete),
        };
        let local: Option<Vec<Value>> = local.iter().map(|it| place.schema(it)).collect();
        let message = format!("{}. {}", rule.reason, rule.fix);
        let condition = forbid(local?, &rule.id, &message);
        if condition == Value::Bool(true) {
            return Some(());
        }
        let (conditions, condition) = if let Some(guard) = guard {
            let conditions = self.guarded.entry(guard).or_default();
            (conditions, at(&path, condition))
        } else if global.is_empty() {
            let path = join(&path, &place.below);
            (self.by_path.entry(path).or_default(), condition)
        } else {
            let whole = Place {
                scope: find(root, subject.base())?,
                ..place
            };
            let global: Option<Vec<Value>> = global.iter().map(|it| whole.global(it)).collect();
            let condition = json!({"if": and(global?), "then": at(&rule.scope, condition)});
            let path = subject.base().to_owned();
            (self.by_path.entry(path).or_default(), condition)
        };
        conditions.push(condition);
        Some(())
    }

    /// The conditions that stand at a path.
    pub fn at(&self, path: &str) -> Vec<Value> {
        let mut conditions = self.by_path.get(path).cloned().unwrap_or_default();
        if path.is_empty() {
            let guarded = self.guarded.iter();
            conditions.extend(guarded.map(
                |(guard, conditions)| json!({"if": guard.schema(), "then": {"allOf": conditions}}),
            ));
        }
        conditions
    }
}

impl Place<'_> {
    /// The schema of the values for which an expression holds; `None` if there is none.
    fn schema(&self, expr: &Expr) -> Option<Value> {
        Some(match expr {
            Expr::IsSet(path) => self.is_set(path)?,
            Expr::Missing(path) => and([not(self.is_set(path)?), self.if_complete()]),
            Expr::Empty(path) => {
                let empty = json!({"type": "array", "maxItems": 0});
                and([self.value(path, empty, false)?, self.if_complete()])
            }
            Expr::OneOf(Term::Constant(constant), values) => values.contains(constant).into(),
            Expr::OneOf(term, values) => {
                let (path, default) = self.option(term)?;
                let node = find(self.scope, &path.0)?;
                // Otherwise, null means absent.
                let null_counts = node.null_means.is_some();
                let listed = values.iter().filter(|it| null_counts || !it.is_null());
                let listed: Vec<&Value> = listed.collect();
                let absent = values.contains(&default);
                if listed.is_empty() && absent {
                    return Some(not(self.is_set(path)?));
                }
                self.value(path, json!({"enum": listed}), absent)?
            }
            Expr::Matches(term, format) => {
                let (path, default) = self.option(term)?;
                let mut text = pattern::keywords(format);
                text.insert("type".to_owned(), "string".into());
                let absent = default.as_str().is_some_and(|text| format.matches(text));
                self.value(path, text.into(), absent)?
            }
            Expr::Less(Term::Constant(bound), term) => {
                let (path, default) = self.option(term)?;
                let above = json!({"type": "number", "exclusiveMinimum": bound});
                let absent = less(bound, &default);
                self.value(path, above, absent)?
            }
            Expr::Less(term, Term::Constant(bound)) => {
                let (path, default) = self.option(term)?;
                let below = json!({"type": "number", "exclusiveMaximum": bound});
                let absent = less(&default, bound);
                self.value(path, below, absent)?
            }
            Expr::Exists(path, condition) => {
                let list = find(self.scope, &path.0)?;
                let Shape::List(item) = &list.shape else {
                    return None;
                };
                let inner = Place {
                    scope: item,
                    below: String::new(),
                    ..*self
                };
                let contains = inner.schema(condition)?;
                let some = json!({"type": "array", "contains": contains});
                self.value(path, some, false)?
            }
            Expr::OlderThan(version) => (NEWEST < *version).into(),
            Expr::Not(inner) => not(self.schema(inner)?),
            Expr::All(all) => and(all
                .iter()
                .map(|it| self.schema(it))
                .collect::<Option<Vec<_>>>()?),
            Expr::Any(any) => or(any
                .iter()
                .map(|it| self.schema(it))
                .collect::<Option<Vec<_>>>()?),
            Expr::Less(..)
            | Expr::Repeated(_)
            | Expr::Same(..)
            | Expr::Earlier(..)
            | Expr::Global(_) => return None,
        })
    }

    /// The schema of the documents for which a condition on the whole document holds.
    fn global(&self, expr: &Expr) -> Option<Value> {
        match expr {
            Expr::Global(inner) => self.schema(inner),
            Expr::Not(inner) => Some(not(self.global(inner)?)),
            _ => None,
        }
    }

    fn if_complete(&self) -> Value {
        self.complete.map_or(Value::Bool(true), Guard::schema)
    }

    /// The option of a term, and its value if it is absent.
    fn option<'t>(&self, term: &'t Term) -> Option<(&'t Path, Value)> {
        match term {
            Term::Option(path, default) => Some((path, default.clone())),
            Term::Known(path) => {
                let node = find(self.scope, &path.0)?;
                Some((path, node.default.clone().unwrap_or_default()))
            }
            _ => None,
        }
    }

    fn is_set(&self, path: &Path) -> Option<Value> {
        self.value(path, Value::Bool(true), false)
    }

    /// The option is present with a value of this schema, or absent if `absent` says that this counts too.
    fn value(&self, path: &Path, schema: Value, absent: bool) -> Option<Value> {
        let node = find(self.scope, &path.0)?;
        // What a value must be for the option to count as present.
        let present = if node.nullable && node.null_means.is_none() {
            json!({"not": {"type": "null"}})
        } else {
            Value::Bool(true)
        };
        let relative = match path.0.strip_prefix(&self.below) {
            Some("") => return Some(and([present, schema])),
            Some(rest) => rest.trim_start_matches('.'),
            None => return None,
        };
        Some(if absent {
            // Present with another value is what is left.
            not(nested(relative, and([present, not(schema)])))
        } else {
            nested(relative, and([present, schema]))
        })
    }
}

/// The node at a path, which may be empty.
fn find<'a>(node: &'a Node, path: &str) -> Option<&'a Node> {
    if path.is_empty() {
        Some(node)
    } else {
        node.find(path)
    }
}

/// Whether the schema says this with the keyword `required`.
fn is_required(root: &Node, rule: &Rule) -> bool {
    let path = rule.path();
    let (parent, name) = path.rsplit_once('.').unwrap_or(("", &path));
    let section = find(root, parent).and_then(Node::section);
    let older = conjuncts(&rule.when)
        .into_iter()
        .any(|it| matches!(it, Expr::OlderThan(_)));
    rule.id == "required" && !older && section.is_some_and(|section| section.requires(name))
}

fn conjuncts(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::All(all) => all.iter().flat_map(conjuncts).collect(),
        other => vec![other],
    }
}

fn is_global(expr: &Expr) -> bool {
    match expr {
        Expr::Global(_) => true,
        Expr::Not(inner) => is_global(inner),
        _ => false,
    }
}

/// The parts of an expression, without itself.
fn parts(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::All(all) | Expr::Any(all) => all.iter().collect(),
        Expr::Not(inner) | Expr::Global(inner) => vec![inner],
        _ => Vec::new(),
    }
}

fn asks_what_is_missing(expr: &Expr) -> bool {
    matches!(expr, Expr::Missing(_) | Expr::Empty(_))
        || parts(expr).into_iter().any(asks_what_is_missing)
}

/// The options that an expression is about. Those of list entries do not count.
fn paths(expr: &Expr) -> Vec<&str> {
    let terms: Vec<&Term> = match expr {
        Expr::IsSet(path) | Expr::Missing(path) | Expr::Empty(path) | Expr::Exists(path, _) => {
            return vec![&path.0];
        }
        Expr::OneOf(term, _) | Expr::Matches(term, _) => vec![term],
        Expr::Less(left, right) => vec![left, right],
        _ => return parts(expr).into_iter().flat_map(paths).collect(),
    };
    terms
        .into_iter()
        .filter_map(|term| match term {
            Term::Option(path, _) | Term::Known(path) => Some(path.0.as_str()),
            _ => None,
        })
        .collect()
}

/// The innermost section that contains all options of an expression, if the expression is false without it.
fn common_section(scope: &Node, when: &Expr) -> String {
    let empty = json!({});
    if Scope::whole(&empty, true, &NEWEST).holds(when) {
        return String::new();
    }
    let all = paths(when);
    let mut below = String::new();
    loop {
        // The section itself may be one of the options.
        let mut deeper = all.iter().filter(|path| **path != below);
        let Some(step) = deeper.next().and_then(|path| {
            let rest = path[below.len()..].trim_start_matches('.');
            rest.split('.').next()
        }) else {
            return below;
        };
        let next = join(&below, step);
        // A condition would not hold for null.
        let node = scope.find(&next);
        let section = node.is_some_and(|node| node.section().is_some() && !node.nullable);
        if !section || !all.iter().all(|path| is_within(path, &next)) {
            return below;
        }
        below = next;
    }
}

/// The options that are present whenever the expression holds.
fn certain(when: &Expr) -> BTreeSet<&str> {
    let conjuncts = conjuncts(when).into_iter();
    let certain = conjuncts.filter_map(|it| match it {
        Expr::IsSet(path) => Some(path.0.as_str()),
        Expr::OneOf(Term::Option(path, default), values) if !values.contains(default) => {
            Some(path.0.as_str())
        }
        _ => None,
    });
    certain.collect()
}

/// Whether an expression that holds still does after defaults have been added.
fn is_stable(expr: &Expr, defaults: &Defaults, certain: &BTreeSet<&str>, positive: bool) -> bool {
    let safe = |path: &Path| !defaults.may_set(&path.0) || certain.contains(path.0.as_str());
    let of_term = |term: &Term, absent: &dyn Fn(&Value) -> bool| match term {
        Term::Option(path, default) => safe(path) || positive && !absent(default),
        Term::Known(path) => safe(path),
        _ => true,
    };
    match expr {
        Expr::IsSet(path) | Expr::Exists(path, _) => positive || safe(path),
        Expr::Missing(path) | Expr::Empty(path) => safe(path),
        Expr::OneOf(term, values) => of_term(term, &|default| values.contains(default)),
        Expr::Matches(term, format) => of_term(term, &|default| {
            default.as_str().is_some_and(|text| format.matches(text))
        }),
        Expr::Less(left, right) => {
            of_term(left, &Value::is_number) && of_term(right, &Value::is_number)
        }
        Expr::Not(inner) => is_stable(inner, defaults, certain, !positive),
        Expr::Global(inner) => is_stable(inner, defaults, certain, positive),
        Expr::All(all) | Expr::Any(all) => all
            .iter()
            .all(|it| is_stable(it, defaults, certain, positive)),
        _ => true,
    }
}

/// The schema of an option below the current one, which must be present.
fn nested(path: &str, schema: Value) -> Value {
    let (step, rest) = path.split_once('.').unwrap_or((path, ""));
    let inner = if rest.is_empty() {
        schema
    } else {
        let mut inner = nested(rest, schema);
        inner["type"] = "object".into();
        inner
    };
    if inner == Value::Bool(true) {
        json!({"required": [step]})
    } else {
        json!({"required": [step], "properties": {step: inner}})
    }
}

/// A schema for everything at a path of the document, if there is anything.
fn at(path: &str, schema: Value) -> Value {
    let steps: Vec<&str> = crate::config::tree::steps(path).collect();
    steps.iter().rev().fold(schema, |schema, step| match *step {
        "[]" => json!({"items": schema}),
        name => json!({"properties": {name: schema}}),
    })
}

/// Forbids that all of the schemas fit: if all but the last do, the last must not. Editors show the message, but
/// not for `not`.
fn forbid(mut all: Vec<Value>, id: &str, message: &str) -> Value {
    all.retain(|schema| *schema != Value::Bool(true));
    if all.contains(&Value::Bool(false)) {
        return Value::Bool(true);
    }
    let Some(last) = all.pop() else {
        return Value::Bool(false);
    };
    let then = refused(&last, message).unwrap_or_else(|| {
        all.push(last);
        never(message)
    });
    match then {
        Value::Object(mut then) if all.is_empty() => {
            then.insert("$comment".to_owned(), id.into());
            then.into()
        }
        then => json!({"$comment": id, "if": and(all), "then": then}),
    }
}

/// The opposite of a schema, in a form for which editors have good messages, if there is one.
fn refused(schema: &Value, message: &str) -> Option<Value> {
    if let Some(Value::Array(any)) = only(schema, "anyOf") {
        let refused = any.iter().map(|it| {
            refused(it, message).unwrap_or_else(|| json!({"if": it, "then": never(message)}))
        });
        return Some(json!({"allOf": refused.collect::<Vec<_>>()}));
    }
    if let Some(inner) = only(schema, "not") {
        return Some(with_message(inner.clone(), message));
    }
    let [Value::String(name)] = schema["required"].as_array()?.as_slice() else {
        return None;
    };
    if only(schema, "required").is_some() {
        return Some(json!({"properties": {name: false}}));
    }
    // An option that may be null must be.
    let present = json!({"required": [name], "properties": {name: {"not": {"type": "null"}}}});
    (*schema == present).then(|| json!({"properties": {name: never(message)}}))
}

/// A schema that no section and no option that is set fits.
fn never(message: &str) -> Value {
    json!({"type": "null", "errorMessage": message})
}

/// Adds a message wherever a schema may not fit.
fn with_message(schema: Value, message: &str) -> Value {
    let Value::Object(mut schema) = schema else {
        return schema;
    };
    for (key, value) in &mut schema {
        match (key.as_str(), &mut *value) {
            ("properties", Value::Object(options)) => {
                for option in options.values_mut() {
                    *option = with_message(option.take(), message);
                }
            }
            ("allOf" | "anyOf", Value::Array(parts)) => {
                for part in parts {
                    *part = with_message(part.take(), message);
                }
            }
            _ => {}
        }
    }
    if schema.contains_key("pattern") {
        schema.insert("patternErrorMessage".to_owned(), message.into());
    }
    if ["required", "enum"]
        .iter()
        .any(|it| schema.contains_key(*it))
    {
        schema.insert("errorMessage".to_owned(), message.into());
    }
    schema.into()
}

/// The value of a keyword, if the schema has no other.
fn only<'a>(schema: &'a Value, keyword: &str) -> Option<&'a Value> {
    let object = schema.as_object()?;
    object.get(keyword).filter(|_| object.len() == 1)
}

fn not(schema: Value) -> Value {
    match schema {
        Value::Bool(value) => Value::Bool(!value),
        schema => match only(&schema, "not") {
            Some(inner) => inner.clone(),
            None => json!({"not": schema}),
        },
    }
}

fn and(schemas: impl IntoIterator<Item = Value>) -> Value {
    joined(schemas, "allOf", true)
}

fn or(schemas: impl IntoIterator<Item = Value>) -> Value {
    joined(schemas, "anyOf", false)
}

/// Schemas joined by a keyword. `neutral` is the schema that changes nothing.
fn joined(schemas: impl IntoIterator<Item = Value>, keyword: &str, neutral: bool) -> Value {
    let mut rest: Vec<Value> = schemas.into_iter().collect();
    rest.retain(|schema| *schema != Value::Bool(neutral));
    if rest.contains(&Value::Bool(!neutral)) {
        return Value::Bool(!neutral);
    }
    match rest.len() {
        0 => Value::Bool(neutral),
        1 => rest.remove(0),
        _ => json!({keyword: rest}),
    }
}

fn less(left: &Value, right: &Value) -> bool {
    let numbers = left.as_f64().zip(right.as_f64());
    numbers.is_some_and(|(left, right)| left < right)
}
