//! The inputs of a migration: where configurations, databases, services and programs are.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::postgres::PgConnectOptions;
use ulid::Ulid;

use crate::config::load::MergedConfig;
use crate::migrate::{
    MigrateError,
    cutover_file::CutoverFile,
    postgres::{
        connection::{self, Address, Database},
        tls::{self, Named, Tls},
    },
    postgres::{
        mas_state::{MasState, mas_state},
        programs::Programs,
        scratch::{self, Scratch},
    },
    synapse_config,
    system::systemd::Services,
    system::{private_dir::PrivateDir, run_as::Account},
};
use crate::util::secret::Secret;

/// The manifest that is read without `--manifest`, if it exists.
pub const MANIFEST: &str = "/etc/matrix-authentication-service/syn2mas.yaml";

/// An identity provider of Synapse and the provider of MAS that replaces it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// `auth_provider` in Synapse's `user_external_ids`; `synapse_idp_id` in MAS's configuration.
    pub synapse_id: String,
    /// `id` in MAS's configuration.
    pub mas_id: Ulid,
}

/// Options of the command line. What is not given there comes from the manifest, a YAML file with the
/// same entries in camel case.
#[derive(Args, Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Inputs {
    /// YAML file with the options that are not given on the command line. By default, the file that
    /// the NixOS module writes, /etc/matrix-authentication-service/syn2mas.yaml, if it exists.
    #[arg(long, value_name = "FILE", global = true)]
    #[serde(skip)]
    pub manifest: Option<PathBuf>,
    /// Configuration file of Synapse. Several files are merged as Synapse merges them.
    #[arg(long, value_name = "FILE", global = true)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub synapse_config: Vec<PathBuf>,
    /// Configuration file of MAS. Several files are merged as MAS merges them.
    #[arg(long, value_name = "FILE", global = true)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mas_config: Vec<PathBuf>,
    /// Manifest of mas-service. MAS's configuration is assembled from it if there is no
    /// `--mas-config`.
    #[arg(long, value_name = "FILE", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mas_service: Option<PathBuf>,
    /// Synapse's database, if Synapse's configuration does not say how to reach it from here.
    #[arg(long, value_name = "URI", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synapse_database_uri: Option<String>,
    /// MAS's database, if MAS's configuration does not say how to reach it from here.
    #[arg(long, value_name = "URI", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mas_database_uri: Option<String>,
    /// Server of both databases, as a superuser. Needed where PostgreSQL identifies roles by users
    /// of this host: then MAS's role is granted Synapse's role temporarily, during the import.
    #[arg(long, value_name = "URI", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_database_uri: Option<String>,
    /// User of this host as which to connect to Synapse's database.
    #[arg(long, value_name = "USER", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synapse_user: Option<String>,
    /// User of this host as which to connect to MAS's database and to run mas-cli.
    #[arg(long, value_name = "USER", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mas_user: Option<String>,
    /// User of this host as which to connect as the superuser.
    #[arg(long, value_name = "USER", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_user: Option<String>,
    /// MAS's command-line program [default: mas-cli].
    #[arg(long, value_name = "PATH", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mas_cli: Option<PathBuf>,
    /// Directory that contains `pg_dump`, `pg_restore` and `psql`, if they are not on PATH.
    #[arg(long, value_name = "DIR", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postgresql_programs: Option<PathBuf>,
    /// Directory for the journal and the backups [default: /var/lib/syn2mas].
    #[arg(long, value_name = "DIR", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_dir: Option<PathBuf>,
    /// Unit of Synapse or of one of its workers. Can be given several times.
    #[arg(long, value_name = "UNIT", global = true)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub synapse_unit: Vec<String>,
    /// Unit of MAS, sockets included. Can be given several times.
    #[arg(long, value_name = "UNIT", global = true)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mas_unit: Vec<String>,
    /// Shell command that stops Synapse, if Synapse is not a unit.
    #[arg(long, value_name = "CMD", global = true, requires = "start_with")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_with: Option<String>,
    /// Shell command that starts Synapse, if Synapse is not a unit.
    #[arg(long, value_name = "CMD", global = true, requires = "stop_with")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_with: Option<String>,
    /// FILE that Synapse reads after its own configuration. It is empty before the cutover, and a
    /// copy of SOURCE, with which Synapse delegates to MAS, afterwards.
    #[arg(long, value_name = "FILE=SOURCE", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlay: Option<CutoverFile>,
    /// FILE that the reverse proxy includes. It is empty before the cutover, and a copy of SOURCE,
    /// which sends login requests to MAS, afterwards. Can be given several times.
    #[arg(long, value_name = "FILE=SOURCE", global = true)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<CutoverFile>,
    /// Unit to reload when an include has changed. Can be given several times.
    #[arg(long, value_name = "UNIT", global = true)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub proxy_unit: Vec<String>,
    /// URL at which Synapse responds, if it does not follow from Synapse's listeners.
    #[arg(long, value_name = "URL", global = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synapse_url: Option<String>,
    #[arg(skip)]
    #[serde(skip)]
    prepared: Option<Arc<PrivateDir>>,
}

impl Inputs {
    /// Takes options that were not given from the manifest. Prepares MAS's configuration from the manifest
    /// of `mas-service` if no files are given.
    ///
    /// # Errors
    ///
    /// If a manifest, or a file that it names, cannot be read.
    pub fn complete(self) -> Result<Self, MigrateError> {
        self.with_manifest()?.with_mas_config(None)
    }

    /// Takes options that were not given from the manifest.
    ///
    /// # Errors
    ///
    /// If the manifest cannot be read.
    pub fn with_manifest(self) -> Result<Self, MigrateError> {
        let found = || Path::new(MANIFEST).exists().then(|| MANIFEST.into());
        let mut inputs = match self.manifest.clone().or_else(found) {
            Some(file) => self.merge_over_manifest(&file)?,
            None => self,
        };
        // Absolute, because programs run in another working directory.
        let files = inputs.synapse_config.iter_mut();
        for file in files.chain(&mut inputs.mas_config) {
            *file = absolute(file)?;
        }
        Ok(inputs)
    }

    /// Prepares MAS's configuration, or `only` one section of it, from the manifest of `mas-service` if no
    /// files are given.
    ///
    /// # Errors
    ///
    /// If that manifest, or a file that it names, cannot be read.
    pub fn with_mas_config(mut self, only: Option<&str>) -> Result<Self, MigrateError> {
        if let (Some(service), []) = (&self.mas_service, self.mas_config.as_slice()) {
            let account = self.mas_account()?;
            let private_dir = PrivateDir::of_service(service, account.as_ref(), only)?;
            self.mas_config.clone_from(&private_dir.files);
            self.prepared = Some(Arc::new(private_dir));
        }
        Ok(self)
    }

    fn merge_over_manifest(self, file: &Path) -> Result<Self, MigrateError> {
        const FORM: &str = "a manifest of syn2mas";
        let text = fs::read_to_string(file).map_err(MigrateError::io("read", file))?;
        // Parsed as `Inputs` first, only because this error has a line number.
        let _: Inputs = serde_yaml_ng::from_str(&text).map_err(MigrateError::form(file, FORM))?;
        let mut entries: Value =
            serde_yaml_ng::from_str(&text).map_err(MigrateError::form(file, FORM))?;
        if entries.is_null() {
            entries = Value::Object(serde_json::Map::new());
        }
        let given = serde_json::to_value(&self).map_err(MigrateError::form(file, FORM))?;
        for (name, value) in given.as_object().into_iter().flatten() {
            entries[name] = value.clone();
        }
        let inputs: Inputs =
            serde_json::from_value(entries).map_err(MigrateError::form(file, FORM))?;
        Ok(Inputs {
            manifest: Some(file.to_owned()),
            ..inputs
        })
    }

    /// Reads Synapse's configuration without the overlay.
    ///
    /// # Errors
    ///
    /// If none is given, or it cannot be read.
    pub fn synapse(&self) -> Result<synapse_config::Config, MigrateError> {
        if self.synapse_config.is_empty() {
            return Err(MigrateError::Usage {
                problem: "no Synapse configuration",
                fix: "pass `--synapse-config FILE`",
            });
        }
        // The overlay is not part of the configuration from before the cutover.
        let overlay = self.overlay.as_ref().map(|overlay| overlay.file.as_path());
        synapse_config::Config::read(&self.synapse_config, overlay)
    }

    /// Reads and merges MAS's configuration.
    ///
    /// # Errors
    ///
    /// If none is given, or it cannot be read.
    pub fn mas(&self) -> Result<Value, MigrateError> {
        if self.mas_config.is_empty() {
            return Err(MigrateError::Usage {
                problem: "no MAS configuration",
                fix: "pass `--mas-config FILE`",
            });
        }
        Ok(MergedConfig::files(&self.mas_config)?.value)
    }

    /// Synapse's database, as `--synapse-database-uri` or else Synapse's configuration says.
    ///
    /// # Errors
    ///
    /// If neither says where it is, or the URI is invalid.
    pub fn synapse_database(&self) -> Result<Database, MigrateError> {
        let address = match &self.synapse_database_uri {
            Some(uri) => Address::of_uri("--synapse-database-uri", uri)?,
            None => self.synapse()?.database()?,
        };
        Ok(reached(
            "Synapse's database",
            address,
            account(self.synapse_user.as_ref())?,
        ))
    }

    /// Synapse's database as the import connects to it: with MAS's role if that is granted Synapse's.
    ///
    /// # Errors
    ///
    /// If the location of a database is unknown.
    pub fn synapse_database_for_import(&self) -> Result<Database, MigrateError> {
        let synapse = self.synapse_database()?;
        match self.admin_database_uri {
            Some(_) => Ok(synapse.entered_by(&self.mas_database()?)),
            None => Ok(synapse),
        }
    }

    /// MAS's database, as `--mas-database-uri` or else MAS's configuration says.
    ///
    /// # Errors
    ///
    /// If neither says where it is, or the URI is invalid.
    pub fn mas_database(&self) -> Result<Database, MigrateError> {
        let address = match &self.mas_database_uri {
            Some(uri) => Address::of_uri("--mas-database-uri", uri)?,
            None => mas_database(&self.mas()?)?,
        };
        Ok(reached("MAS's database", address, self.mas_account()?))
    }

    /// Connects to MAS's database and determines its state.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub async fn mas_state(&self) -> Result<MasState, MigrateError> {
        let database = self.mas_database()?;
        let mut connection = database.snapshot().await?;
        mas_state(&mut connection, &database).await
    }

    /// The database of `--admin-database-uri`, for a superuser on the server of both databases.
    ///
    /// # Errors
    ///
    /// If the URI is invalid, or there is no such user as `--admin-user`.
    pub fn admin_database(&self) -> Result<Option<Database>, MigrateError> {
        let Some(uri) = &self.admin_database_uri else {
            return Ok(None);
        };
        let address = Address::of_uri("--admin-database-uri", uri)?;
        let account = account(self.admin_user.as_ref())?;
        Ok(Some(reached("the database server", address, account)))
    }

    /// The user of this host that MAS runs as (`--mas-user`). None means the current user.
    ///
    /// # Errors
    ///
    /// If there is no such user, or this process may not switch to it.
    pub fn mas_account(&self) -> Result<Option<Account>, MigrateError> {
        account(self.mas_user.as_ref())
    }

    /// The path of `mas-cli`, or only its name if it is on PATH.
    #[must_use]
    pub fn mas_cli(&self) -> PathBuf {
        self.mas_cli.clone().unwrap_or_else(|| "mas-cli".into())
    }

    /// The directory of the journal and the backups, by default `/var/lib/syn2mas`.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        let given = self.state_dir.clone();
        given.unwrap_or_else(|| "/var/lib/syn2mas".into())
    }

    /// Creates a temporary database on the server of MAS's. Call [`Scratch::remove`], also after an error.
    ///
    /// # Errors
    ///
    /// If the database cannot be created.
    pub async fn scratch(
        &self,
        which: &'static str,
        name: &'static str,
    ) -> Result<Scratch, MigrateError> {
        let (mas, superuser) = (self.mas_database()?, self.admin_database()?);
        Scratch::make(&mas, superuser, which, name).await
    }

    /// Removes what killed runs of `rehearse` and `verify` have left: temporary databases, and the backups
    /// of a rehearsal. What a run that is not over uses stays.
    ///
    /// # Errors
    ///
    /// If something cannot be removed.
    pub async fn drop_leftovers(&self) -> Result<(), MigrateError> {
        let (mas, superuser) = (self.mas_database()?, self.admin_database()?);
        let in_use = scratch::drop_leftovers(&mas, superuser.as_ref()).await?;
        if in_use.contains(&scratch::COPY) {
            return Ok(());
        }
        let directory = self.rehearsal();
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(MigrateError::io("delete", &directory)(error))
            }
            _ => Ok(()),
        }
    }

    /// The directory with the backups of a rehearsal, while one runs.
    #[must_use]
    pub fn rehearsal(&self) -> PathBuf {
        self.state().join("rehearsal")
    }

    /// Where PostgreSQL's client programs are.
    #[must_use]
    pub fn postgresql(&self) -> Programs {
        Programs(self.postgresql_programs.clone())
    }

    /// The units of Synapse and MAS, and the commands for Synapse.
    ///
    /// # Errors
    ///
    /// If there are neither units of Synapse nor commands.
    pub fn services(&self) -> Result<Services, MigrateError> {
        let commands = self.stop_with.clone().zip(self.start_with.clone());
        Services::new(&self.synapse_unit, &self.mas_unit, commands)
    }

    /// The providers in MAS's configuration that replace one of Synapse's, that is, have `synapse_idp_id`.
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

/// A database as a user of this host connects to it. Without a role in the address, the role has the
/// name of that user.
fn reached(which: &'static str, address: Address, account: Option<Account>) -> Database {
    let unnamed = address.options.get_username() == PgConnectOptions::new().get_username();
    let options = match &account {
        Some(account) if unnamed => address.options.username(&account.name),
        _ => address.options,
    };
    Database::new(which, Address { options, ..address }, account)
}

fn account(name: Option<&String>) -> Result<Option<Account>, MigrateError> {
    name.map(|name| Account::named(name)).transpose()
}

fn absolute(file: &Path) -> Result<PathBuf, MigrateError> {
    std::path::absolute(file).map_err(MigrateError::io("find", file))
}

/// Reads `database` in MAS's configuration as MAS does (`database_connect_options_from_config` in MAS's
/// `crates/cli/src/util.rs`): the TLS options apply to a `uri` too.
fn mas_database(config: &Value) -> Result<Address, MigrateError> {
    const PLACE: &str = "`database` in MAS's configuration";
    let database = &config["database"];
    let text = |key: &str| database[key].as_str().map(str::to_owned);
    let (options, of_uri) = match text("uri") {
        Some(uri) => connection::parse("`database.uri` in MAS's configuration", &uri)?,
        None => connection::parse(PLACE, &connection::uri(of_mas(database)?))?,
    };
    let either = |name: &str| text(name).or_else(|| text(&format!("{name}_file")));
    let named = Named {
        root: either("ssl_ca"),
        certificate: either("ssl_certificate"),
        key: either("ssl_key"),
    };
    let named = named.or(of_uri).or(Named::of_environment());
    let mode = match text("ssl_mode") {
        Some(name) => tls::mode("`database.ssl_mode` in MAS's configuration", &name)?,
        None => options.get_ssl_mode(),
    };
    let tls = Tls::read(PLACE, mode, &named)?;
    Ok(Address { options, tls })
}

/// Reads `database` in MAS's configuration without a `uri`, as parameters for [`connection::uri`].
fn of_mas(database: &Value) -> Result<Vec<(&'static str, String)>, MigrateError> {
    let text = |key: &str| database[key].as_str().map(str::to_owned);
    let password = Secret::of(database, "password", "password_file");
    let password = password.as_ref().map(Secret::read).transpose()?;
    let given = [
        ("host", text("socket").or(text("host"))),
        (
            "port",
            database["port"].as_u64().map(|port| port.to_string()),
        ),
        ("user", text("username")),
        ("password", password),
        ("dbname", text("database")),
    ];
    let given = given.into_iter();
    Ok(given
        .filter_map(|(name, value)| Some((name, value?)))
        .collect())
}
