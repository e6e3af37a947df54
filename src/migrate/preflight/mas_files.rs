//! The files that MAS reads when it starts, and its keys. `mas-cli` does not look at them before.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use p256::pkcs8::der::Document;
use serde_json::Value;

use super::{catalogue, finding::Finding};
use crate::migrate::{MigrateError, context::Context};
use crate::service;

/// Below it are the credentials of each unit that runs, and of no other (systemd.exec(5)).
const CREDENTIALS: &str = "/run/credentials";

/// Reports files that do not exist, and keys that are none.
///
/// # Errors
///
/// If the manifest of `mas-service` cannot be read.
pub fn findings(context: &Context, mas: &Value) -> Result<Option<Finding>, MigrateError> {
    let mut files = Files {
        generated: match &context.args.mas_service {
            Some(manifest) => Some(service::manifest(manifest)?.secrets.directory),
            None => None,
        },
        wrong: Vec::new(),
    };
    let secrets = &mas["secrets"];
    files.read("policy.wasm_module", &mas["policy"]["wasm_module"]);
    files.read("matrix.secret_file", &mas["matrix"]["secret_file"]);
    files.read("secrets.encryption_file", &secrets["encryption_file"]);
    let keys = secrets["keys"].as_array();
    for (i, key) in keys.into_iter().flatten().enumerate() {
        let at = format!("secrets.keys[{i}]");
        files.read(&format!("{at}.password_file"), &key["password_file"]);
        let is_encrypted = !key["password"].is_null() || !key["password_file"].is_null();
        let (option, text) = match key["key"].as_str() {
            Some(text) => ("key", Some(text.as_bytes().to_vec())),
            None => (
                "key_file",
                files.read(&format!("{at}.key_file"), &key["key_file"]),
            ),
        };
        if let Some(text) = text {
            files.check_key(&format!("{at}.{option}"), &text, is_encrypted);
        }
    }
    files.keys_in(&secrets["keys_dir"]);
    Ok(catalogue::MAS_FILE.found_in(files.wrong))
}

struct Files {
    /// The directory where `mas-service` makes secrets when MAS starts.
    generated: Option<PathBuf>,
    wrong: Vec<String>,
}

impl Files {
    /// The path in an option. None if it is relative, because it is not known to what, or if its file is
    /// made when MAS starts.
    fn known<'a>(&self, path: &'a Value) -> Option<&'a Path> {
        let path = Path::new(path.as_str()?);
        let made = self.generated.iter().map(PathBuf::as_path);
        let is_made = made
            .chain([Path::new(CREDENTIALS)])
            .any(|it| path.starts_with(it));
        (path.is_absolute() && (!is_made || path.exists())).then_some(path)
    }

    fn read(&mut self, option: &str, path: &Value) -> Option<Vec<u8>> {
        let path = self.known(path)?;
        self.result(option, path, fs::read(path))
    }

    /// The result, unless it is an error. Without permission, it is not known what MAS may read.
    fn result<T>(&mut self, option: &str, path: &Path, result: io::Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => None,
            Err(error) => {
                let path = path.display();
                self.wrong.push(format!("{option}: {path}: {error}"));
                None
            }
        }
    }

    fn keys_in(&mut self, directory: &Value) {
        const OPTION: &str = "secrets.keys_dir";
        let Some(directory) = self.known(directory) else {
            return;
        };
        let entries = fs::read_dir(directory);
        let entries = self.result(OPTION, directory, entries);
        let paths = entries.into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = paths.map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths.iter().filter(|path| path.is_file()) {
            if let Some(content) = self.result(OPTION, path, fs::read(path)) {
                let option = format!("{OPTION}: {}", path.display());
                self.check_key(&option, &content, false);
            }
        }
    }

    fn check_key(&mut self, option: &str, content: &[u8], is_encrypted: bool) {
        if let Err(reason) = key(content, is_encrypted) {
            self.wrong.push(format!("{option}: {reason}"));
        }
    }
}

/// Why MAS cannot read a key, as far as that follows from its envelope (`PrivateKey::load` in MAS's
/// `crates/keystore`).
fn key(content: &[u8], has_password: bool) -> Result<(), String> {
    const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";
    let text = std::str::from_utf8(content).unwrap_or_default();
    let label = match Document::from_pem(text) {
        Ok((label, _)) => label,
        Err(_) if Document::try_from(content).is_ok() => return Ok(()),
        Err(_) if content.trim_ascii().is_empty() => return Err("it is empty".to_owned()),
        Err(error) if text.contains("-----BEGIN") => {
            return Err(format!("it is not valid PEM: {error}"));
        }
        Err(_) => return Err("it is neither PEM nor DER".to_owned()),
    };
    match label {
        ENCRYPTED if has_password => Ok(()),
        ENCRYPTED => Err("it is encrypted, and has no password".to_owned()),
        "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" if has_password => {
            Err("it is not encrypted, but has a password".to_owned())
        }
        "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" => Ok(()),
        label => Err(format!("it is no private key, but {label}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use p256::pkcs8::{EncodePrivateKey, LineEnding};
    use rand::rngs::OsRng;

    #[test]
    fn only_what_mas_cannot_read_is_no_key() {
        let secret = p256::SecretKey::random(&mut OsRng);
        let pkcs8 = secret.to_pkcs8_pem(LineEnding::LF).unwrap();
        let der = secret.to_pkcs8_der().unwrap();
        let sec1 = secret.to_sec1_pem(LineEnding::CRLF).unwrap();
        let public = pkcs8.replace("PRIVATE", "PUBLIC");
        let encrypted = pkcs8.replace("PRIVATE", "ENCRYPTED PRIVATE");
        let broken = pkcs8.replacen("MI", "M!", 1);
        for (content, has_password, expected) in [
            (pkcs8.as_bytes(), false, ""),
            (sec1.as_bytes(), false, ""),
            (der.as_bytes(), false, ""),
            (encrypted.as_bytes(), true, ""),
            (der.as_bytes(), true, ""),
            (pkcs8.as_bytes(), true, "not encrypted"),
            (encrypted.as_bytes(), false, "no password"),
            (public.as_bytes(), false, "PUBLIC KEY"),
            (broken.as_bytes(), false, "not valid PEM"),
            (&der.as_bytes()[..20], false, "neither PEM nor DER"),
            (b"not a key", false, "neither PEM nor DER"),
            (b"\n", false, "empty"),
        ] {
            let found = key(content, has_password).err().unwrap_or_default();
            let fits = found.is_empty() == expected.is_empty() && found.contains(expected);
            assert!(fits, "{expected:?}: {found}");
        }
    }
}
