//! Reads MAS's configuration files and merges them as MAS does: maps are merged, lists are joined, and
//! a later scalar replaces an earlier one.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::{Map, Number, Value};
use serde_yaml_ng::Value as Yaml;

use crate::config::{
    merge::{Lists, merge_reporting},
    tree::join,
};

/// One or more configuration files, merged.
#[derive(Clone, Debug, Default)]
pub struct MergedConfig {
    /// The options of all files, as one map.
    pub value: Value,
    /// The file that each path came from. Only the topmost paths that a file added are recorded.
    origins: BTreeMap<String, PathBuf>,
}

/// Why a configuration file could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Reading the file failed.
    #[error("cannot read {file}")]
    Unreadable {
        /// The path of the file.
        file: PathBuf,
        /// The error from the operating system.
        source: std::io::Error,
    },
    /// The file is not YAML.
    #[error("{file} is not YAML")]
    NotYaml {
        /// The path of the file.
        file: PathBuf,
        /// The error of the parser.
        source: serde_yaml_ng::Error,
    },
    /// The file has content that no configuration can have.
    #[error("{file}: {reason}")]
    Invalid {
        /// The path of the file.
        file: PathBuf,
        /// What is wrong, in words.
        reason: String,
    },
}

impl MergedConfig {
    /// Reads the files and merges them in the given order.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, is neither YAML nor JSON, or is not a map at the top level. An empty
    /// file is accepted.
    pub fn files(files: &[PathBuf]) -> Result<Self, LoadError> {
        let mut loaded = MergedConfig {
            value: Value::Object(Map::new()),
            origins: BTreeMap::new(),
        };
        for file in files {
            let value = read(file)?;
            tracing::debug!(file = %file.display(), "read");
            merge_reporting(&mut loaded.value, value, Lists::Joined, |path| {
                loaded.origins.insert(path, file.clone());
            });
        }
        Ok(loaded)
    }

    /// The file that set the option at `path`.
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
    let invalid = |reason: String| LoadError::Invalid {
        file: file.to_owned(),
        reason,
    };
    let text = std::fs::read_to_string(file).map_err(|source| LoadError::Unreadable {
        file: file.to_owned(),
        source,
    })?;
    let yaml: Yaml = serde_yaml_ng::from_str(&text).map_err(|source| LoadError::NotYaml {
        file: file.to_owned(),
        source,
    })?;
    match json(yaml, "").map_err(invalid)? {
        Value::Null => Ok(Value::Object(Map::new())),
        value @ Value::Object(_) => Ok(value),
        _ => Err(invalid(
            "the configuration must be a map of sections".to_owned(),
        )),
    }
}

/// Converts YAML to JSON. The error names the path of a value that JSON cannot represent.
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
                    return Err(format!(
                        "{path}: keys must be strings; put this key in quotes"
                    ));
                };
                let value = json(value, &join(path, &key))?;
                Ok((key, value))
            });
            Value::Object(entries.collect::<Result<_, String>>()?)
        }
        Yaml::Tagged(_) => {
            return Err(format!(
                "{path}: MAS does not support YAML tags; remove the tag"
            ));
        }
    })
}

fn finite(number: &serde_yaml_ng::Number, path: &str) -> Result<Number, String> {
    let whole = number.as_i64().map(Number::from);
    let whole = whole.or_else(|| number.as_u64().map(Number::from));
    whole
        .or_else(|| number.as_f64().and_then(Number::from_f64))
        .ok_or_else(|| format!("{path}: {number} is not a finite number; use one"))
}

impl From<Value> for MergedConfig {
    fn from(value: Value) -> Self {
        MergedConfig {
            value,
            origins: BTreeMap::new(),
        }
    }
}
