//! Translates Synapse's configuration to MAS's: settings for which MAS has an equivalent, files for
//! secrets, and what has no equivalent, with a reason.

mod accounts;
mod host;
mod mail;
mod paths;
mod providers;
mod public_url;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::migrate::{MigrateError, synapse_config::Config};
use crate::util::{atomic_write, yaml};

pub use self::host::{HostOptions, for_host};
pub use self::public_url::PublicUrl;

/// MAS's configuration, as far as it follows from Synapse's.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Translation {
    /// MAS's settings. For a secret, a `_file` option names its file.
    pub settings: Value,
    /// More configuration files, with secrets for which MAS has no `_file` option.
    pub extra_config_files: Vec<PathBuf>,
    /// The files with secrets, each with its content.
    pub secrets: Vec<Secret>,
    /// Options that have no equivalent, or need manual work.
    pub left: Vec<Untranslated>,
}

/// A file with a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Secret {
    /// Path of the file.
    pub file: PathBuf,
    /// The option of Synapse that has the secret.
    pub from: String,
    /// Content of the file. Never shown.
    #[serde(skip)]
    pub content: String,
}

/// An option of Synapse that is not translated automatically.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Untranslated {
    /// Path of the option, such as `password_config.policy`.
    pub option: String,
    /// Why it is not translated, and what to do about it.
    pub reason: String,
}

/// The state of a translation. Each part adds to it.
struct Translator<'a> {
    config: &'a Config,
    /// The directory for files with secrets.
    directory: &'a Path,
    /// The public address of MAS, if it is known.
    mas_url: Option<&'a PublicUrl>,
    settings: Map<String, Value>,
    /// Settings with secrets for which MAS has no `_file` option.
    secret_settings: Map<String, Value>,
    secret_options: Vec<String>,
    secrets: Vec<Secret>,
    left: Vec<Untranslated>,
}

impl Translator<'_> {
    /// Sets an option of MAS.
    fn set(&mut self, section: &str, option: &str, value: impl Into<Value>) {
        let entry = self.settings.entry(section).or_insert_with(|| json!({}));
        entry[option] = value.into();
    }

    /// Whether Synapse takes an option for true.
    fn on(&self, path: &str) -> bool {
        self.config.is_on(path)
    }

    fn text(&self, path: &str) -> Option<String> {
        self.config.get(path)?.as_str().map(str::to_owned)
    }

    /// Records that an option of Synapse is not translated.
    fn leave(&mut self, option: impl Into<String>, reason: impl Into<String>) {
        self.left.push(Untranslated {
            option: option.into(),
            reason: reason.into(),
        });
    }

    /// Like [`Self::leave`], but only if the option is set.
    fn leave_if_set(&mut self, option: &str, reason: &str) {
        if self.config.get(option).is_some() {
            self.leave(option, reason);
        }
    }

    /// Records a secret that gets a file of its own, and returns the path of this file.
    fn secret(&mut self, name: &str, from: &str, content: &str) -> String {
        let file = self.directory.join(name);
        self.secrets.push(Secret {
            file: file.clone(),
            from: from.to_owned(),
            content: content.to_owned(),
        });
        file.display().to_string()
    }
}

/// Translates Synapse's configuration. `directory` is for files with secrets. It is not written to. `mas_url`
/// is the public address of MAS, for redirect URIs.
///
/// # Errors
///
/// If the configuration lacks the server name, or a relative directory cannot be found.
pub fn translate(
    config: &Config,
    directory: &Path,
    mas_url: Option<&PublicUrl>,
) -> Result<Translation, MigrateError> {
    let directory = &paths::for_units(directory)?;
    let mut work = Translator {
        config,
        directory,
        mas_url,
        settings: Map::new(),
        secret_settings: Map::new(),
        secret_options: Vec::new(),
        secrets: Vec::new(),
        left: Vec::new(),
    };
    work.set("matrix", "homeserver", config.server_name()?);
    if let Some(url) = config.url() {
        work.set("matrix", "endpoint", format!("{url}/"));
    }
    if let Some(url) = mas_url {
        work.set("http", "public_base", url.to_string());
    }
    accounts::translate(&mut work);
    mail::translate(&mut work);
    providers::translate(&mut work);
    let mut extra_config_files = Vec::new();
    if !work.secret_settings.is_empty() {
        let content = yaml::document(&Value::Object(work.secret_settings.clone()));
        let from = work.secret_options.join(", ");
        extra_config_files.push(work.secret("mas.yaml", &from, &content).into());
    }
    Ok(Translation {
        settings: Value::Object(work.settings),
        extra_config_files,
        secrets: work.secrets,
        left: work.left,
    })
}

impl Translation {
    /// The options of the NixOS module, as JSON.
    #[must_use]
    pub fn module(&self) -> Value {
        let mut settings = self.settings.clone();
        let mut migration = json!({"enable": true});
        // The module sets the password schemes itself, so that Synapse's passwords keep working.
        let schemes = settings["passwords"]
            .as_object_mut()
            .and_then(|passwords| passwords.remove("schemes"));
        if let Some(file) = schemes
            .as_ref()
            .and_then(|schemes| schemes[0].get("secret_file"))
        {
            migration["pepperFile"] = file.clone();
        }
        // But it does not know their bcrypt cost.
        if let Some(schemes) = schemes.filter(|schemes| schemes[0].get("cost").is_some()) {
            settings["passwords"]["schemes"] = schemes;
        }
        if settings["passwords"] == json!({}) {
            settings.as_object_mut().map(|all| all.remove("passwords"));
        }
        let http = settings.as_object_mut().and_then(|all| all.remove("http"));
        let public_base = http.as_ref().and_then(|http| http["public_base"].as_str());
        let mut module = json!({
            "enable": true,
            "synapse": {"enable": true},
            "migration": migration,
            "settings": settings,
        });
        // The module derives the setting from the routes.
        if let Some(url) = public_base.and_then(|url| url.parse::<PublicUrl>().ok()) {
            module["routes"] = json!({"host": url.host});
            if url.path != "/" {
                module["routes"]["path"] = url.path.into();
            }
        }
        if !self.extra_config_files.is_empty() {
            module["extraConfigFiles"] = json!(self.extra_config_files);
        }
        module
    }

    /// Writes each secret to its file, with mode 0600. A file that has the right content already stays
    /// as it is.
    ///
    /// # Errors
    ///
    /// If a file cannot be written, or already has other content.
    pub fn write_secrets(&self) -> Result<(), MigrateError> {
        for secret in &self.secrets {
            match fs::read(&secret.file) {
                Ok(found) if found == secret.content.as_bytes() => continue,
                Ok(_) => {
                    let reason =
                        "it exists with other content. Move it away, or name another directory";
                    return Err(MigrateError::content(&secret.file, reason));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(MigrateError::io("read", &secret.file)(error)),
            }
            atomic_write::replace(&secret.file, &secret.content, 0o600)
                .map_err(MigrateError::io("write", &secret.file))?;
        }
        Ok(())
    }
}

/// Parses a duration as Synapse writes it: a number of milliseconds, or a number with a unit, such as
/// `5m`. Returns seconds.
fn seconds(value: &Value) -> Option<u64> {
    if let Some(milliseconds) = value.as_u64() {
        return Some(milliseconds / 1000);
    }
    let text = value.as_str()?;
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        'y' => 365 * 86_400,
        _ => return text.parse::<u64>().ok().map(|number| number / 1000),
    };
    // Python ignores spaces around a number.
    let number: u64 = text[..text.len() - 1].trim().parse().ok()?;
    number.checked_mul(unit)
}

/// A port, which may be in quotes.
fn port_of(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_synapse_does() {
        for (value, expected) in [
            (json!("5m"), Some(300)),
            (json!(90_000), Some(90)),
            (json!("1y"), Some(31_536_000)),
            (json!("2000"), Some(2)),
            (json!("24 h"), Some(86_400)),
            (json!(""), None),
            (json!("x"), None),
            (json!("5µ"), None),
            (json!("5é"), None),
            (json!("18446744073709551615y"), None),
        ] {
            assert_eq!(seconds(&value), expected, "{value}");
        }
    }
}
