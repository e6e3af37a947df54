//! JSON schemas for editors: of MAS's configuration, and of the file that `render` reads. They reject what the
//! checker rejects, as far as a JSON schema can say it.

mod conditions;
mod pattern;

use serde_json::{Map, Value, json};

pub use self::conditions::Inexpressible;
use self::conditions::{Conditions, Subject};
use crate::{
    config::tree::{Node, Shape, join},
    rules::Rule,
    schema::NEWEST,
};

/// A JSON schema (draft 7).
#[derive(Debug)]
pub struct JsonSchema {
    /// The schema itself.
    pub schema: Value,
    /// The rules that it does not express.
    pub inexpressible: Vec<Inexpressible>,
}

/// The schema of MAS's configuration.
#[must_use]
pub fn config(settings: &Node, rules: &[Rule]) -> JsonSchema {
    let mut conditions = Conditions::default();
    conditions.add(Subject::Config, settings, rules);
    let title = format!("Matrix Authentication Service {NEWEST}");
    document(settings, "config", &title, true, conditions)
}

/// The schema of the module's options, as `render` reads them from a file. `settings` are the rules of MAS's
/// configuration, and `own` those of the module.
#[must_use]
pub fn render(module: &Node, settings: &[Rule], own: &[Rule]) -> JsonSchema {
    let mut conditions = Conditions::default();
    conditions.add(Subject::Settings, module, settings);
    conditions.add(Subject::Options, module, own);
    let title = format!("mas2nix render, for Matrix Authentication Service {NEWEST}");
    document(module, "render", &title, false, conditions)
}

/// A schema as the text of a file.
#[must_use]
pub fn text(schema: &JsonSchema) -> String {
    let mut text = serde_json::to_string_pretty(&schema.schema).unwrap_or_default();
    text.push('\n');
    text
}

fn document(
    tree: &Node,
    name: &str,
    title: &str,
    with_required: bool,
    conditions: Conditions,
) -> JsonSchema {
    let writer = Writer {
        conditions: &conditions,
        with_required,
    };
    let mut schema = writer.node(tree, "");
    let mut add = |key: &str, value: &str| schema.insert(key.to_owned(), value.into());
    add("$schema", "http://json-schema.org/draft-07/schema#");
    // The project has no address yet.
    add("$id", &format!("urn:mas2nix:{name}.schema.json"));
    add("title", title);
    schema.sort_keys();
    JsonSchema {
        schema: schema.into(),
        inexpressible: conditions.inexpressible,
    }
}

struct Writer<'a> {
    conditions: &'a Conditions,
    /// Whether required options must be present. `render` has defaults for some of them.
    with_required: bool,
}

impl Writer<'_> {
    fn node(&self, node: &Node, path: &str) -> Map<String, Value> {
        let mut schema = self.shape(&node.shape, path);
        if node.nullable {
            if let Some(kind) = schema.get_mut("type") {
                *kind = json!([kind, "null"]);
            }
            if let Some(Value::Array(values)) = schema.get_mut("enum") {
                values.push(Value::Null);
            }
        }
        let mut add = |key: &str, value: Value| schema.insert(key.to_owned(), value);
        let description = description(node);
        if !description.is_empty() {
            add("description", description.into());
        }
        if let Some(default) = &node.default {
            add("default", default.clone());
        }
        if let Some(example) = &node.example {
            add("examples", json!([example]));
        }
        if let Some(removed) = node.removed.as_ref().filter(|removed| **removed <= NEWEST) {
            let message = format!("MAS {removed} and newer versions ignore this option.");
            add("deprecated", true.into());
            add("deprecationMessage", message.into());
        }
        if let Some(names) = node.names {
            let mut names_schema = pattern::keywords(names);
            let message = format!("the name must be {}", names.description);
            names_schema.insert("patternErrorMessage".to_owned(), message.into());
            add("propertyNames", names_schema.into());
        }
        let conditions = self.conditions.at(path);
        if !conditions.is_empty() {
            add("allOf", conditions.into());
        }
        schema
    }

    fn shape(&self, shape: &Shape, path: &str) -> Map<String, Value> {
        let schema = match shape {
            Shape::Boolean => json!({"type": "boolean"}),
            Shape::Integer { min, max, .. } => {
                json!({"type": "integer", "minimum": min, "maximum": max})
            }
            Shape::Number { min, max, .. } => {
                let bounds = [("minimum", min), ("maximum", max)];
                let mut schema = json!({"type": "number"});
                for (key, bound) in bounds {
                    if let Some(bound) = bound {
                        schema[key] = json!(bound);
                    }
                }
                schema
            }
            Shape::Text { format, .. } => {
                let mut schema = Map::from_iter([("type".to_owned(), json!("string"))]);
                // `.*` is any text.
                if let Some(format) = format.filter(|format| format.pattern != ".*") {
                    schema.extend(pattern::keywords(format));
                    let message = format!("must be {}", format.description);
                    schema.insert("patternErrorMessage".to_owned(), message.into());
                }
                schema.into()
            }
            Shape::Choice(choices) => {
                let values: Vec<&str> = choices.iter().map(|it| it.value.as_str()).collect();
                json!({"type": "string", "enum": values})
            }
            Shape::Any => json!({}),
            Shape::List(item) => {
                json!({"type": "array", "items": self.node(item, &join(path, "[]"))})
            }
            Shape::Map(item) => {
                let values = self.node(item, &join(path, "*"));
                json!({"type": "object", "additionalProperties": values})
            }
            Shape::Section(section) => {
                let options = section.options.iter();
                let properties: Map<String, Value> = options
                    .clone()
                    .map(|(name, option)| {
                        let option = self.node(option, &join(path, name));
                        (name.clone(), Value::Object(option))
                    })
                    .collect();
                let required: Vec<&str> = options
                    .map(|(name, _)| name.as_str())
                    .filter(|name| self.with_required && section.requires(name))
                    .collect();
                let mut schema = json!({"type": "object", "additionalProperties": false});
                if !required.is_empty() {
                    schema["required"] = json!(required);
                }
                schema["properties"] = properties.into();
                schema
            }
        };
        match schema {
            Value::Object(schema) => schema,
            _ => Map::new(),
        }
    }
}

/// What an editor shows about an option.
fn description(node: &Node) -> String {
    let mut parts = vec![node.description.clone()];
    if let Shape::Choice(choices) = &node.shape {
        let described = choices
            .iter()
            .filter(|choice| !choice.description.is_empty());
        let lines: Vec<String> = described
            .map(|choice| format!("- \"{}\": {}", choice.value, choice.description))
            .collect();
        parts.push(lines.join("\n"));
    }
    if let Some(meaning) = &node.null_means {
        parts.push(format!("null: {meaning}."));
    }
    if let Some(text) = &node.default_text {
        parts.push(format!("Default: {text}"));
    }
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}
