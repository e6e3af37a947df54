//! Runs `mas-cli doctor` with the configuration of the service.

use std::{env, fs};

use serde_json::Value;

use super::{
    ServiceError,
    prepare::{self, Directories},
};
use crate::{
    config::{
        load::MergedConfig,
        tree::{self, Node},
    },
    deploy::manifests::Manifest,
    mas_cli::doctor::{Finding, findings, redacted},
    util::secret::secret_text,
};

/// Runs `mas-cli doctor` with the service's configuration.
///
/// # Errors
///
/// If `mas-cli doctor` cannot be run, or exits with an error and thus without a result.
pub fn run(manifest: &Manifest) -> Result<Vec<Finding>, ServiceError> {
    let mas_cli = prepare::ready(manifest)?;
    let mut secrets = credentials(&Directories::of_this_unit()?)?;
    let config = MergedConfig::files(&mas_cli.config)?;
    secrets.extend(inline(&config.value, &tree::settings()));
    let output = prepare::output(&mut mas_cli.parsable(&["doctor"]))?;
    let text = redacted(&output, &secrets);
    if output.status.success() {
        Ok(findings(&text))
    } else {
        Err(ServiceError::Doctor {
            status: output.status,
            output: text.trim().to_owned(),
        })
    }
}

/// All credentials that are text: as a whole, and the lines that are long enough for a secret, because
/// a message may have a part of one.
fn credentials(directories: &Directories) -> Result<Vec<String>, ServiceError> {
    const SHORTEST: usize = 12;
    let Some(directory) = &directories.credentials else {
        return Ok(Vec::new());
    };
    let failed = ServiceError::io("read", directory);
    let mut secrets = Vec::new();
    for entry in fs::read_dir(directory).map_err(&failed)? {
        let path = entry.map_err(&failed)?.path();
        if let Ok(content) = fs::read_to_string(&path) {
            secrets.push(secret_text(&content).to_owned());
            let lines = content.lines().map(str::trim);
            let lines = lines.filter(|line| line.len() >= SHORTEST);
            secrets.extend(lines.map(str::to_owned));
        }
    }
    Ok(secrets)
}

/// The values of all secret options, in the configuration or in `MAS_*` variables.
fn inline(config: &Value, settings: &Node) -> Vec<String> {
    let mut secrets = Vec::new();
    let options = settings.descendants().into_iter();
    for (path, _) in options.filter(|(_, node)| node.secret) {
        let steps: Vec<&str> = tree::steps(&path).collect();
        collect(config, &steps, &mut secrets);
        let variable = format!("MAS_{}", path.replace('.', "_").to_uppercase());
        secrets.extend(env::var(variable));
    }
    secrets
}

/// Adds the texts at a path, in which `[]` means all entries of a list.
fn collect(value: &Value, steps: &[&str], found: &mut Vec<String>) {
    match (steps, value) {
        ([], Value::String(text)) => found.push(text.clone()),
        (["[]", rest @ ..], Value::Array(items)) => {
            for item in items {
                collect(item, rest, found);
            }
        }
        ([step, rest @ ..], value) => {
            if let Some(value) = value.get(*step) {
                collect(value, rest, found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_found_in_parts_of_credentials_and_in_the_configuration() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(
            directory.path().join("key"),
            "-----BEGIN-----\nMIIEvQIBADANBgkq\n",
        )
        .unwrap();
        let directories = Directories {
            credentials: Some(directory.path().to_owned()),
            runtime: directory.path().to_owned(),
        };
        let found = credentials(&directories).unwrap();
        assert!(found.contains(&"MIIEvQIBADANBgkq".to_owned()), "{found:?}");
        let config = json!({
            "matrix": {"homeserver": "example.com", "secret": "shared"},
            "clients": [{"client_id": "a", "client_secret": "of a client"}],
        });
        let mut found = inline(&config, &tree::settings());
        found.sort();
        assert_eq!(found, ["of a client", "shared"]);
    }
}
