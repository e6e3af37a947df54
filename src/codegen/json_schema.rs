//! A JSON schema of MAS's configuration for editors. It is stricter than upstream's.

use serde_json::{Map, Value, json};

use crate::config::tree::{Node, Shape};

/// The schema as JSON text (draft 7).
#[must_use]
pub fn text(settings: &Node) -> String {
    let mut schema = node(settings);
    schema.insert(
        "$schema".to_owned(),
        json!("http://json-schema.org/draft-07/schema#"),
    );
    schema.insert(
        "title".to_owned(),
        json!(format!(
            "Matrix Authentication Service {}",
            crate::schema::NEWEST
        )),
    );
    schema.sort_keys();
    let mut text = serde_json::to_string_pretty(&Value::Object(schema)).unwrap_or_default();
    text.push('\n');
    text
}

fn node(node: &Node) -> Map<String, Value> {
    let mut schema = shape(&node.shape);
    if node.nullable {
        if let Some(kind) = schema.get_mut("type") {
            *kind = json!([kind, "null"]);
        }
        if let Some(Value::Array(values)) = schema.get_mut("enum") {
            values.push(Value::Null);
        }
    }
    let mut add = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            schema.insert(key.to_owned(), value);
        }
    };
    add(
        "description",
        (!node.description.is_empty()).then(|| json!(node.description)),
    );
    add("default", node.default.clone());
    add(
        "examples",
        node.example.clone().map(|example| json!([example])),
    );
    schema
}

fn shape(shape: &Shape) -> Map<String, Value> {
    let schema = match shape {
        Shape::Boolean => json!({"type": "boolean"}),
        Shape::Integer { min, max, .. } => {
            json!({"type": "integer", "minimum": min, "maximum": max})
        }
        Shape::Number {
            min: Some(min),
            max: Some(max),
            ..
        } => {
            json!({"type": "number", "minimum": min, "maximum": max})
        }
        Shape::Number { .. } => json!({"type": "number"}),
        Shape::Text {
            json: Some(format), ..
        } if format != "ip" => {
            json!({"type": "string", "format": format})
        }
        Shape::Text { .. } => json!({"type": "string"}),
        Shape::Choice(choices) => {
            let values: Vec<&str> = choices.iter().map(|choice| choice.value.as_str()).collect();
            json!({"type": "string", "enum": values})
        }
        Shape::Any => json!({}),
        Shape::List(item) => json!({"type": "array", "items": node(item)}),
        Shape::Map(item) => json!({"type": "object", "additionalProperties": node(item)}),
        Shape::Section(section) => {
            let options = section.options.iter();
            let properties: Map<String, Value> = options
                .clone()
                .map(|(name, option)| (name.clone(), Value::Object(node(option))))
                .collect();
            let required: Vec<&str> = options
                .map(|(name, _)| name.as_str())
                .filter(|name| section.requires(name))
                .collect();
            json!({
                "type": "object",
                "additionalProperties": false,
                "required": required,
                "properties": properties,
            })
        }
    };
    match schema {
        Value::Object(schema) => schema,
        _ => Map::new(),
    }
}
