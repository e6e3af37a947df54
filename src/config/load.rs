//! Reading MAS's configuration files and merging them the way MAS does: maps merge, lists are
//! joined, later scalars win.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::{Map, Number, Value};
use serde_yaml_ng::Value as Yaml;

use crate::config::tree::join;

/// Configuration files, merged.
#[derive(Clone, Debug, Default)]
pub struct MergedConfig {
    /// The configuration.
    pub value: Value,
    /// Which file a path came from, for the topmost paths each file added.
    origins: BTreeMap<String, PathBuf>,
}

/// A file that is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("{file}: cannot be read: {source}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not YAML, or holds what no configuration can hold.
    #[error("{file}: {reason}")]
    Invalid {
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
}

impl MergedConfig {
    /// Reads and merges files, in this order.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, is not YAML (JSON is), or is no map.
    pub fn files(files: &[PathBuf]) -> Result<Self, LoadError> {
        let mut loaded = MergedConfig {
            value: Value::Object(Map::new()),
            origins: BTreeMap::new(),
        };
        for file in files {
            let value = read(file)?;
            tracing::debug!(file = %file.display(), "read");
            merge(&mut loaded.value, value, "", file, &mut loaded.origins);
        }
        Ok(loaded)
    }

    /// The file that the option at a path came from.
    #[must_use]
    pub fn origin(&self, path: &str) -> Option<&Path> {
        let ends = path.match_indices(['.', '[']).map(|(at, _)| at);
        let mut prefixes: Vec<usize> = ends.collect();
        prefixes.push(path.len());
        let mut files = prefixes
            .iter()
            .rev()
            .filter_map(|end| self.origins.get(&path[..*end]));
        files.next().map(PathBuf::as_path)
    }
}

fn read(file: &Path) -> Result<Value, LoadError> {
    let name = || file.display().to_string();
    let invalid = |reason: String| LoadError::Invalid {
        file: name(),
        reason,
    };
    let text = std::fs::read_to_string(file).map_err(|source| LoadError::Unreadable {
        file: name(),
        source,
    })?;
    let yaml: Yaml =
        serde_yaml_ng::from_str(&text).map_err(|error| invalid(format!("not YAML: {error}")))?;
    match json(yaml, "").map_err(invalid)? {
        Value::Null => Ok(Value::Object(Map::new())),
        value @ Value::Object(_) => Ok(value),
        _ => Err(invalid("a configuration is a map of sections".to_owned())),
    }
}

/// YAML in the form of JSON; an error names the path of what JSON cannot say.
fn json(yaml: Yaml, path: &str) -> Result<Value, String> {
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => value.into(),
        Yaml::String(value) => value.into(),
        Yaml::Number(number) => Value::Number(finite(&number, path)?),
        Yaml::Sequence(items) => {
            let items = items.into_iter().enumerate();
            let items = items.map(|(i, item)| json(item, &format!("{path}[{i}]")));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        Yaml::Mapping(entries) => {
            let entries = entries.into_iter().map(|(key, value)| {
                let Yaml::String(key) = key else {
                    return Err(format!("{path}: every key must be a text; quote it"));
                };
                let value = json(value, &join(path, &key))?;
                Ok((key, value))
            });
            Value::Object(entries.collect::<Result<_, String>>()?)
        }
        Yaml::Tagged(_) => return Err(format!("{path}: MAS does not know YAML tags; remove it")),
    })
}

fn finite(number: &serde_yaml_ng::Number, path: &str) -> Result<Number, String> {
    let whole = number.as_i64().map(Number::from);
    let whole = whole.or_else(|| number.as_u64().map(Number::from));
    whole
        .or_else(|| number.as_f64().and_then(Number::from_f64))
        .ok_or_else(|| format!("{path}: {number} is no finite number; write one"))
}

fn merge(
    into: &mut Value,
    from: Value,
    path: &str,
    file: &Path,
    origins: &mut BTreeMap<String, PathBuf>,
) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                let path = join(path, &key);
                if let Some(known) = into.get_mut(&key) {
                    merge(known, value, &path, file, origins);
                } else {
                    origins.insert(path, file.to_owned());
                    into.insert(key, value);
                }
            }
        }
        (Value::Array(into), Value::Array(from)) => {
            for value in from {
                origins.insert(format!("{path}[{}]", into.len()), file.to_owned());
                into.push(value);
            }
        }
        (into, from) => {
            origins.insert(path.to_owned(), file.to_owned());
            *into = from;
        }
    }
}

impl From<Value> for MergedConfig {
    fn from(value: Value) -> Self {
        MergedConfig {
            value,
            origins: BTreeMap::new(),
        }
    }
}
