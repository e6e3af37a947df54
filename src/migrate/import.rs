//! Runs `mas-cli` with the configurations of a migration: for the import itself (`mas-cli syn2mas migrate`), its check,
//! and the doctor.

use std::{
    env, fs,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    process::{self, Stdio},
};

use nix::fcntl::OFlag;
use serde_json::{Map, Value, json};
use tokio::process::Command;

use crate::migrate::{
    MigrateError,
    context::Context,
    postgres::connection::Database,
    synapse_config,
    system::{command, private_dir::PrivateDir, run_as::Account},
};
use crate::{
    mas_cli::{
        MasCli, doctor,
        syn2mas::{self, CheckReport, Progress, Synapse},
    },
    util::{secret::Secret, yaml},
};

/// `mas-cli` with temporary copies of both configurations, to run as MAS's user.
#[derive(Debug)]
pub struct PreparedMasCli {
    mas_cli: MasCli,
    account: Option<Account>,
    synapse: Synapse,
    synapse_password: Option<String>,
    shared_secret: Option<Secret>,
    // Dropping it deletes the copies.
    _handover: PrivateDir,
}

impl PreparedMasCli {
    /// Writes both configurations for `mas-cli`, which runs as MAS's user and connects to `synapse` and to
    /// `mas`, by default MAS's own database.
    ///
    /// # Errors
    ///
    /// If a configuration cannot be read or written, or a database cannot be reached.
    pub async fn prepare(
        context: &Context,
        synapse: &Database,
        mas: Option<&Database>,
    ) -> Result<Self, MigrateError> {
        let account = context.mas_account()?;
        let account_ref = account.as_ref();
        let private_dir = PrivateDir::new(account_ref)?;
        let mas = mas.map_or_else(|| context.mas_database(), Ok)?;
        let mut config = context.mas()?.clone();
        let shared_secret = Secret::of(&config["matrix"], "secret", "secret_file");
        let uri = mas.uri(&private_dir, "mas", account_ref).await?;
        config["database"] = json!({"uri": mas.with_password(uri)});
        let of_mas = private_dir.write("mas.yaml", &yaml::document(&config), account_ref)?;
        let of_synapse = yaml::document(&as_read(context.synapse()?)?);
        let of_synapse = private_dir.write("homeserver.yaml", &of_synapse, account_ref)?;
        Ok(PreparedMasCli {
            mas_cli: MasCli {
                program: context.mas_cli(),
                config: vec![of_mas],
            },
            // `mas-cli` does not read TLS settings from Synapse's configuration, so it gets a URI.
            synapse: Synapse {
                config: of_synapse,
                database_uri: synapse.uri(&private_dir, "synapse", account_ref).await?,
            },
            synapse_password: synapse.password(),
            shared_secret,
            account: account.clone(),
            _handover: private_dir,
        })
    }

    /// Prepares a run as MAS's user.
    fn run(&self, command: process::Command) -> Command {
        let mut command = command::isolated(command, self.account.as_ref());
        // Variables such as `PGHOST` would apply to both databases.
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
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
    /// If `mas-cli doctor` fails, or the secret cannot be read.
    pub async fn doctor(&self) -> Result<Vec<String>, MigrateError> {
        let secret = self.shared_secret.as_ref().map(Secret::read).transpose()?;
        let mut command = self.run(self.mas_cli.parsable(&["doctor"]));
        let output = command::output(&mut command).await?;
        let text = doctor::redacted(&output, secret.as_slice());
        let findings = doctor::findings(&text).into_iter();
        let wrong = findings.filter(|finding| finding.level != doctor::Level::Good);
        Ok(wrong.map(|finding| finding.text).collect())
    }

    /// The errors and warnings of `mas-cli syn2mas check`. As a side effect, it migrates the schema of MAS's
    /// database.
    ///
    /// # Errors
    ///
    /// If the check itself fails.
    pub async fn check(&self) -> Result<CheckReport, MigrateError> {
        let mut command = self.run(self.mas_cli.syn2mas("check", &self.synapse));
        let output = command.output().await;
        let output = output.map_err(command::not_run(&command))?;
        CheckReport::of(&output).ok_or_else(|| {
            let stderr = String::from_utf8_lossy(&output.stderr);
            command::failed(&command, output.status, &stderr)
        })
    }

    /// Runs `mas-cli syn2mas migrate`, with `--dry-run` if so wanted. Its output is appended to `log`, and
    /// `on_progress` receives its progress.
    ///
    /// # Errors
    ///
    /// If `mas-cli` fails, or the log cannot be opened.
    pub async fn migrate(
        &self,
        dry_run: bool,
        log: Option<&Path>,
        mut on_progress: impl FnMut(&Progress),
    ) -> Result<(), MigrateError> {
        let mut options = fs::OpenOptions::new();
        options.append(true).create(true).mode(0o600);
        options.custom_flags(OFlag::O_NOFOLLOW.bits());
        let opened = log.map(|log| options.open(log).map_err(MigrateError::io("open", log)));
        let log = opened.transpose()?;
        let mut command = self.run(self.mas_cli.syn2mas("migrate", &self.synapse));
        if dry_run {
            command.arg("--dry-run");
        }
        let mut child = command::spawn(command.stdout(Stdio::null()))?;
        let written = match child.stderr.take() {
            Some(stderr) => syn2mas::follow(stderr, |line| {
                if let Some(mut log) = log.as_ref() {
                    // The log is a convenience, so an error is ignored.
                    let _ = writeln!(log, "{line}");
                }
                if let Some(progress) = Progress::read(line) {
                    on_progress(&progress);
                }
            })
            .await
            .map_err(command::not_run(&command))?,
            None => String::new(),
        };
        let status = child.wait().await.map_err(command::not_run(&command))?;
        if status.success() {
            return Ok(());
        }
        Err(command::failed(&command, status, &written))
    }
}

/// Synapse's configuration for the import: merged as Synapse does, which the import does not, without
/// the options that the import fails on, and with no secret except the pepper, which it needs.
fn as_read(config: &synapse_config::Config) -> Result<Value, MigrateError> {
    const READ: &[&str] = &["server_name", "public_baseurl", "user_consent"];
    // Python takes other values for true too, which the import does not read.
    const SWITCHES: &[&str] = &[
        "allow_guest_access",
        "enable_registration",
        "enable_registration_captcha",
        "enable_3pid_changes",
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
    for name in SWITCHES {
        if config.get(name).is_some() {
            read.insert((*name).to_owned(), config.is_on(name).into());
        }
    }
    for name in SECTIONS {
        let enabled = format!("{name}.enabled");
        if config.get(&enabled).is_some() {
            let enabled = config.is_on(&enabled);
            read.insert((*name).to_owned(), json!({"enabled": enabled}));
        }
    }
    let mut passwords = Map::new();
    // `enabled` may also be `only_for_reauth`, which counts as enabled.
    for name in ["enabled", "localdb_enabled"] {
        let path = format!("password_config.{name}");
        if config.get(&path).is_some() {
            passwords.insert(name.to_owned(), config.is_on(&path).into());
        }
    }
    // To Synapse, an empty pepper is the same as none.
    if let Some(pepper) = config.pepper() {
        passwords.insert("pepper".to_owned(), pepper.into());
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
