//! What the units run: `mas-service`, which prepares MAS's configuration and secrets on the host.

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

/// Why something could not be done on this host.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// A file cannot be read, written or made.
    #[error("{path}: {doing}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What failed.
        doing: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The manifest or the configuration is not what it should be.
    #[error("{path}: {reason}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A variable that systemd sets is missing.
    #[error("${0} is not set: run this as systemd runs it, or use the `mas-cli` wrapper")]
    NotAService(&'static str),
    /// MAS's own program does not do what it should.
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
/// If the file cannot be read, or is no manifest.
pub fn manifest(path: &Path) -> Result<Manifest, ServiceError> {
    let text = fs::read_to_string(path).map_err(ServiceError::file(path, "cannot be read"))?;
    serde_yaml_ng::from_str(&text).map_err(|error| ServiceError::Invalid {
        path: path.to_owned(),
        reason: format!("{error}. Write it with `mas2nix render` or the NixOS module"),
    })
}
