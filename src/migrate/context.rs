//! What the options of the command line lead to: configurations, databases, services and programs. Each is
//! read when it is first needed, and only once.

use std::{
    fs, io,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use serde_json::Value;
use sqlx::postgres::PgConnectOptions;
use ulid::Ulid;

use crate::config::load::MergedConfig;
use crate::migrate::{
    MigrateError,
    args::Args,
    cutover_file::CutoverFile,
    postgres::{
        connection::{self, Address, Database},
        mas_state::{MasState, mas_state},
        programs::Programs,
        scratch::{self, Leftover, Scratch},
        tls::{self, Named, Tls},
    },
    synapse_config,
    system::{private_dir::PrivateDir, run_as::Account, systemd::Services},
};
use crate::util::secret::Secret;

/// An identity provider of Synapse and the provider of MAS that replaces it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// `auth_provider` in Synapse's `user_external_ids`; `synapse_idp_id` in MAS's configuration.
    pub synapse_id: String,
    /// `id` in MAS's configuration.
    pub mas_id: Ulid,
}

/// The copy of Synapse's tables, in messages.
pub const LIVE_COPY: &str = "the copy of Synapse's tables";

/// What the options lead to.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The options.
    pub args: Args,
    /// MAS's configuration files, given or prepared.
    mas_files: Vec<PathBuf>,
    // Dropping it deletes the files that were prepared.
    prepared: Option<Arc<PrivateDir>>,
    synapse: OnceLock<synapse_config::Config>,
    mas: OnceLock<Value>,
    synapse_database: OnceLock<Database>,
    mas_database: OnceLock<Database>,
}

/// Returns what is in a cell, or puts there what is read.
fn once<T>(
    cell: &OnceLock<T>,
    read: impl FnOnce() -> Result<T, MigrateError>,
) -> Result<&T, MigrateError> {
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    let value = read()?;
    Ok(cell.get_or_init(|| value))
}

impl Context {
    /// Takes options that are not given from the manifest. Prepares MAS's configuration from the manifest of
    /// `mas-service` if no files are given.
    ///
    /// # Errors
    ///
    /// If a manifest, or a file that it names, cannot be read.
    pub fn of(args: Args) -> Result<Self, MigrateError> {
        Context::new(args.with_manifest()?).with_mas_config(None)
    }

    /// What complete options lead to. Without files of MAS's configuration, there is none.
    #[must_use]
    pub fn new(args: Args) -> Self {
        Context {
            mas_files: args.mas_config.clone(),
            args,
            ..Context::default()
        }
    }

    /// Prepares MAS's configuration, or `only` one section of it, from the manifest of `mas-service` if no
    /// files are given.
    ///
    /// # Errors
    ///
    /// If that manifest, or a file that it names, cannot be read.
    pub fn with_mas_config(self, only: Option<&str>) -> Result<Self, MigrateError> {
        let (Some(service), []) = (&self.args.mas_service, self.mas_files.as_slice()) else {
            return Ok(self);
        };
        let account = self.mas_account()?;
        let private_dir = PrivateDir::of_service(service, account.as_ref(), only)?;
        Ok(Context {
            mas_files: private_dir.files.clone(),
            prepared: Some(Arc::new(private_dir)),
            ..Context::new(self.args)
        })
    }

    /// Reads Synapse's configuration without the overlay.
    ///
    /// # Errors
    ///
    /// If none is given, or it cannot be read.
    pub fn synapse(&self) -> Result<&synapse_config::Config, MigrateError> {
        once(&self.synapse, || self.read_synapse())
    }

    fn read_synapse(&self) -> Result<synapse_config::Config, MigrateError> {
        if self.args.synapse_config.is_empty() {
            return Err(MigrateError::Usage {
                problem: "no Synapse configuration",
                fix: "pass `--synapse-config FILE`",
            });
        }
        // The overlay is not part of the configuration from before the cutover.
        let overlay = self
            .args
            .overlay
            .as_ref()
            .map(|overlay| overlay.file.as_path());
        synapse_config::Config::read(&self.args.synapse_config, overlay)
    }

    /// Reads and merges MAS's configuration.
    ///
    /// # Errors
    ///
    /// If none is given, or it cannot be read.
    pub fn mas(&self) -> Result<&Value, MigrateError> {
        once(&self.mas, || self.read_mas())
    }

    /// MAS's configuration as text, which is the same whenever it is the same configuration: the directory in
    /// which its files are prepared has another name each time.
    ///
    /// # Errors
    ///
    /// As for [`Context::mas`].
    pub fn mas_as_text(&self) -> Result<String, MigrateError> {
        let text = self.mas()?.to_string();
        Ok(match &self.prepared {
            Some(directory) => text.replace(&*directory.path().to_string_lossy(), ""),
            None => text,
        })
    }

    fn read_mas(&self) -> Result<Value, MigrateError> {
        if self.mas_files.is_empty() {
            return Err(MigrateError::Usage {
                problem: "no MAS configuration",
                fix: "pass `--mas-config FILE`",
            });
        }
        Ok(MergedConfig::files(&self.mas_files)?.value)
    }

    /// Synapse's database, as `--synapse-database-uri` or else Synapse's configuration says.
    ///
    /// # Errors
    ///
    /// If neither says where it is, or the URI is invalid.
    pub fn synapse_database(&self) -> Result<&Database, MigrateError> {
        once(&self.synapse_database, || self.find_synapse_database())
    }

    fn find_synapse_database(&self) -> Result<Database, MigrateError> {
        let address = match &self.args.synapse_database_uri {
            Some(uri) => Address::of_uri("--synapse-database-uri", uri)?,
            None => self.synapse()?.database()?,
        };
        Ok(reached(
            "Synapse's database",
            address,
            account(self.args.synapse_user.as_ref())?,
        ))
    }

    /// Synapse's database as the import connects to it: with MAS's role if that is granted Synapse's.
    ///
    /// # Errors
    ///
    /// If the location of a database is unknown.
    pub fn synapse_database_for_import(&self) -> Result<Database, MigrateError> {
        let synapse = self.synapse_database()?;
        match self.args.admin_database_uri {
            Some(_) => Ok(synapse.entered_by(self.mas_database()?)),
            None => Ok(synapse.clone()),
        }
    }

    /// MAS's database, as `--mas-database-uri` or else MAS's configuration says.
    ///
    /// # Errors
    ///
    /// If neither says where it is, or the URI is invalid.
    pub fn mas_database(&self) -> Result<&Database, MigrateError> {
        once(&self.mas_database, || self.find_mas_database())
    }

    fn find_mas_database(&self) -> Result<Database, MigrateError> {
        let address = match &self.args.mas_database_uri {
            Some(uri) => Address::of_uri("--mas-database-uri", uri)?,
            None => mas_database(self.mas()?)?,
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
        mas_state(&mut connection, database).await
    }

    /// The database of `--admin-database-uri`, for a superuser on the server of both databases.
    ///
    /// # Errors
    ///
    /// If the URI is invalid, or there is no such user as `--admin-user`.
    pub fn admin_database(&self) -> Result<Option<Database>, MigrateError> {
        let Some(uri) = &self.args.admin_database_uri else {
            return Ok(None);
        };
        let address = Address::of_uri("--admin-database-uri", uri)?;
        let account = account(self.args.admin_user.as_ref())?;
        Ok(Some(reached("the database server", address, account)))
    }

    /// The server on which temporary databases are made: with the superuser's role, or else with MAS's.
    ///
    /// # Errors
    ///
    /// As for [`Context::mas_database`] and [`Context::admin_database`].
    pub fn scratch_server(&self) -> Result<Database, MigrateError> {
        match self.admin_database()? {
            Some(superuser) => Ok(superuser),
            None => self.mas_database().cloned(),
        }
    }

    /// The user of this host that MAS runs as (`--mas-user`). None means the current user.
    ///
    /// # Errors
    ///
    /// If there is no such user, or this process may not switch to it.
    pub fn mas_account(&self) -> Result<Option<Account>, MigrateError> {
        account(self.args.mas_user.as_ref())
    }

    /// The path of `mas-cli`, or only its name if it is on PATH.
    #[must_use]
    pub fn mas_cli(&self) -> PathBuf {
        self.args
            .mas_cli
            .clone()
            .unwrap_or_else(|| "mas-cli".into())
    }

    /// The directory of the journal and the backups.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.args.state()
    }

    /// Creates a temporary database on the server of MAS's. Call [`Scratch::remove`], also after an error.
    ///
    /// # Errors
    ///
    /// If the database cannot be created.
    pub async fn scratch(&self, which: &'static str, name: &str) -> Result<Scratch, MigrateError> {
        Scratch::make(self.mas_database()?, self.scratch_server()?, which, name).await
    }

    /// The overlay, which every command needs that changes something.
    ///
    /// # Errors
    ///
    /// If it is not given.
    pub fn overlay(&self) -> Result<&CutoverFile, MigrateError> {
        let overlay = self.args.overlay.as_ref();
        overlay.ok_or_else(MigrateError::no_overlay)
    }

    /// Whether a rehearsal is running, which uses its directory.
    ///
    /// # Errors
    ///
    /// If the server does not answer.
    pub async fn is_rehearsing(&self) -> Result<bool, MigrateError> {
        let databases = scratch::leftovers(&self.scratch_server()?).await?;
        let in_use = |database: &Leftover| database.name == scratch::COPY && database.is_in_use;
        Ok(databases.iter().any(in_use))
    }

    /// Removes what killed runs of `rehearse` and `verify` have left: temporary databases, and the backups
    /// of a rehearsal. What a run that is not over uses stays.
    ///
    /// # Errors
    ///
    /// If something cannot be removed.
    pub async fn drop_leftovers(&self) -> Result<(), MigrateError> {
        let in_use = scratch::drop_leftovers(self.mas_database()?, &self.scratch_server()?).await?;
        if in_use.contains(&scratch::COPY) {
            return Ok(());
        }
        let directory = self.args.rehearsal();
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(MigrateError::io("delete", &directory)(error))
            }
            _ => Ok(()),
        }
    }

    /// The copy of Synapse's tables that follows them during a migration, if there is one on the server.
    ///
    /// # Errors
    ///
    /// If the server does not answer.
    pub async fn live_copy(&self) -> Result<Option<Database>, MigrateError> {
        let mas = self.mas_database()?;
        let copy = mas.sibling(LIVE_COPY, &scratch::live_copy(mas).await?);
        let is_there = scratch::exists(&self.scratch_server()?, copy.name()).await?;
        Ok(is_there.then_some(copy))
    }

    /// Whether a running `syn2mas` follows Synapse with a copy of its tables for MAS's database.
    ///
    /// # Errors
    ///
    /// If the server does not answer.
    pub async fn is_copy_in_use(&self) -> Result<bool, MigrateError> {
        match self.live_copy().await? {
            Some(copy) => scratch::is_in_use(&self.scratch_server()?, copy.name()).await,
            None => Ok(false),
        }
    }

    /// Copies of Synapse's tables that no migration needs: those for databases of MAS's that do not exist any
    /// more, and, unless `is_needed`, that of this database. One that another process uses is left out.
    ///
    /// # Errors
    ///
    /// If the server does not answer.
    pub async fn unneeded_copies(&self, is_needed: bool) -> Result<Vec<Database>, MigrateError> {
        let (mas, server) = (self.mas_database()?, self.scratch_server()?);
        let orphaned = scratch::orphaned_copies(&server).await?.into_iter();
        let mut found: Vec<Database> = orphaned.map(|name| mas.sibling(LIVE_COPY, &name)).collect();
        if !is_needed {
            found.extend(self.live_copy().await?);
        }
        let mut unneeded = Vec::new();
        for copy in found {
            if !scratch::is_in_use(&server, copy.name()).await? {
                unneeded.push(copy);
            }
        }
        Ok(unneeded)
    }

    /// Drops a copy of Synapse's tables.
    ///
    /// # Errors
    ///
    /// If it cannot be dropped, or the server still has the session of the process that made it.
    pub async fn drop_copy(&self, copy: &Database) -> Result<(), MigrateError> {
        let server = self.scratch_server()?;
        if scratch::is_in_use(&server, copy.name()).await? {
            return Err(MigrateError::InUse {
                which: copy.which,
                connections: vec!["the syn2mas that has made it".to_owned()],
                fix: "Wait until that is done. If it was killed, end its session on the server",
            });
        }
        scratch::drop_if_there(&server, copy).await
    }

    /// Where PostgreSQL's client programs are.
    #[must_use]
    pub fn postgresql(&self) -> Programs {
        Programs(self.args.postgresql_programs.clone())
    }

    /// The units of Synapse and MAS, and the commands for Synapse.
    ///
    /// # Errors
    ///
    /// If there are neither units of Synapse nor commands.
    pub fn services(&self) -> Result<Services, MigrateError> {
        let commands = self
            .args
            .stop_with
            .clone()
            .zip(self.args.start_with.clone());
        Services::new(&self.args.synapse_unit, &self.args.mas_unit, commands)
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
