//! Runs `mas-cli doctor` with the configuration of the service.

use std::fs;

use super::{
    ServiceError,
    prepare::{Directories, Mas},
};
use crate::{
    deploy::manifests::Manifest,
    mas_cli::doctor::{Finding, findings, redact},
    util::secret::secret_text,
};

/// Runs `mas-cli doctor` with the service's configuration.
///
/// # Errors
///
/// If `mas-cli doctor` cannot be run, or exits with an error and thus without a result.
pub fn run(manifest: &Manifest) -> Result<Vec<Finding>, ServiceError> {
    let secrets = secrets(&Directories::of_this_unit()?)?;
    let mas = Mas::ready(manifest)?;
    let mut command = mas.command(&["doctor"]);
    let output = mas.output(command.env("RUST_LOG", "info").env("NO_COLOR", "1"))?;
    let text = [output.stdout, output.stderr].concat();
    let text = redact(&String::from_utf8_lossy(&text), &secrets);
    if output.status.success() {
        Ok(findings(&text))
    } else {
        Err(ServiceError::Mas(format!(
            "`mas-cli doctor` failed:\n{}",
            text.trim()
        )))
    }
}

/// The content of all credentials that are text.
fn secrets(directories: &Directories) -> Result<Vec<String>, ServiceError> {
    let Some(directory) = &directories.credentials else {
        return Ok(Vec::new());
    };
    let failed = || ServiceError::file(directory, "cannot be read");
    let mut secrets = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed())? {
        let path = entry.map_err(failed())?.path();
        if let Ok(content) = fs::read_to_string(&path) {
            secrets.push(secret_text(&content).to_owned());
        }
    }
    Ok(secrets)
}
