//! Compares our schema with upstream's, to follow changes in MAS.

use std::collections::BTreeMap;

use semver::Version;
use serde::Serialize;
use serde_json::{Value, json};

use crate::config::tree::{Node, Shape};

/// A difference between our schema and upstream's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The path of the option in the configuration.
    pub path: String,
    /// Which property differs: `path`, `type`, `null`, `choices`, `required`, `default`, `minimum`
    /// or `maximum`.
    pub what: String,
    /// The value in our schema.
    pub ours: Value,
    /// The value in upstream's schema.
    pub upstream: Value,
}

/// The properties of an option that are compared, by name: see [`Difference::what`].
type Facts = BTreeMap<&'static str, Value>;

/// Compares our option tree, restricted to one version of MAS, with upstream's.
#[must_use]
pub fn compare(ours: &Node, upstream: &Node, version: &Version) -> Vec<Difference> {
    let ours = table(ours, |node| exists(node, version), version);
    let upstream = table(upstream, |_| true, version);
    let mut differences = Vec::new();
    for (path, facts) in &ours {
        match upstream.get(path) {
            None => differences.push(presence(path, true)),
            Some(theirs) => differences.extend(facts_differ(path, facts, theirs, version)),
        }
    }
    let missing = upstream.keys().filter(|path| !ours.contains_key(*path));
    differences.extend(missing.map(|path| presence(path, false)));
    differences.sort_by(|a, b| a.path.cmp(&b.path));
    differences
}

fn presence(path: &str, ours: bool) -> Difference {
    Difference {
        path: path.to_owned(),
        what: "path".to_owned(),
        ours: ours.into(),
        upstream: (!ours).into(),
    }
}

fn facts_differ(path: &str, ours: &Facts, upstream: &Facts, version: &Version) -> Vec<Difference> {
    // Before MAS 1.7.0, upstream's schema did not state these properties.
    let unstated = |what: &str| {
        *version < Version::new(1, 7, 0) && matches!(what, "null" | "minimum" | "maximum")
    };
    let differing = ours
        .iter()
        .filter(|(what, value)| upstream[*what] != **value && !unstated(what));
    differing
        .map(|(what, value)| Difference {
            path: path.to_owned(),
            what: (*what).to_owned(),
            ours: value.clone(),
            upstream: upstream[what].clone(),
        })
        .collect()
}

fn exists(node: &Node, version: &Version) -> bool {
    node.since <= *version
        && node
            .removed
            .as_ref()
            .is_none_or(|removed| version < removed)
}

fn table(
    root: &Node,
    wanted: impl Fn(&Node) -> bool,
    version: &Version,
) -> BTreeMap<String, Facts> {
    let nodes = root.descendants().into_iter();
    nodes
        .filter(|(_, node)| wanted(node))
        .map(|(path, node)| (path, facts(node, version)))
        .collect()
}

fn facts(node: &Node, version: &Version) -> Facts {
    let (kind, min, max) = kind(&node.shape);
    let stated = |key: &str, own: Value| node.upstream.get(key).cloned().unwrap_or(own);
    let required = node.required || node.required_before.as_ref().is_some_and(|v| version < v);
    Facts::from([
        ("type", stated("type", kind)),
        ("null", stated("nullable", node.nullable.into())),
        ("choices", choices(&node.shape, version)),
        ("required", required.into()),
        ("default", stated("default", declared_default(node))),
        ("minimum", stated("minimum", min)),
        ("maximum", stated("maximum", max)),
    ])
}

/// The default as upstream's schema would declare it; null if upstream declares none.
fn declared_default(node: &Node) -> Value {
    if node.hidden_default {
        return Value::Null;
    }
    node.default.clone().unwrap_or(Value::Null)
}

fn kind(shape: &Shape) -> (Value, Value, Value) {
    let none = Value::Null;
    match shape {
        Shape::Boolean => (json!("boolean"), none.clone(), none),
        Shape::Integer { format, min, max } => {
            (json!(format!("integer({format})")), json!(min), json!(max))
        }
        Shape::Number { format, min, max } => {
            (json!(format!("number({format})")), json!(min), json!(max))
        }
        Shape::Text {
            json: Some(format), ..
        } => (json!(format!("string({format})")), none.clone(), none),
        Shape::Text { json: None, .. } | Shape::Choice(_) => (json!("string"), none.clone(), none),
        Shape::Any => (json!("any"), none.clone(), none),
        Shape::List(_) => (json!("array"), none.clone(), none),
        Shape::Map(_) | Shape::Section(_) => (json!("object"), none.clone(), none),
    }
}

fn choices(shape: &Shape, version: &Version) -> Value {
    let Shape::Choice(choices) = shape else {
        return Value::Null;
    };
    let known = choices.iter().filter(|choice| choice.since <= *version);
    let mut values: Vec<&str> = known.map(|choice| choice.value.as_str()).collect();
    values.sort_unstable();
    json!(values)
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Difference {
            path,
            what,
            ours,
            upstream,
        } = self;
        match (what.as_str(), ours.as_bool()) {
            ("path", Some(true)) => write!(f, "{path}: only in our schema"),
            ("path", _) => write!(f, "{path}: only in upstream's schema"),
            _ => write!(
                f,
                "{path}: {what} is {ours} in our schema, {upstream} in upstream's"
            ),
        }
    }
}
