//! Reads MAS's configuration files and merges them as MAS does: maps are merged, lists are joined, and
//! a later scalar replaces an earlier one.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::{Map, Number, Value};
use serde_yaml_ng::{Mapping, Value as Yaml};

use crate::config::{
    merge::{Lists, merge_reporting},
    source::{Position, Source},
    tree::join,
};

/// One or more configuration files, merged.
#[derive(Clone, Debug, Default)]
pub struct MergedConfig {
    /// The options of all files, as one map.
    pub value: Value,
    /// The files, in the given order.
    pub sources: Vec<Source>,
    /// Where each path came from. Only the topmost paths that a file added are recorded.
    origins: BTreeMap<String, Origin>,
}

/// Where an option came from.
#[derive(Clone, Debug)]
struct Origin {
    /// The index of the file.
    source: usize,
    /// Its path in that file alone, where the indices of lists can be lower.
    path: String,
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
        /// Where, if that is known.
        position: Option<Position>,
    },
    /// The file has content that no configuration can have.
    #[error("{file}: {reason}")]
    Invalid {
        /// The path of the file.
        file: PathBuf,
        /// What is wrong, in words.
        reason: String,
        /// Where, if that is known.
        position: Option<Position>,
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
        let mut inputs = Vec::new();
        for file in files {
            let content = std::fs::read(file).map_err(|source| LoadError::Unreadable {
                file: file.clone(),
                source,
            })?;
            inputs.push((file.clone(), content));
        }
        Self::contents(inputs)
    }

    /// Merges the contents of files in the given order. The paths are only names.
    ///
    /// # Errors
    ///
    /// If a file is neither YAML nor JSON, or is not a map at the top level.
    pub fn contents(inputs: Vec<(PathBuf, Vec<u8>)>) -> Result<Self, LoadError> {
        let mut loaded = MergedConfig {
            value: Value::Object(Map::new()),
            ..MergedConfig::default()
        };
        for (i, (file, content)) in inputs.into_iter().enumerate() {
            let (source, value) = parse(file, content)?;
            tracing::debug!(file = %source.file.display(), "read");
            loaded.sources.push(source);
            merge_reporting(&mut loaded.value, value, Lists::Joined, |merged, path| {
                loaded.origins.insert(merged, Origin { source: i, path });
            });
        }
        Ok(loaded)
    }

    /// The file that set the option at `path`.
    #[must_use]
    pub fn origin(&self, path: &str) -> Option<&Path> {
        let (source, _) = self.locate(path)?;
        Some(&self.sources[source].file)
    }

    /// Where the option at `path` is: the index of its file, and the place of its name or value there. For an
    /// option that is absent, where the section or list entry is that would contain it.
    #[must_use]
    pub fn position(&self, path: &str, of_value: bool) -> Option<(usize, Position)> {
        let (source, path) = self.locate(path)?;
        let position = self.sources[source].position(&path, of_value)?;
        Some((source, position))
    }

    /// The file that set the option at `path`, and the path of the option in that file alone.
    fn locate(&self, path: &str) -> Option<(usize, String)> {
        let ends = path.match_indices(['.', '[']).map(|(at, _)| at);
        let mut prefixes: Vec<usize> = ends.collect();
        prefixes.push(path.len());
        prefixes.iter().rev().find_map(|end| {
            let origin = self.origins.get(&path[..*end])?;
            Some((origin.source, format!("{}{}", origin.path, &path[*end..])))
        })
    }
}

fn parse(file: PathBuf, content: Vec<u8>) -> Result<(Source, Value), LoadError> {
    let text = match String::from_utf8(content) {
        Ok(text) => text,
        Err(error) => {
            let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let valid = String::from_utf8_lossy(valid);
            let line = valid.matches('\n').count() + 1;
            let column = valid.chars().rev().take_while(|char| *char != '\n').count() + 1;
            return Err(LoadError::Invalid {
                file,
                reason: "not UTF-8".to_owned(),
                position: Some(Position {
                    line,
                    column,
                    end_column: column + 1,
                }),
            });
        }
    };
    // A byte order mark is allowed, and not part of the first line.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let yaml: Yaml = match serde_yaml_ng::from_str(text) {
        Ok(yaml) => yaml,
        Err(source) => {
            let position = error_position(&source, text);
            return Err(LoadError::NotYaml {
                file,
                source,
                position,
            });
        }
    };
    let names = yaml.as_mapping().into_iter().flat_map(Mapping::keys);
    let names = names.filter_map(Yaml::as_str).map(str::to_owned).collect();
    let source = Source::new(file.clone(), text, names);
    match json(yaml, "") {
        Ok(Value::Null) => Ok((source, Value::Object(Map::new()))),
        Ok(value @ Value::Object(_)) => Ok((source, value)),
        Ok(_) => Err(LoadError::Invalid {
            file,
            reason: "the configuration must be a map of sections".to_owned(),
            position: None,
        }),
        Err(Unsupported { path, reason }) => Err(LoadError::Invalid {
            file,
            position: source.position(&path, true),
            reason: match path.as_str() {
                "" => reason,
                path => format!("{path}: {reason}"),
            },
        }),
    }
}

/// Where a text is not YAML. For a repeated name, the parser names the start of the map instead.
fn error_position(error: &serde_yaml_ng::Error, text: &str) -> Option<Position> {
    if error.to_string().contains("duplicate entry") {
        let repeated = Source::new(PathBuf::new(), text, Vec::new()).repeated();
        if repeated.is_some() {
            return repeated;
        }
    }
    let (line, column) = match error.location() {
        Some(at) => (at.line().max(1), at.column().max(1)),
        None => return None,
    };
    Some(Position {
        line,
        column,
        end_column: column + 1,
    })
}

/// Content that JSON cannot represent.
struct Unsupported {
    path: String,
    reason: String,
}

fn unsupported(path: &str, reason: impl Into<String>) -> Unsupported {
    Unsupported {
        path: path.to_owned(),
        reason: reason.into(),
    }
}

/// Converts YAML to JSON. The error names the path of a value that JSON cannot represent.
fn json(yaml: Yaml, path: &str) -> Result<Value, Unsupported> {
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
                    let reason = "keys must be strings; put this key in quotes";
                    return Err(unsupported(path, reason));
                };
                let value = json(value, &join(path, &key))?;
                Ok((key, value))
            });
            Value::Object(entries.collect::<Result<_, Unsupported>>()?)
        }
        Yaml::Tagged(_) => {
            let reason = "MAS does not support YAML tags; remove the tag";
            return Err(unsupported(path, reason));
        }
    })
}

fn finite(number: &serde_yaml_ng::Number, path: &str) -> Result<Number, Unsupported> {
    let whole = number.as_i64().map(Number::from);
    let whole = whole.or_else(|| number.as_u64().map(Number::from));
    whole
        .or_else(|| number.as_f64().and_then(Number::from_f64))
        .ok_or_else(|| unsupported(path, format!("{number} is not a finite number; use one")))
}

impl From<Value> for MergedConfig {
    fn from(value: Value) -> Self {
        MergedConfig {
            value,
            ..MergedConfig::default()
        }
    }
}
