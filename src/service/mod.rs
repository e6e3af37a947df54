//! `mas-service`: prepares MAS's configuration and secrets on the host. The units run it.

pub mod doctor;
pub mod prepare;
pub mod register;
pub mod secrets;
pub mod transient_unit;
pub mod users;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::deploy::manifests::Manifest;

/// Why a command of `mas-service` failed.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Reading, writing or creating a file failed.
    #[error("{path}: {doing}: {source}")]
    File {
        /// The path of the file.
        path: PathBuf,
        /// The operation that failed, such as "cannot be read".
        doing: &'static str,
        /// The error from the operating system.
        source: io::Error,
    },
    /// The manifest or the configuration is invalid.
    #[error("{path}: {reason}")]
    Invalid {
        /// The path of the file.
        path: PathBuf,
        /// What is wrong, and how to correct it.
        reason: String,
    },
    /// An environment variable that systemd sets is missing.
    #[error(
        "${0} is not set: this command is for systemd units; use the `mas-cli` wrapper instead"
    )]
    NotAService(&'static str),
    /// `mas-cli` failed or cannot be used.
    #[error("{0}")]
    Mas(String),
}

impl ServiceError {
    fn file(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| ServiceError::File {
            path,
            doing,
            source,
        }
    }
}

/// Reads the manifest.
///
/// # Errors
///
/// If the file cannot be read or is not a manifest.
pub fn manifest(path: &Path) -> Result<Manifest, ServiceError> {
    let text = fs::read_to_string(path).map_err(ServiceError::file(path, "cannot be read"))?;
    serde_yaml_ng::from_str(&text).map_err(|error| ServiceError::Invalid {
        path: path.to_owned(),
        reason: format!("{error}. Write it with `mas2nix render` or the NixOS module"),
    })
}
