//! What a migration has to know: where the two configurations and databases are.

use std::{fs, path::PathBuf};

use clap::Args;
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::{MigrateError, database::Database, mapping::Provider, synapse};
use crate::load::{LoadError, Loaded};

/// Where everything is, as given on the command line.
#[derive(Args, Clone, Debug)]
pub struct Inputs {
    /// Synapse's configuration, put together as Synapse does from several files.
    #[arg(long, value_name = "FILE", global = true)]
    pub synapse_config: Vec<PathBuf>,
    /// MAS's configuration, merged as MAS does from several files.
    #[arg(long, value_name = "FILE", global = true)]
    pub mas_config: Vec<PathBuf>,
    /// Synapse's database, if it is not to be reached as Synapse's configuration says.
    #[arg(long, value_name = "URI", global = true)]
    pub synapse_database_uri: Option<String>,
    /// MAS's database, if it is not to be reached as MAS's configuration says.
    #[arg(long, value_name = "URI", global = true)]
    pub mas_database_uri: Option<String>,
}

impl Inputs {
    /// Synapse's configuration.
    ///
    /// # Errors
    ///
    /// If none is given, or it cannot be read.
    pub fn synapse(&self) -> Result<synapse::Config, MigrateError> {
        if self.synapse_config.is_empty() {
            return Err(MigrateError::Missing(
                "name Synapse's configuration with `--synapse-config`".to_owned(),
            ));
        }
        synapse::Config::read(&self.synapse_config)
    }

    /// MAS's configuration.
    ///
    /// # Errors
    ///
    /// If none is given, or it cannot be read.
    pub fn mas(&self) -> Result<Value, MigrateError> {
        if self.mas_config.is_empty() {
            return Err(MigrateError::Missing(
                "name MAS's configuration with `--mas-config`".to_owned(),
            ));
        }
        let loaded = Loaded::files(&self.mas_config).map_err(|error| {
            let (file, reason) = match error {
                LoadError::Unreadable { file, source } => (file, source.to_string()),
                LoadError::Invalid { file, reason } => (file, reason),
            };
            MigrateError::File {
                file: file.into(),
                reason,
            }
        })?;
        Ok(loaded.value)
    }

    /// Synapse's database.
    ///
    /// # Errors
    ///
    /// If it cannot be told where it is.
    pub fn synapse_database(&self) -> Result<Database, MigrateError> {
        let options = match &self.synapse_database_uri {
            Some(uri) => parse("--synapse-database-uri", uri)?,
            None => self.synapse()?.database()?,
        };
        Ok(Database::new("Synapse's database", options))
    }

    /// MAS's database.
    ///
    /// # Errors
    ///
    /// If it cannot be told where it is.
    pub fn mas_database(&self) -> Result<Database, MigrateError> {
        let options = match &self.mas_database_uri {
            Some(uri) => parse("--mas-database-uri", uri)?,
            None => mas_database(&self.mas()?)?,
        };
        Ok(Database::new("MAS's database", options))
    }

    /// The providers of MAS's configuration that take the place of one of Synapse's.
    ///
    /// # Errors
    ///
    /// If the configuration cannot be read.
    pub fn providers(&self) -> Result<Vec<Provider>, MigrateError> {
        let mas = self.mas()?;
        let providers = mas["upstream_oauth2"]["providers"].as_array();
        let providers = providers.into_iter().flatten().filter_map(|provider| {
            Some(Provider {
                synapse_id: provider["synapse_idp_id"].as_str()?.to_owned(),
                mas_id: provider["id"].as_str()?.parse().ok()?,
            })
        });
        Ok(providers.collect())
    }
}

fn parse(what: &str, uri: &str) -> Result<PgConnectOptions, MigrateError> {
    // The address may hold a password, so it is not shown.
    uri.parse().map_err(|_| {
        MigrateError::Missing(format!(
            "{what}: this is no address of a database. Write something like \
             postgresql:///name?host=/run/postgresql"
        ))
    })
}

/// Where MAS's database is, as MAS's configuration says.
fn mas_database(config: &Value) -> Result<PgConnectOptions, MigrateError> {
    let database = &config["database"];
    let text = |key: &str| database[key].as_str();
    if let Some(uri) = text("uri") {
        return parse("`database.uri` in MAS's configuration", uri);
    }
    let mut options = PgConnectOptions::new();
    if let Some(host) = text("socket").or(text("host")) {
        options = if host.starts_with('/') {
            options.socket(host)
        } else {
            options.host(host)
        };
    }
    if let Some(port) = database["port"]
        .as_u64()
        .and_then(|port| port.try_into().ok())
    {
        options = options.port(port);
    }
    if let Some(user) = text("username") {
        options = options.username(user);
    }
    if let Some(name) = text("database") {
        options = options.database(name);
    }
    if let Some(file) = text("password_file") {
        let password = fs::read_to_string(file).map_err(|error| MigrateError::File {
            file: file.into(),
            reason: format!("the password of MAS's database cannot be read: {error}"),
        })?;
        options = options.password(password.trim());
    } else if let Some(password) = text("password") {
        options = options.password(password);
    }
    if let Some(mode) = text("ssl_mode").and_then(|mode| mode.parse::<PgSslMode>().ok()) {
        options = options.ssl_mode(mode);
    }
    if let Some(file) = text("ssl_ca_file") {
        options = options.ssl_root_cert(file);
    }
    Ok(options)
}
