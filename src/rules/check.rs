//! Checks a configuration against the schema and the rules.

use std::{collections::BTreeSet, path::PathBuf};

use semver::Version;
use serde::Serialize;
use serde_json::Value;

use crate::{
    config::{
        load::MergedConfig,
        source::Position,
        tree::{Node, Section, Shape, join},
    },
    expr::Scope,
    rules::{Rule, RuleKind, secret_paths},
    schema::format::{Format, URI_WITH_PASSWORD},
};

/// How serious a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// MAS does not work with this configuration.
    Error,
    /// MAS works, but ignores part of the configuration.
    Warning,
}

/// A problem in a configuration.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Problem {
    /// A stable identifier, such as `unknown-option`.
    pub id: String,
    /// Whether MAS works with it.
    pub severity: Severity,
    /// The path of the option. List entries have their index: `clients[0].client_id`.
    pub path: String,
    /// The value; `None` if it is absent, a group, or secret.
    pub value: Option<Value>,
    /// What is wrong, for the user.
    pub reason: String,
    /// How to correct it, for the user.
    pub fix: String,
    /// The configuration file with the option, if one set it.
    pub file: Option<PathBuf>,
    /// Where in that file the option is; if it is absent, the section that should contain it.
    pub position: Option<Position>,
}

impl Problem {
    /// An error without a value or a file.
    #[must_use]
    pub fn new(id: &str, path: String, reason: String, fix: String) -> Self {
        Problem {
            id: id.to_owned(),
            severity: Severity::Error,
            path,
            value: None,
            reason,
            fix,
            file: None,
            position: None,
        }
    }
}

/// What a check assumes about a configuration.
#[derive(Clone, Debug)]
pub struct CheckOptions {
    /// The version of MAS the configuration is for.
    pub version: Version,
    /// Whether to report secrets in the configuration itself, instead of in files.
    pub no_inline_secrets: bool,
    /// Whether the configuration is complete: no file is read later that may add to it.
    pub complete: bool,
}

/// Checks a configuration. It is valid if there are no problems, or only warnings: see [`is_valid`].
#[must_use]
pub fn check(
    loaded: &MergedConfig,
    settings: &Node,
    rules: &[Rule],
    options: &CheckOptions,
) -> Vec<Problem> {
    let mut problems = structure_problems(loaded, settings);
    let misshapen: Vec<String> = problems
        .iter()
        .map(|problem| problem.path.clone())
        .collect();
    let pruned = without_nulls(settings, &loaded.value);
    let mut broken = rule_problems(rules, &pruned, options);
    broken.retain(|problem| {
        !misshapen
            .iter()
            .any(|known| lies_within(&problem.path, known))
    });
    problems.extend(broken);
    let secret = secret_paths(rules);
    for problem in &mut problems {
        problem.value = shown(problem, &loaded.value, settings, &secret);
    }
    in_file_order(problems, loaded)
}

/// The options that are unknown or have the wrong type.
#[must_use]
pub fn structure_problems(loaded: &MergedConfig, schema: &Node) -> Vec<Problem> {
    let mut problems = Vec::new();
    structure(schema, schema, &loaded.value, "", &mut problems);
    problems
}

/// Adds files and positions to problems, and sorts them by these. Problems of the whole configuration come
/// first.
#[must_use]
pub fn in_file_order(problems: Vec<Problem>, loaded: &MergedConfig) -> Vec<Problem> {
    let placed = problems.into_iter().map(|mut problem| {
        let of_value = matches!(problem.id.as_str(), WRONG_TYPE | NULL);
        let found = loaded.position(&problem.path, of_value);
        problem.file = loaded.origin(&problem.path).map(PathBuf::from);
        problem.position = found.map(|(_, position)| position);
        (found, problem)
    });
    let mut placed: Vec<_> = placed.collect();
    placed.sort_by_key(|(found, _)| *found);
    placed.into_iter().map(|(_, problem)| problem).collect()
}

/// The rules that the values break. Nulls that mean "not set" must have been removed.
#[must_use]
pub fn rule_problems(rules: &[Rule], values: &Value, options: &CheckOptions) -> Vec<Problem> {
    let rules = rules
        .iter()
        .filter(|rule| rule.kind != RuleKind::Secrecy || options.no_inline_secrets);
    let problems = rules.flat_map(|rule| {
        let paths = broken(rule, values, options).into_iter();
        paths.map(|path| Problem {
            severity: severity(rule),
            ..Problem::new(&rule.id, path, rule.reason.clone(), rule.fix.clone())
        })
    });
    problems.collect()
}

fn severity(rule: &Rule) -> Severity {
    match rule.kind {
        RuleKind::Validity | RuleKind::Secrecy => Severity::Error,
        RuleKind::Ignored => Severity::Warning,
    }
}

/// Whether MAS works with a configuration that has these problems.
#[must_use]
pub fn is_valid(problems: &[Problem]) -> bool {
    let mut severities = problems.iter().map(|problem| problem.severity);
    severities.all(|severity| severity == Severity::Warning)
}

/// Whether `path` equals `other` or is below it.
fn lies_within(path: &str, other: &str) -> bool {
    let rest = path.strip_prefix(other);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// Whether the value of an option may be shown, as in an excerpt of its file: the option is known, takes a
/// scalar and holds no secret, and the value is not a URL with a password.
#[must_use]
pub fn may_show(path: &str, value: &str, settings: &Node, secret: &BTreeSet<String>) -> bool {
    let path = without_indices(path);
    // A scalar in place of a section may be one of the section's secrets.
    let is_harmless = |node: &Node| {
        !node.secret
            && !matches!(
                node.shape,
                Shape::Any | Shape::List(_) | Shape::Map(_) | Shape::Section(_)
            )
    };
    settings.find(&path).is_some_and(is_harmless)
        && !secret.contains(&path)
        && !URI_WITH_PASSWORD.matches(value)
}

/// The value at the path of a problem, if it may be shown.
fn shown(
    problem: &Problem,
    values: &Value,
    settings: &Node,
    secret: &BTreeSet<String>,
) -> Option<Value> {
    let value = at(values, &problem.path)?;
    let text = value.as_str().unwrap_or_default();
    let shown = is_scalar(value)
        && !value.is_null()
        && ![UNKNOWN, MERGE_KEY].contains(&problem.id.as_str())
        && may_show(&problem.path, text, settings, secret);
    shown.then(|| value.clone())
}

/// Removes list indices: `a[3].b` becomes `a[].b`.
#[must_use]
pub fn without_indices(path: &str) -> String {
    let mut general = String::new();
    let mut inside = false;
    for char in path.chars() {
        inside &= char != ']';
        if !inside {
            general.push(char);
        }
        inside |= char == '[';
    }
    general
}

fn is_scalar(value: &Value) -> bool {
    !value.is_array() && !value.is_object()
}

/// The value at a path with list indices.
fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split(['.', '['])
        .try_fold(value, |value, step| match step.strip_suffix(']') {
            Some(index) => value.get(index.parse::<usize>().ok()?),
            None => value.get(step),
        })
}

const UNKNOWN: &str = "unknown-option";
const MERGE_KEY: &str = "merge-key";
const WRONG_NAME: &str = "wrong-name";
const WRONG_TYPE: &str = "wrong-type";
const NULL: &str = "null";

fn structure(root: &Node, node: &Node, value: &Value, path: &str, problems: &mut Vec<Problem>) {
    let mut wrong = |id: &str, reason: String, fix: String| {
        problems.push(Problem::new(id, path.to_owned(), reason, fix));
    };
    if value.is_null() {
        if !node.nullable && !matches!(node.shape, Shape::Any) {
            let fix = format!("Remove it, or set it to {}.", expected(&node.shape));
            let reason = if is_of_module(root, path) {
                "null is not accepted here"
            } else {
                "MAS does not accept null here"
            };
            wrong(NULL, reason.to_owned(), fix);
        }
        return;
    }
    match (&node.shape, value) {
        (Shape::Section(section), Value::Object(entries)) => {
            for (key, value) in entries {
                let path = join(path, key);
                match section.get(key) {
                    Some(option) => structure(root, option, value, &path, problems),
                    None => problems.push(unknown(root, section, key, path)),
                }
            }
        }
        (Shape::List(item), Value::Array(items)) => {
            for (i, value) in items.iter().enumerate() {
                structure(root, item, value, &format!("{path}[{i}]"), problems);
            }
        }
        (Shape::Map(item), Value::Object(entries)) => {
            for (key, value) in entries {
                let path = join(path, key);
                if let Some(format) = node.names.filter(|format| !format.matches(key)) {
                    problems.push(wrong_name(key, format, path.clone()));
                }
                structure(root, item, value, &path, problems);
            }
        }
        (shape, value) if fits(shape, value) => {}
        (shape, _) => {
            let reason = format!("must be {}", expected(shape));
            wrong(WRONG_TYPE, reason, suggestion(node, value));
        }
    }
}

/// Whether a path is that of an option of the module itself. MAS's settings are a part of its options.
fn is_of_module(root: &Node, path: &str) -> bool {
    let settings = root
        .section()
        .is_some_and(|root| root.get("settings").is_some());
    settings && !lies_within(path, "settings")
}

fn wrong_name(key: &str, format: &Format, path: String) -> Problem {
    let reason = format!("the name `{key}` is not {}", format.description);
    Problem::new(WRONG_NAME, path, reason, "Use another name.".to_owned())
}

fn unknown(root: &Node, section: &Section, key: &str, path: String) -> Problem {
    if key == "<<" {
        let reason = "MAS does not support merge keys, and would ignore what they refer to";
        let fix = "Write out the options that it refers to.";
        return Problem::new(MERGE_KEY, path, reason.to_owned(), fix.to_owned());
    }
    let names = section.options.iter().map(|(name, _)| name);
    let close = closest(names, key).filter(|(distance, name)| *distance <= 2.max(name.len() / 3));
    let fix = match close {
        Some((_, name)) => format!("Did you mean `{name}`?"),
        None => match elsewhere(root, key) {
            Some(path) => format!("Remove it, or use `{path}`."),
            None => "Remove it.".to_owned(),
        },
    };
    let reason = if is_of_module(root, &path) {
        "there is no such option"
    } else {
        "unknown option, which MAS would ignore"
    };
    Problem::new(UNKNOWN, path, reason.to_owned(), fix)
}

/// The candidate with the smallest edit distance to `text`, and that distance.
pub fn closest<'a>(
    candidates: impl Iterator<Item = &'a String>,
    text: &str,
) -> Option<(usize, &'a String)> {
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(candidate, text), candidate))
        .min()
}

/// The path of an option with this name in another section.
fn elsewhere(root: &Node, key: &str) -> Option<String> {
    let paths = root.descendants().into_iter().map(|(path, _)| path);
    let mut paths = paths.filter(|path| path.rsplit('.').next() == Some(key));
    paths.next()
}

fn fits(shape: &Shape, value: &Value) -> bool {
    match shape {
        Shape::Boolean => value.is_boolean(),
        Shape::Integer { min, max, .. } => {
            let whole = value
                .as_i64()
                .map(i128::from)
                .or(value.as_u64().map(i128::from));
            whole.is_some_and(|whole| (*min..=*max).contains(&whole))
        }
        Shape::Number { min, max, .. } => value.as_f64().is_some_and(|number| {
            min.is_none_or(|min| min <= number) && max.is_none_or(|max| number <= max)
        }),
        Shape::Text { format, .. } => value
            .as_str()
            .is_some_and(|text| format.is_none_or(|format| format.matches(text))),
        Shape::Choice(choices) => value
            .as_str()
            .is_some_and(|text| choices.iter().any(|choice| choice.value == text)),
        Shape::Any => true,
        Shape::List(_) | Shape::Map(_) | Shape::Section(_) => false,
    }
}

/// A description of the values that a shape accepts, for messages.
#[must_use]
pub fn expected(shape: &Shape) -> String {
    match shape {
        Shape::Boolean => "true or false".to_owned(),
        Shape::Integer { min, max, .. } if *max >= i64::MAX.into() => {
            format!("an integer, at least {min}")
        }
        Shape::Integer { min, max, .. } => format!("an integer from {min} to {max}"),
        Shape::Number {
            min: Some(min),
            max: Some(max),
            ..
        } => {
            format!("a number from {min} to {max}")
        }
        Shape::Number { .. } => "a number".to_owned(),
        Shape::Text {
            format: Some(format),
            ..
        } => format.description.to_owned(),
        Shape::Text { format: None, .. } => "a string".to_owned(),
        Shape::Choice(choices) => {
            let values: Vec<String> = choices.iter().map(|c| format!("\"{}\"", c.value)).collect();
            format!("one of {}", values.join(", "))
        }
        Shape::Any => "any value".to_owned(),
        Shape::List(_) => "a list".to_owned(),
        Shape::Map(_) => "a map".to_owned(),
        Shape::Section(_) => "a section".to_owned(),
    }
}

fn suggestion(node: &Node, value: &Value) -> String {
    let unquoted = value
        .as_str()
        .and_then(|text| serde_json::from_str::<Value>(text).ok());
    if unquoted.is_some_and(|value| fits(&node.shape, &value)) {
        return "Remove the quotes.".to_owned();
    }
    if is_scalar(value) && fits(&node.shape, &value.to_string().into()) {
        return "Put it in quotes.".to_owned();
    }
    let text = value.as_str().unwrap_or_default();
    let example = node.example.as_ref().filter(|example| is_scalar(example));
    match (&node.shape, example) {
        (Shape::Choice(choices), _) => {
            let close = closest(choices.iter().map(|choice| &choice.value), text);
            match close.filter(|(distance, _)| *distance <= 2) {
                Some((_, value)) => format!("Did you mean \"{value}\"?"),
                None => "Use one of these values.".to_owned(),
            }
        }
        (Shape::Section(_), _) => "Set its options by name.".to_owned(),
        (Shape::List(_), _) => "Write its entries as a list.".to_owned(),
        (_, Some(example)) => format!("For example, write {example}."),
        (_, None) => "Correct the value.".to_owned(),
    }
}

/// The paths, with list indices, at which the configuration breaks a rule.
fn broken(rule: &Rule, settings: &Value, options: &CheckOptions) -> Vec<String> {
    let root = Scope::whole(settings, options.complete, &options.version);
    let lists = rule.scope.split("[]").filter(|part| !part.is_empty());
    let lists: Vec<&str> = lists.map(|list| list.trim_start_matches('.')).collect();
    let entries = entries(root, "", &lists).into_iter();
    entries
        .filter(|(_, scope)| scope.holds(&rule.when))
        .map(|(path, _)| join(&path, &rule.at))
        .collect()
}

/// The entries of nested lists, each with its path. Without lists, the scope itself.
fn entries<'a>(scope: Scope<'a>, path: &str, lists: &[&str]) -> Vec<(String, Scope<'a>)> {
    let Some((list, inner)) = lists.split_first() else {
        return vec![(path.to_owned(), scope)];
    };
    let mut keys = list.split('.');
    let found = keys.try_fold(scope.value, |value, key| value.get(key));
    let items = found.and_then(Value::as_array);
    let items = items.map_or(&[][..], Vec::as_slice);
    let path = join(path, list);
    let each = items.iter().enumerate().map(|(i, value)| {
        let entry = Scope {
            value,
            earlier: &items[..i],
            ..scope
        };
        entries(entry, &format!("{path}[{i}]"), inner)
    });
    each.flatten().collect()
}

/// Removes the nulls that mean "not set".
#[must_use]
pub fn without_nulls(node: &Node, value: &Value) -> Value {
    match (&node.shape, value) {
        (Shape::Section(section), Value::Object(entries)) => {
            let kept = entries
                .iter()
                .filter_map(|(key, value)| match section.get(key) {
                    Some(option) if value.is_null() => option
                        .null_means
                        .is_some()
                        .then(|| (key.clone(), Value::Null)),
                    Some(option) => Some((key.clone(), without_nulls(option, value))),
                    None => None,
                });
            Value::Object(kept.collect())
        }
        (Shape::List(item), Value::Array(items)) => items
            .iter()
            .map(|value| without_nulls(item, value))
            .collect(),
        _ => value.clone(),
    }
}
