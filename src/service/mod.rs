//! `mas-service`: prepares MAS's configuration and secrets on the host. The units run it.

pub mod doctor;
pub mod prepare;
pub mod register;
pub mod secrets;
pub mod transient_unit;
pub mod users;

use std::{
    error::Error,
    fs, io,
    path::{Path, PathBuf},
    process::ExitStatus,
};

use crate::{config::load::LoadError, deploy::manifests::Manifest};

/// Why a command of `mas-service` failed.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// A file or a directory cannot be read, written or created.
    #[error("cannot {action} {path}")]
    Io {
        /// A verb, for example `read`.
        action: &'static str,
        /// The path of the file or the directory.
        path: PathBuf,
        /// The error from the operating system.
        source: io::Error,
    },
    /// A file does not have the form that it must have.
    #[error("{path} is not {expected}")]
    Form {
        /// The path of the file.
        path: PathBuf,
        /// The form, and who writes it.
        expected: &'static str,
        /// The error of the parser.
        source: serde_yaml_ng::Error,
    },
    /// The configuration that was put together cannot be loaded.
    #[error(transparent)]
    Config(#[from] LoadError),
    /// A key cannot be generated.
    #[error("cannot generate the key {path}")]
    Key {
        /// The path of the file for it.
        path: PathBuf,
        /// The error of the generator, or of the encoder.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A group of this host cannot be looked up.
    #[error("cannot look up the group {group}")]
    Group {
        /// The name of the group.
        group: String,
        /// The error from the operating system.
        source: nix::Error,
    },
    /// The group that is to read the shared secret does not exist.
    #[error(
        "{path}: Synapse is to read it, but there is no group {group}. Name Synapse's group in \
         `synapse.group`"
    )]
    NoGroup {
        /// The path of the shared secret.
        path: PathBuf,
        /// The name of the group.
        group: String,
    },
    /// This process does not run as root.
    #[error("only root may act for MAS. Put `sudo` before the command")]
    NotRoot,
    /// The path of this program is not known.
    #[error("cannot find the path of this program")]
    Executable(#[source] io::Error),
    /// An environment variable that systemd sets is missing.
    #[error(
        "${0} is not set: this command is for systemd units; use the `mas-cli` wrapper instead"
    )]
    NotAService(&'static str),
    /// A program cannot be run.
    #[error("cannot run {program}")]
    Spawn {
        /// The path of the program.
        program: PathBuf,
        /// The error from the operating system.
        source: io::Error,
    },
    /// MAS refuses its configuration. It has written why to the standard error.
    #[error("MAS rejects its configuration: see above. Correct the option that it names")]
    ConfigRefused,
    /// `mas-cli doctor` failed, and so has no result.
    #[error("`mas-cli doctor` gave up ({status}):\n{output}")]
    Doctor {
        /// The exit status, or the signal that ended it.
        status: ExitStatus,
        /// Its output, without secrets.
        output: String,
    },
    /// A password has several lines.
    #[error("{user} was not registered: the password has several lines. Write it on one")]
    PasswordLines {
        /// The localpart of the user.
        user: String,
    },
    /// MAS did not register a user.
    #[error("{user} was not registered: {reason}")]
    NotRegistered {
        /// The localpart of the user.
        user: String,
        /// What MAS says, or the error of its dialogue. Text, because the password was removed from it.
        reason: String,
    },
    /// MAS did not make a user an administrator.
    #[error("{user} was not given administrators' rights: {reason}")]
    NotPromoted {
        /// The localpart of the user.
        user: String,
        /// What MAS says.
        reason: String,
    },
}

impl ServiceError {
    /// For `map_err`: constructs [`ServiceError::Io`] from a verb, for example `read`, and a path.
    fn io(action: &'static str, path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| ServiceError::Io {
            action,
            path: path.clone(),
            source,
        }
    }

    /// For `map_err`: constructs [`ServiceError::Form`] from a path and the form that the file must have.
    fn form(
        path: &Path,
        expected: &'static str,
    ) -> impl FnOnce(serde_yaml_ng::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| ServiceError::Form {
            path,
            expected,
            source,
        }
    }

    /// For `map_err`: constructs [`ServiceError::Spawn`] from the path of a program.
    fn spawn(program: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let program = program.to_owned();
        move |source| ServiceError::Spawn { program, source }
    }
}

/// Reads the manifest.
///
/// # Errors
///
/// If the file cannot be read or is not a manifest.
pub fn manifest(path: &Path) -> Result<Manifest, ServiceError> {
    const MANIFEST: &str = "a manifest, as `mas2nix render` and the NixOS module write it";
    let text = fs::read_to_string(path).map_err(ServiceError::io("read", path))?;
    serde_yaml_ng::from_str(&text).map_err(ServiceError::form(path, MANIFEST))
}
