//! YAML in block style. `modules/yaml.nix` produces the same text.

use std::fmt::Write;

use serde_json::{Map, Value};

/// A value as a YAML document. Keys are in alphabetical order.
#[must_use]
pub fn document(value: &Value) -> String {
    match value {
        Value::Object(entries) if !entries.is_empty() => block(value, ""),
        Value::Array(items) if !items.is_empty() => block(value, ""),
        scalar => format!("{scalar}\n"),
    }
}

fn block(value: &Value, indent: &str) -> String {
    let mut out = String::new();
    match value {
        Value::Object(entries) => {
            for (name, value) in sorted(entries) {
                out += &format!("{indent}{}:{}", key(name), nested(value, indent));
            }
        }
        Value::Array(items) => {
            for item in items {
                let below = format!("{indent}  ");
                let text = if is_block(item) {
                    block(item, &below).split_off(below.len())
                } else {
                    format!("{item}\n")
                };
                let _ = write!(out, "{indent}- {text}");
            }
        }
        _ => {}
    }
    out
}

/// The text after a key and its colon.
fn nested(value: &Value, indent: &str) -> String {
    if is_block(value) {
        format!("\n{}", block(value, &format!("{indent}  ")))
    } else {
        format!(" {value}\n")
    }
}

fn is_block(value: &Value) -> bool {
    match value {
        Value::Object(entries) => !entries.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    }
}

fn sorted(entries: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort_by_key(|(name, _)| *name);
    entries
}

/// A key, quoted unless it is a plain word with no other meaning in YAML.
fn key(name: &str) -> String {
    let plain = name.starts_with(|char: char| char.is_ascii_lowercase())
        && name
            .chars()
            .all(|char| char.is_ascii_alphanumeric() || "_-".contains(char));
    let reserved = ["false", "n", "no", "null", "off", "on", "true", "y", "yes"];
    if plain && !reserved.contains(&name) {
        name.to_owned()
    } else {
        Value::from(name).to_string()
    }
}
