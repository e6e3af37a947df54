//! Puts MAS's configuration together from what systemd hands over, and lets MAS use it.

use std::{
    env, fs,
    os::unix::{
        fs::{DirBuilderExt, symlink},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Output},
};

use super::{ServiceError, secret_text};
use crate::{
    disk,
    manifest::{Copy, CopyKind, Manifest},
};

/// The directories that systemd makes for a unit.
#[derive(Clone, Debug)]
pub struct Directories {
    /// Where the credentials are.
    pub credentials: PathBuf,
    /// Where the configuration goes, which nobody else may read.
    pub runtime: PathBuf,
}

impl Directories {
    /// Those of the unit that this process belongs to.
    ///
    /// # Errors
    ///
    /// If the process belongs to no unit that has them.
    pub fn of_this_unit() -> Result<Self, ServiceError> {
        let directory = |name| {
            let value = env::var_os(name).ok_or(ServiceError::NotAService(name))?;
            Ok(PathBuf::from(value))
        };
        Ok(Directories {
            credentials: directory("CREDENTIALS_DIRECTORY")?,
            runtime: directory("RUNTIME_DIRECTORY")?,
        })
    }

    /// A text with the two variables filled in, in the forms `$NAME` and `${NAME}`.
    #[must_use]
    pub fn fill(&self, text: &str) -> String {
        let fill = |text: String, name: &str, directory: &Path| {
            let directory = directory.to_string_lossy();
            text.replace(&format!("${{{name}}}"), &directory)
                .replace(&format!("${name}"), &directory)
        };
        let text = fill(text.to_owned(), "CREDENTIALS_DIRECTORY", &self.credentials);
        fill(text, "RUNTIME_DIRECTORY", &self.runtime)
    }
}

/// Writes MAS's configuration and the copies it needs, and gives the arguments that name it.
///
/// # Errors
///
/// If a file cannot be read or written.
pub fn prepare(
    manifest: &Manifest,
    directories: &Directories,
) -> Result<Vec<String>, ServiceError> {
    for copy in &manifest.copies {
        make_copy(copy, directories)?;
    }
    let template = fs::read_to_string(&manifest.config)
        .map_err(ServiceError::file(&manifest.config, "cannot be read"))?;
    let config = directories.runtime.join("config.yaml");
    write_private(&config, &directories.fill(&template))?;
    let extra = manifest.extra_config_files.iter();
    let files = extra.map(|file| directories.fill(file));
    let mut arguments = Vec::new();
    for file in std::iter::once(config.display().to_string()).chain(files) {
        arguments.extend(["--config".to_owned(), file]);
    }
    Ok(arguments)
}

fn make_copy(copy: &Copy, directories: &Directories) -> Result<(), ServiceError> {
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

/// systemd loads a directory as files whose names begin with the credential's name and `_`.
fn link_directory(source: &Path, target: &Path) -> Result<(), ServiceError> {
    let failed = |doing| ServiceError::file(target, doing);
    if target.exists() {
        fs::remove_dir_all(target).map_err(failed("cannot be replaced"))?;
    }
    let mut builder = fs::DirBuilder::new();
    builder.mode(0o700);
    builder.create(target).map_err(failed("cannot be made"))?;
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

/// Writes a file that only this user may read.
fn write_private(path: &Path, content: &str) -> Result<(), ServiceError> {
    disk::replace(path, content, 0o600).map_err(ServiceError::file(path, "cannot be written"))
}

/// MAS's program with its configuration, put together and checked.
#[derive(Clone, Debug)]
pub struct Mas {
    program: PathBuf,
    arguments: Vec<String>,
}

impl Mas {
    /// Puts the configuration together, and lets MAS check it.
    ///
    /// # Errors
    ///
    /// If the configuration cannot be put together, or MAS refuses it.
    pub fn ready(manifest: &Manifest) -> Result<Self, ServiceError> {
        let mas = Mas {
            program: manifest.mas_cli.clone(),
            arguments: prepare(manifest, &Directories::of_this_unit()?)?,
        };
        if manifest.check_config {
            let mut check = mas.command(&["config", "check"]);
            let status = check
                .env("RUST_LOG", "warn")
                .status()
                .map_err(ServiceError::file(&mas.program, "cannot be run"))?;
            if !status.success() {
                return Err(ServiceError::Mas(
                    "MAS refuses its configuration, as said above. Correct the option it names"
                        .into(),
                ));
            }
        }
        Ok(mas)
    }

    /// A run of a subcommand. Of the environment it gets everything but `MAS_*`, which MAS would
    /// take for settings.
    #[must_use]
    pub fn command(&self, subcommand: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("MAS_") {
                command.env_remove(name);
            }
        }
        command.args(&self.arguments).args(subcommand);
        command
    }

    /// Runs it to its end.
    ///
    /// # Errors
    ///
    /// If the program cannot be run.
    pub fn output(&self, command: &mut Command) -> Result<Output, ServiceError> {
        command
            .output()
            .map_err(ServiceError::file(&self.program, "cannot be run"))
    }
}

/// Becomes MAS's program with a subcommand. Comes back only with an error.
#[must_use]
pub fn run(manifest: &Manifest, arguments: &[String]) -> ServiceError {
    match Mas::ready(manifest) {
        Ok(mas) => {
            let error = mas.command(&[]).args(arguments).exec();
            ServiceError::file(&mas.program, "cannot be run")(error)
        }
        Err(error) => error,
    }
}
