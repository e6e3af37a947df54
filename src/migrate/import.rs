//! Runs `mas-cli`: for the import itself (`mas-cli syn2mas migrate`), its check, and the doctor.

use std::{
    env, fs,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::Stdio,
};

use nix::fcntl::OFlag;
use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use crate::migrate::{
    MigrateError,
    inputs::Inputs,
    postgres::connection::Database,
    synapse_config,
    system::{command, private_dir::PrivateDir, run_as::Account},
};
use crate::{mas_cli::doctor, util::yaml};

/// `mas-cli` with temporary copies of both configurations.
#[derive(Debug)]
pub struct MasCli {
    program: PathBuf,
    account: Option<Account>,
    mas: PathBuf,
    synapse: PathBuf,
    synapse_uri: String,
    synapse_password: Option<String>,
    shared_secret: Option<String>,
    // Dropping it deletes the copies.
    _handover: PrivateDir,
}

impl MasCli {
    /// Writes both configurations for `mas-cli`, which runs as MAS's user and connects to `synapse` and to
    /// `mas`, by default MAS's own database.
    ///
    /// # Errors
    ///
    /// If a configuration cannot be read or written, or a database cannot be reached.
    pub async fn prepare(
        inputs: &Inputs,
        synapse: &Database,
        mas: Option<&Database>,
    ) -> Result<Self, MigrateError> {
        let account = inputs.mas_account()?;
        let account_ref = account.as_ref();
        let private_dir = PrivateDir::new(account_ref)?;
        let mas = mas.cloned().map_or_else(|| inputs.mas_database(), Ok)?;
        let mut config = inputs.mas()?;
        let matrix = &config["matrix"];
        let shared_secret = match (matrix["secret"].as_str(), matrix["secret_file"].as_str()) {
            (Some(secret), _) => Some(secret.to_owned()),
            (None, Some(file)) => fs::read_to_string(file).ok(),
            (None, None) => None,
        };
        let uri = mas.uri(&private_dir, "mas", account_ref).await?;
        config["database"] = json!({"uri": mas.with_password(uri)});
        let of_mas = private_dir.write("mas.yaml", &yaml::document(&config), account_ref)?;
        let of_synapse = yaml::document(&as_read(&inputs.synapse()?)?);
        let of_synapse = private_dir.write("homeserver.yaml", &of_synapse, account_ref)?;
        // `mas-cli` does not read TLS settings from Synapse's configuration, so it gets a URI as an
        // argument. Every user of this host can see arguments, so the password is not in it.
        Ok(MasCli {
            program: inputs.mas_cli(),
            shared_secret: shared_secret.map(|secret| secret.trim().to_owned()),
            account: account.clone(),
            mas: of_mas,
            synapse: of_synapse,
            synapse_uri: synapse.uri(&private_dir, "synapse", account_ref).await?,
            synapse_password: synapse.password(),
            _handover: private_dir,
        })
    }

    /// Prepares a run of a subcommand.
    #[must_use]
    pub fn command(&self, subcommand: &[&str]) -> Command {
        let mut command = command::command(&self.program, self.account.as_ref());
        // Variables such as `PGHOST` would apply to both databases.
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        command
            .arg("--config")
            .arg(&self.mas)
            .args(subcommand)
            .env("NO_COLOR", "1")
            .env("RUST_LOG", "info");
        // This is for Synapse's database. MAS's password is in its configuration, which takes precedence.
        if let Some(password) = &self.synapse_password {
            command.env("PGPASSWORD", password);
        }
        command
    }

    /// The problems that `mas-cli doctor` reports. The shared secret, which it prints, is redacted.
    ///
    /// # Errors
    ///
    /// If `mas-cli doctor` fails.
    pub async fn doctor(&self) -> Result<Vec<String>, MigrateError> {
        let mut command = self.command(&["doctor"]);
        let output = command::output(&mut command).await?;
        let said = [output.stdout, output.stderr].concat();
        let secrets = self.shared_secret.as_slice();
        let said = doctor::redact(&String::from_utf8_lossy(&said), secrets);
        let findings = doctor::findings(&said).into_iter();
        let wrong = findings.filter(|finding| finding.level != doctor::Level::Good);
        Ok(wrong.map(|finding| finding.text).collect())
    }

    /// Prepares a run of `mas-cli syn2mas`.
    fn syn2mas(&self, subcommand: &str) -> Command {
        let mut command = self.command(&["syn2mas", subcommand]);
        command
            .arg("--synapse-config")
            .arg(&self.synapse)
            .args(["--synapse-database-uri", &self.synapse_uri]);
        command
    }

    /// The errors and warnings of `mas-cli syn2mas check`. As a side effect, it migrates the schema of MAS's
    /// database.
    ///
    /// # Errors
    ///
    /// If the check itself fails.
    pub async fn check(&self) -> Result<CheckReport, MigrateError> {
        let mut command = self.syn2mas("check");
        let output = command
            .output()
            .await
            .map_err(|error| command::not_run(&command, &error))?;
        let said = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(0 | 10 | 11) => Ok(CheckReport::read(&said)),
            _ => Err(command::failed(&command, &output.status.to_string(), &said)),
        }
    }

    /// Runs `mas-cli syn2mas migrate`, with `--dry-run` if so wanted. Its output is appended to `log`, and
    /// `tell` receives its progress.
    ///
    /// # Errors
    ///
    /// If `mas-cli` fails, or the log cannot be opened.
    pub async fn migrate(
        &self,
        dry_run: bool,
        log: Option<&Path>,
        mut tell: impl FnMut(&Progress),
    ) -> Result<(), MigrateError> {
        let mut options = fs::OpenOptions::new();
        options.append(true).create(true).mode(0o600);
        options.custom_flags(OFlag::O_NOFOLLOW.bits());
        let opened = log.map(|log| {
            let file = options.open(log);
            file.map_err(|error| MigrateError::file(log, error.to_string()))
        });
        let log = opened.transpose()?;
        let mut command = self.syn2mas("migrate");
        if dry_run {
            command.arg("--dry-run");
        }
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .map_err(|error| command::not_run(&command, &error))?;
        let mut said = String::new();
        let written = child.stderr.take().map(BufReader::new);
        if let Some(written) = written {
            let mut lines = written.lines();
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some(mut log) = log.as_ref() {
                    // The log is a convenience, so an error is ignored.
                    let _ = writeln!(log, "{line}");
                }
                if let Some(progress) = Progress::read(&line) {
                    tell(&progress);
                }
                said.push_str(&line);
                said.push('\n');
            }
        }
        let status = child
            .wait()
            .await
            .map_err(|error| command::not_run(&command, &error))?;
        if status.success() {
            return Ok(());
        }
        Err(command::failed(&command, &status.to_string(), &said))
    }
}

/// The output of `mas-cli syn2mas check`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Problems that block the migration.
    pub errors: Vec<String>,
    /// Other problems.
    pub warnings: Vec<String>,
}

impl CheckReport {
    /// Parses the bullets below `===== Errors =====` and `===== Warnings =====`.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let mut said = CheckReport::default();
        let mut bullets: Option<&mut Vec<String>> = None;
        for line in text.lines().map(str::trim) {
            match (line, &mut bullets) {
                ("===== Errors =====", _) => bullets = Some(&mut said.errors),
                ("===== Warnings =====", _) => bullets = Some(&mut said.warnings),
                (_, Some(found)) => match (line.strip_prefix("• "), found.last_mut()) {
                    (Some(begun), _) => found.push(begun.to_owned()),
                    (None, Some(last)) if !line.is_empty() => {
                        last.push(' ');
                        last.push_str(line);
                    }
                    _ => {}
                },
                _ => {}
            }
        }
        said
    }
}

/// Progress of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being imported, in the words of `mas-cli`, for example `users`.
    pub entity: String,
    /// Rows imported or skipped.
    pub done: u64,
    /// Approximate number of all rows.
    pub total: u64,
}

impl Progress {
    /// Parses a line such as `migrating users: 4096 (0 skipped) /~200000 (~2.0%)`.
    #[must_use]
    pub fn read(line: &str) -> Option<Self> {
        let (entity, numbers) = line.split_once("migrating ")?.1.split_once(": ")?;
        let mut numbers = numbers
            .split(|character: char| !character.is_ascii_digit())
            .filter_map(|number| number.parse::<u64>().ok());
        let (done, skipped, total) = (numbers.next()?, numbers.next()?, numbers.next()?);
        Some(Progress {
            entity: entity.to_owned(),
            done: done + skipped,
            total,
        })
    }
}

/// Synapse's configuration for the import: merged as Synapse does, which the import does not, without
/// the options that the import fails on, and with no secret except the pepper, which it needs.
fn as_read(config: &synapse_config::Config) -> Result<Value, MigrateError> {
    const READ: &[&str] = &[
        "server_name",
        "public_baseurl",
        "allow_guest_access",
        "enable_registration",
        "enable_registration_captcha",
        "enable_3pid_changes",
        "user_consent",
    ];
    const SECTIONS: &[&str] = &[
        "login_via_existing_session",
        "cas_config",
        "saml2_config",
        "jwt_config",
    ];
    config.server_name()?;
    let mut read = Map::new();
    for name in READ {
        if let Some(value) = config.get(name) {
            read.insert((*name).to_owned(), value.clone());
        }
    }
    for name in SECTIONS {
        if let Some(enabled) = config.get(&format!("{name}.enabled")) {
            read.insert((*name).to_owned(), json!({"enabled": enabled}));
        }
    }
    let mut passwords = Map::new();
    for name in ["enabled", "localdb_enabled", "pepper"] {
        match config.get(&format!("password_config.{name}")) {
            // To Synapse, an empty pepper is the same as none.
            None | Some(Value::String(_)) if config.pepper().is_none() && name == "pepper" => {}
            // `only_for_reauth` is possible too, and counts as enabled.
            Some(value) if name == "enabled" => {
                passwords.insert(name.to_owned(), json!(*value != json!(false)));
            }
            Some(value) => {
                passwords.insert(name.to_owned(), value.clone());
            }
            None => {}
        }
    }
    read.insert("password_config".to_owned(), Value::Object(passwords));
    let providers = config.provider_names();
    let providers = providers.iter().map(|name| {
        let id = name.strip_prefix("oidc-").unwrap_or(name);
        json!({"idp_id": id})
    });
    read.insert("oidc_providers".to_owned(), providers.collect());
    read.insert("database".to_owned(), json!({"name": "psycopg2"}));
    Ok(Value::Object(read))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_and_findings_are_read_from_what_mas_writes() {
        let line = "INFO progress migrating users: 4096 (3 skipped) /~200000 (~2.0%)";
        let expected = Progress {
            entity: "users".into(),
            done: 4099,
            total: 200_000,
        };
        assert_eq!(Progress::read(line), Some(expected));
        let said = CheckReport::read(
            "noise\n\n===== Errors =====\nThese:\n\n• one\n  more\n\n• two\n\n\
             ===== Warnings =====\n\n• three\n",
        );
        assert_eq!(said.errors, ["one more", "two"]);
        assert_eq!(said.warnings, ["three"]);
    }
}
