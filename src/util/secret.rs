//! Secrets from configurations and files.

use std::{fmt, fs, io, path::PathBuf};

use serde_json::Value;
use url::Url;

/// A secret of a configuration: its text, or the file that has it.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// The text.
    Inline(String),
    /// The path of the file.
    File(PathBuf),
}

/// The file of a secret cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the secret in {path}")]
pub struct SecretError {
    path: PathBuf,
    source: io::Error,
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Secret::Inline(_) => write!(out, "Inline(…)"),
            Secret::File(path) => write!(out, "File({path:?})"),
        }
    }
}

impl Secret {
    /// The secret in a section of a configuration, which has it in one of two options. None if it has
    /// neither.
    #[must_use]
    pub fn of(section: &Value, inline: &str, file: &str) -> Option<Self> {
        let text = |option: &str| section[option].as_str();
        let inline = text(inline).map(|secret| Secret::Inline(secret.to_owned()));
        inline.or_else(|| text(file).map(|file| Secret::File(file.into())))
    }

    /// Reads the secret; from a file without white space around it, as MAS and Synapse do. The file may be
    /// a credential that is there only while a service runs.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub fn read(&self) -> Result<String, SecretError> {
        let path = match self {
            Secret::Inline(text) => return Ok(text.clone()),
            Secret::File(path) => path,
        };
        let text = fs::read_to_string(path).map_err(|source| SecretError {
            path: path.clone(),
            source,
        })?;
        Ok(text.trim().to_owned())
    }
}

/// The content of a secret file without the newlines at its end, which editors and `echo` add.
#[must_use]
pub fn secret_text(content: &str) -> &str {
    content.trim_end_matches(['\n', '\r'])
}

/// The URI of a database with `PASSWORD` in place of its password: a command may end up in a log.
#[must_use]
pub fn without_password(uri: &str) -> String {
    const INSTEAD: &str = "PASSWORD";
    let is_secret = |name: &str| ["password", "sslpassword"].contains(&name);
    let Ok(mut url) = Url::parse(uri) else {
        return "URI".to_owned();
    };
    let has_secret = url.query_pairs().any(|(name, _)| is_secret(&name));
    if url.password().is_none() && !has_secret {
        return uri.to_owned();
    }
    if url.password().is_some() && url.set_password(Some(INSTEAD)).is_err() {
        return "URI".to_owned();
    }
    if has_secret {
        let pairs: Vec<(String, String)> = url
            .query_pairs()
            .map(|(name, value)| {
                let value = if is_secret(&name) {
                    INSTEAD.to_owned()
                } else {
                    value.into_owned()
                };
                (name.into_owned(), value)
            })
            .collect();
        url.query_pairs_mut().clear().extend_pairs(pairs);
    }
    url.into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_is_inline_or_in_a_file_that_can_be_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        let read = |section: Value| Secret::of(&section, "secret", "secret_file").map(|s| s.read());
        assert!(read(json!({})).is_none());
        assert_eq!(read(json!({"secret": " a "})).unwrap().unwrap(), " a ");
        let in_file = json!({"secret_file": &path});
        let error = read(in_file.clone()).unwrap().unwrap_err();
        assert!(error.to_string().contains(path.to_str().unwrap()));
        fs::write(&path, "b\n").unwrap();
        assert_eq!(read(in_file).unwrap().unwrap(), "b");
        assert!(!format!("{:?}", Secret::Inline("geheim".into())).contains("geheim"));
    }

    #[test]
    fn a_password_is_not_repeated() {
        for uri in [
            "postgresql://mas:hunter2@localhost/mas",
            "postgresql:///mas?host=/run&password=hunter2",
            "host=localhost password=hunter2",
        ] {
            let shown = without_password(uri);
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        let uri = "postgresql:///mas?host=/run/postgresql";
        assert_eq!(without_password(uri), uri);
    }
}
