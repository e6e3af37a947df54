//! Assembles MAS's configuration from the manifest and systemd's credentials, and runs MAS with it.

use std::{
    env, fs,
    os::unix::{
        fs::{DirBuilderExt, symlink},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

use super::ServiceError;
use crate::{
    deploy::manifests::{CopyKind, FileCopy, Manifest},
    mas_cli::MasCli,
    util::{atomic_write, secret::secret_text, yaml},
};

/// The credentials directory of MAS's own unit. Settings may name it, and other units read them too;
/// these units have the same credentials in their own directories.
const MAIN_CREDENTIALS_DIRECTORY: &str = "/run/credentials/matrix-authentication-service.service";

/// The directories that systemd creates for a unit.
#[derive(Clone, Debug)]
pub struct Directories {
    /// The credentials directory, if the unit has credentials.
    pub credentials: Option<PathBuf>,
    /// The runtime directory, for the configuration. Only the service's user can read what is written to it.
    pub runtime: PathBuf,
}

impl Directories {
    /// The directories of the unit that runs this process, from systemd's environment variables.
    ///
    /// # Errors
    ///
    /// If `$RUNTIME_DIRECTORY` is not set.
    pub fn of_this_unit() -> Result<Self, ServiceError> {
        let directory = |name| env::var_os(name).map(PathBuf::from);
        let runtime = "RUNTIME_DIRECTORY";
        Ok(Directories {
            credentials: directory("CREDENTIALS_DIRECTORY"),
            runtime: directory(runtime).ok_or(ServiceError::NotAService(runtime))?,
        })
    }

    /// Expands `RUNTIME_DIRECTORY` and `CREDENTIALS_DIRECTORY` in the forms `$NAME` and `${NAME}`, and
    /// replaces the credentials directory of MAS's own unit with this unit's.
    #[must_use]
    pub fn fill(&self, text: &str) -> String {
        let text = expand(text, "RUNTIME_DIRECTORY", &self.runtime);
        let text = match &self.credentials {
            Some(credentials) => expand(&text, "CREDENTIALS_DIRECTORY", credentials),
            None => text,
        };
        self.with_own_credentials(&text)
    }

    fn with_own_credentials(&self, text: &str) -> String {
        match &self.credentials {
            Some(own) => text.replace(MAIN_CREDENTIALS_DIRECTORY, &own.to_string_lossy()),
            None => text.to_owned(),
        }
    }
}

/// Replaces `$NAME`, unless it is the beginning of a longer name, and `${NAME}`.
fn expand(text: &str, name: &str, directory: &Path) -> String {
    let directory = directory.to_string_lossy();
    let text = text.replace(&format!("${{{name}}}"), &directory);
    let variable = format!("${name}");
    let mut parts = text.split(&variable);
    let mut expanded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let longer = part.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_');
        expanded.push_str(if longer { &variable } else { &directory });
        expanded.push_str(part);
    }
    expanded
}

/// Writes MAS's configuration, or `only` one section of it, and the file copies that it names. Returns the
/// configuration files, in the order in which MAS merges them.
///
/// # Errors
///
/// If a file cannot be read or written.
pub fn prepare(
    manifest: &Manifest,
    directories: &Directories,
    only: Option<&str>,
) -> Result<Vec<PathBuf>, ServiceError> {
    let template =
        fs::read_to_string(&manifest.config).map_err(ServiceError::io("read", &manifest.config))?;
    let overridden = secrets_from_environment(manifest);
    let template = if only.is_none() && overridden.is_empty() {
        template
    } else {
        edited(manifest, &template, |config| {
            if let Some(section) = only {
                keep_section(config, section);
            }
            remove_options(config, &overridden);
        })?
    };
    let copies = manifest.copies.iter();
    for copy in copies.filter(|copy| template.contains(&copy.target)) {
        make_copy(copy, directories)?;
    }
    let config = directories.runtime.join("config.yaml");
    write_private(&config, &directories.fill(&template))?;
    let mut files = vec![config];
    for (i, file) in manifest.extra_config_files.iter().enumerate() {
        let file = PathBuf::from(directories.fill(file));
        // MAS's own unit may create this file only later.
        if only.is_none() || file.exists() {
            files.push(extra_config(i, file, directories)?);
        }
    }
    Ok(files)
}

/// Parses the configuration, changes it, and prints it as YAML.
fn edited(
    manifest: &Manifest,
    config: &str,
    change: impl FnOnce(&mut Value),
) -> Result<String, ServiceError> {
    let mut config: Value =
        serde_yaml_ng::from_str(config).map_err(ServiceError::form(&manifest.config, "YAML"))?;
    change(&mut config);
    Ok(yaml::document(&config))
}

/// Removes all sections except one.
fn keep_section(config: &mut Value, section: &str) {
    if let Value::Object(sections) = config {
        sections.retain(|name, _| name == section);
    }
}

/// The options, as section and name, whose secret is generated on this host but also set by an environment
/// variable.
fn secrets_from_environment(manifest: &Manifest) -> Vec<(&'static str, &'static str)> {
    let generated = &manifest.secrets;
    let options = [
        (
            generated.encryption,
            "MAS_SECRETS_ENCRYPTION",
            ("secrets", "encryption_file"),
        ),
        (
            generated.synapse,
            "MAS_MATRIX_SECRET",
            ("matrix", "secret_file"),
        ),
        (
            generated.database,
            "MAS_DATABASE_PASSWORD",
            ("database", "password_file"),
        ),
    ];
    let overridden = options
        .into_iter()
        .filter(|(generated, variable, _)| *generated && env::var_os(variable).is_some());
    overridden.map(|(_, _, option)| option).collect()
}

/// Removes options that an environment variable replaces: MAS rejects a secret that is set twice.
fn remove_options(config: &mut Value, options: &[(&str, &str)]) {
    for (section, option) in options {
        if let Some(Value::Object(entries)) = config.get_mut(section) {
            entries.shift_remove(*option);
        }
    }
}

/// The path of an administrator's configuration file. If it names credentials of MAS's own unit, this is a
/// copy that names this unit's instead.
fn extra_config(
    i: usize,
    file: PathBuf,
    directories: &Directories,
) -> Result<PathBuf, ServiceError> {
    let content = fs::read_to_string(&file).map_err(ServiceError::io("read", &file))?;
    let filled = directories.with_own_credentials(&content);
    if filled == content {
        return Ok(file);
    }
    let copy = directories.runtime.join(format!("config-{i}.yaml"));
    write_private(&copy, &filled)?;
    Ok(copy)
}

fn make_copy(copy: &FileCopy, directories: &Directories) -> Result<(), ServiceError> {
    let source = PathBuf::from(directories.fill(&copy.source));
    let target = PathBuf::from(directories.fill(&copy.target));
    match copy.kind {
        CopyKind::Raw => {
            let content = fs::read_to_string(&source).map_err(ServiceError::io("read", &source))?;
            write_private(&target, secret_text(&content))
        }
        CopyKind::Directory => link_directory(&source, &target),
    }
}

/// Recreates a directory credential: systemd loads it as files named after the credential, `_` and the
/// original file name.
fn link_directory(source: &Path, target: &Path) -> Result<(), ServiceError> {
    let failed = |action| ServiceError::io(action, target);
    if target.exists() {
        fs::remove_dir_all(target).map_err(failed("replace"))?;
    }
    let mut builder = fs::DirBuilder::new();
    builder.mode(0o700);
    builder.create(target).map_err(failed("create"))?;
    let (Some(parent), Some(name)) = (source.parent(), source.file_name()) else {
        return Ok(());
    };
    let prefix = format!("{}_", name.to_string_lossy());
    let entries = fs::read_dir(parent).map_err(ServiceError::io("read", parent))?;
    for entry in entries {
        let entry = entry.map_err(ServiceError::io("read", parent))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(key) = name.strip_prefix(&prefix) {
            symlink(entry.path(), target.join(key)).map_err(failed("fill"))?;
        }
    }
    Ok(())
}

/// Writes a file with mode 0600.
fn write_private(path: &Path, content: &str) -> Result<(), ServiceError> {
    atomic_write::replace(path, content, 0o600).map_err(ServiceError::io("write", path))
}

/// Assembles the configuration for `mas-cli`, and has it checked if the manifest says so.
///
/// # Errors
///
/// If the configuration cannot be assembled, or MAS rejects it.
pub fn ready(manifest: &Manifest) -> Result<MasCli, ServiceError> {
    let mas_cli = with_section(manifest, None)?;
    if manifest.check_config {
        let mut check = mas_cli.command(&["config", "check"]);
        let status = check
            .env("RUST_LOG", "warn")
            .status()
            .map_err(ServiceError::spawn(&mas_cli.program))?;
        if !status.success() {
            return Err(ServiceError::ConfigRefused);
        }
    }
    Ok(mas_cli)
}

/// Assembles the whole configuration or one section, without a check: MAS rejects a single section as
/// incomplete.
fn with_section(manifest: &Manifest, only: Option<&str>) -> Result<MasCli, ServiceError> {
    Ok(MasCli {
        program: manifest.mas_cli.clone(),
        config: prepare(manifest, &Directories::of_this_unit()?, only)?,
    })
}

/// Runs a command line of `mas-cli` to its end.
///
/// # Errors
///
/// If it cannot be started.
pub fn output(command: &mut Command) -> Result<Output, ServiceError> {
    let program = PathBuf::from(command.get_program());
    command.output().map_err(ServiceError::spawn(&program))
}

/// Replaces this process with `mas-cli` (exec), with the whole configuration or `only` one section.
/// Returns only if that fails.
#[must_use]
pub fn run(manifest: &Manifest, only: Option<&str>, arguments: &[String]) -> ServiceError {
    let mas_cli = match only {
        Some(_) => with_section(manifest, only),
        None => ready(manifest),
    };
    match mas_cli {
        Ok(mas_cli) => {
            let error = mas_cli.command(&[]).args(arguments).exec();
            ServiceError::spawn(&mas_cli.program)(error)
        }
        Err(error) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_names_of_variables_are_expanded() {
        let directories = Directories {
            credentials: Some("/c".into()),
            runtime: "/r".into(),
        };
        for (text, expected) in [
            ("$RUNTIME_DIRECTORY/a", "/r/a"),
            ("${RUNTIME_DIRECTORY}_a", "/r_a"),
            ("$RUNTIME_DIRECTORY_OTHER", "$RUNTIME_DIRECTORY_OTHER"),
            (
                "$CREDENTIALS_DIRECTORY2 $CREDENTIALS_DIRECTORY",
                "$CREDENTIALS_DIRECTORY2 /c",
            ),
            ("$OTHER", "$OTHER"),
        ] {
            assert_eq!(directories.fill(text), expected);
        }
    }
}
