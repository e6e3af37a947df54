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
use crate::util::secret::secret_text;
use crate::{
    deploy::manifests::{CopyKind, FileCopy, Manifest},
    util::{atomic_write, yaml},
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
        let fill = |text: String, name: &str, directory: &Path| {
            let directory = directory.to_string_lossy();
            text.replace(&format!("${{{name}}}"), &directory)
                .replace(&format!("${name}"), &directory)
        };
        let text = fill(text.to_owned(), "RUNTIME_DIRECTORY", &self.runtime);
        let text = match &self.credentials {
            Some(credentials) => fill(text, "CREDENTIALS_DIRECTORY", credentials),
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

/// Writes MAS's configuration, or `only` one section of it, and the file copies that it names. Returns the
/// `--config` arguments for MAS.
///
/// # Errors
///
/// If a file cannot be read or written.
pub fn prepare(
    manifest: &Manifest,
    directories: &Directories,
    only: Option<&str>,
) -> Result<Vec<String>, ServiceError> {
    let template = fs::read_to_string(&manifest.config)
        .map_err(ServiceError::file(&manifest.config, "cannot be read"))?;
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
    let arguments = files.into_iter().flat_map(|file| {
        let file = file.display().to_string();
        ["--config".to_owned(), file]
    });
    Ok(arguments.collect())
}

/// Parses the configuration, changes it, and prints it as YAML.
fn edited(
    manifest: &Manifest,
    config: &str,
    change: impl FnOnce(&mut Value),
) -> Result<String, ServiceError> {
    let mut config: Value =
        serde_yaml_ng::from_str(config).map_err(|error| ServiceError::Invalid {
            path: manifest.config.clone(),
            reason: error.to_string(),
        })?;
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
    let content = fs::read_to_string(&file).map_err(ServiceError::file(&file, "cannot be read"))?;
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
            let content = fs::read_to_string(&source)
                .map_err(ServiceError::file(&source, "cannot be read"))?;
            write_private(&target, secret_text(&content))
        }
        CopyKind::Directory => link_directory(&source, &target),
    }
}

/// Recreates a directory credential: systemd loads it as files named after the credential, `_` and the
/// original file name.
fn link_directory(source: &Path, target: &Path) -> Result<(), ServiceError> {
    let failed = |doing| ServiceError::file(target, doing);
    if target.exists() {
        fs::remove_dir_all(target).map_err(failed("cannot be replaced"))?;
    }
    let mut builder = fs::DirBuilder::new();
    builder.mode(0o700);
    builder
        .create(target)
        .map_err(failed("cannot be created"))?;
    let (Some(parent), Some(name)) = (source.parent(), source.file_name()) else {
        return Ok(());
    };
    let prefix = format!("{}_", name.to_string_lossy());
    let entries = fs::read_dir(parent).map_err(ServiceError::file(parent, "cannot be read"))?;
    for entry in entries {
        let entry = entry.map_err(ServiceError::file(parent, "cannot be read"))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(key) = name.strip_prefix(&prefix) {
            symlink(entry.path(), target.join(key)).map_err(failed("cannot be filled"))?;
        }
    }
    Ok(())
}

/// Writes a file with mode 0600.
fn write_private(path: &Path, content: &str) -> Result<(), ServiceError> {
    atomic_write::replace(path, content, 0o600)
        .map_err(ServiceError::file(path, "cannot be written"))
}

/// `mas-cli`, with `--config` for each file of its configuration.
#[derive(Clone, Debug)]
pub struct Mas {
    program: PathBuf,
    arguments: Vec<String>,
}

impl Mas {
    /// Assembles the configuration, and has `mas-cli` check it if the manifest says so.
    ///
    /// # Errors
    ///
    /// If the configuration cannot be assembled, or MAS rejects it.
    pub fn ready(manifest: &Manifest) -> Result<Self, ServiceError> {
        let mas = Mas::with_section(manifest, None)?;
        if manifest.check_config {
            let mut check = mas.command(&["config", "check"]);
            let status = check
                .env("RUST_LOG", "warn")
                .status()
                .map_err(ServiceError::file(&mas.program, "cannot be run"))?;
            if !status.success() {
                return Err(ServiceError::Mas(
                    "MAS rejects its configuration: see above. Correct the option that it names"
                        .into(),
                ));
            }
        }
        Ok(mas)
    }

    /// Assembles the whole configuration or one section, without a check: MAS rejects a single section as
    /// incomplete.
    fn with_section(manifest: &Manifest, only: Option<&str>) -> Result<Self, ServiceError> {
        Ok(Mas {
            program: manifest.mas_cli.clone(),
            arguments: prepare(manifest, &Directories::of_this_unit()?, only)?,
        })
    }

    /// A command that runs `mas-cli` with a subcommand. It inherits the unit's environment, in which `MAS_*`
    /// variables are settings that no file contains.
    #[must_use]
    pub fn command(&self, subcommand: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).args(subcommand);
        command
    }

    /// Runs a command and waits until it exits.
    ///
    /// # Errors
    ///
    /// If the command cannot be started.
    pub fn output(&self, command: &mut Command) -> Result<Output, ServiceError> {
        command
            .output()
            .map_err(ServiceError::file(&self.program, "cannot be run"))
    }
}

/// Replaces this process with `mas-cli` (exec), with the whole configuration or `only` one section.
/// Returns only if that fails.
#[must_use]
pub fn run(manifest: &Manifest, only: Option<&str>, arguments: &[String]) -> ServiceError {
    let mas = match only {
        Some(_) => Mas::with_section(manifest, only),
        None => Mas::ready(manifest),
    };
    match mas {
        Ok(mas) => {
            let error = mas.command(&[]).args(arguments).exec();
            ServiceError::file(&mas.program, "cannot be run")(error)
        }
        Err(error) => error,
    }
}
