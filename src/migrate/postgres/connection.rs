//! Connections to the two databases.

use std::{collections::HashSet, path::Path};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sqlx::{ConnectOptions, Connection, PgConnection, Row, postgres::PgConnectOptions};
use tokio::process::Command;
use url::Url;

use crate::migrate::{
    MigrateError,
    postgres::tls::{self, Named, Tls},
    system::{command, private_dir::PrivateDir, run_as::Account},
};

/// What a role or a database may set otherwise, and would end our sessions or change what they read.
/// Every server that MAS works with knows these.
const NEUTRAL: &[(&str, &str)] = &[
    ("statement_timeout", "0"),
    ("lock_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    ("default_transaction_deferrable", "off"),
    ("default_transaction_isolation", "read\\ committed"),
    // A policy must not hide rows: then it is an error.
    ("row_security", "off"),
    ("client_min_messages", "warning"),
    ("bytea_output", "hex"),
    ("IntervalStyle", "postgres"),
    ("standard_conforming_strings", "on"),
];

/// The same of newer servers, and the version that knows it first.
const NEWER: &[(u32, &str)] = &[
    (140_000, "idle_session_timeout"),
    (170_000, "transaction_timeout"),
];

/// Where a database is, and how to connect to it.
#[derive(Clone, Debug)]
pub struct Address {
    /// Everything but TLS.
    pub options: PgConnectOptions,
    /// How it is encrypted.
    pub tls: Tls,
}

impl Address {
    /// What a `postgresql://` address says, and otherwise the environment. `place` says for messages
    /// where it stands.
    ///
    /// # Errors
    ///
    /// If it is none, or names certificates that cannot be read.
    pub fn of_uri(place: &str, uri: &str) -> Result<Self, MigrateError> {
        let (options, named) = parse(place, uri)?;
        let mode = options.get_ssl_mode();
        let tls = Tls::read(place, mode, &named.or(Named::of_environment()))?;
        Ok(Address { options, tls })
    }
}

/// What a `postgresql://` address says, with the certificates that it names.
///
/// # Errors
///
/// If it is none.
pub fn parse(place: &str, uri: &str) -> Result<(PgConnectOptions, Named), MigrateError> {
    // The address may hold a password, so it is not shown.
    let none = || {
        MigrateError::Missing(format!(
            "{place}: this is no address of a database. Write something like \
             postgresql:///name?host=/run/postgresql"
        ))
    };
    let mut url = Url::parse(uri).map_err(|_| none())?;
    let mut named = Named::default();
    let mut others = Vec::new();
    for (name, value) in url.query_pairs() {
        match &*name {
            "sslrootcert" | "ssl-root-cert" | "ssl-ca" => named.root = Some(value.into_owned()),
            "sslcert" | "ssl-cert" => named.certificate = Some(value.into_owned()),
            "sslkey" | "ssl-key" => named.key = Some(value.into_owned()),
            // Where it is needed, that is said when the key is read.
            "sslpassword" => {}
            "sslmode" | "ssl-mode" => {
                tls::mode(place, &value)?;
                others.push((name.into_owned(), value.into_owned()));
            }
            _ => others.push((name.into_owned(), value.into_owned())),
        }
    }
    // Texts in PEM and passphrases stay here.
    url.query_pairs_mut().clear().extend_pairs(others);
    let options = url.as_str().parse().map_err(|_| none())?;
    Ok((options, named))
}

/// A `postgresql://` address with these parameters.
pub fn uri(parameters: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let parameters = parameters.into_iter();
    let parameters: Vec<String> = parameters
        .map(|(name, value)| format!("{name}={}", encoded(&value)))
        .collect();
    format!("postgresql:///?{}", parameters.join("&"))
}

/// A database, and whose it is in messages.
#[derive(Clone, Debug)]
pub struct Database {
    /// Synapse's or MAS's, for messages.
    pub which: &'static str,
    options: PgConnectOptions,
    /// Options for the server that were given, not ours.
    given: String,
    tls: Tls,
    account: Option<Account>,
}

impl Database {
    /// A database at an address, reached as a user of this host.
    #[must_use]
    pub fn new(which: &'static str, address: Address, account: Option<Account>) -> Self {
        let Address { options, tls } = address;
        // Both sides work at the same time, most often on this machine.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = (cores / 2).saturating_sub(1).min(4).to_string();
        // Where no host is named, it is the directory of the socket, if there is one.
        let options = match options.get_socket() {
            None if options.get_host().starts_with('/') => {
                let directory = options.get_host().to_owned();
                options.socket(directory)
            }
            _ => options,
        };
        let given = options.get_options().unwrap_or_default().to_owned();
        let options = options
            .application_name("syn2mas")
            .options(NEUTRAL.iter().copied())
            // Texts of times and numbers are to be the same on both sides.
            .options([
                ("TimeZone", "UTC"),
                ("DateStyle", "ISO"),
                // Whole tables are read and joined.
                ("jit", "off"),
                ("enable_nestloop", "off"),
                // Sorting texts takes longer than hashing them.
                ("enable_mergejoin", "off"),
                ("max_parallel_workers_per_gather", workers.as_str()),
                ("work_mem", "64MB"),
                // Tells whether any of this arrives.
                ("syn2mas.direct", "on"),
            ])
            .disable_statement_logging();
        Database {
            which,
            options,
            given,
            tls,
            account,
        }
    }

    /// The role that it is reached as.
    #[must_use]
    pub fn role(&self) -> &str {
        self.options.get_username()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        let name = self.options.get_database();
        name.unwrap_or(self.options.get_username())
    }

    /// The same server's database with another name.
    #[must_use]
    pub fn sibling(&self, which: &'static str, name: &str) -> Self {
        Database {
            which,
            options: self.options.clone().database(name),
            ..self.clone()
        }
    }

    /// The same, as another role and user of this host.
    #[must_use]
    pub fn entered_by(&self, other: &Database) -> Self {
        let options = self.options.clone().username(other.options.get_username());
        let options = match other.password() {
            Some(password) => options.password(&password),
            None => options,
        };
        Database {
            options,
            tls: self.tls.entered_by(&other.tls),
            account: other.account.clone(),
            ..self.clone()
        }
    }

    /// The directory of its socket, or the name of its host.
    fn host(&self) -> String {
        match self.options.get_socket() {
            Some(directory) => directory.display().to_string(),
            None => self.options.get_host().to_owned(),
        }
    }

    /// The password, if there is one.
    #[must_use]
    pub fn password(&self) -> Option<String> {
        // There is no other way to it, and what makes no address, such as ::1, would be a panic.
        let options = self.options.clone().host("localhost").username("somebody");
        let url = options.to_url_lossy();
        let password = url.password()?;
        let text = percent_encoding::percent_decode_str(password).decode_utf8();
        Some(text.ok()?.into_owned())
    }

    /// The address by which `mas-cli` reaches it as a user of this host, without the password. What
    /// the user needs besides is handed over under names that begin with the prefix.
    ///
    /// # Errors
    ///
    /// If the server does not tell its version, or certificates cannot be handed over.
    pub async fn uri(
        &self,
        private_dir: &PrivateDir,
        prefix: &str,
        account: Option<&Account>,
    ) -> Result<String, MigrateError> {
        let files = self.tls.hand_over(private_dir, prefix, account)?;
        let parameters = [
            ("host", self.host()),
            ("port", self.options.get_port().to_string()),
            ("user", self.options.get_username().to_owned()),
            ("dbname", self.name().to_owned()),
            ("options", self.neutral().await?),
        ];
        Ok(uri(parameters.into_iter().chain(files.parameters())))
    }

    /// The same with the password, for a file that nobody else can read.
    #[must_use]
    pub fn with_password(&self, uri: String) -> String {
        match self.password() {
            None => uri,
            Some(password) => {
                let password = utf8_percent_encode(&password, NON_ALPHANUMERIC);
                format!("{uri}&password={password}")
            }
        }
    }

    /// The options for the server that other programs get: those that were given, and then what takes
    /// back what a role or a database sets otherwise.
    async fn neutral(&self) -> Result<String, MigrateError> {
        let connection = self.connect().await?;
        let version = connection.server_version_num().unwrap_or_default();
        // Whoever waits until nobody is connected must not wait for this.
        let _ = connection.close().await;
        let neutral = NEUTRAL.iter().copied();
        let newer = newer(version).map(|name| (name, "0"));
        let ours = neutral
            .chain(newer)
            .map(|(name, value)| format!("-c {name}={value}"));
        let all: Vec<String> = std::iter::once(self.given.clone())
            .filter(|given| !given.is_empty())
            .chain(ours)
            .collect();
        Ok(all.join(" "))
    }

    /// A run of one of PostgreSQL's own programs on it. What may be secret is not in the arguments,
    /// which every user of this host can see.
    ///
    /// # Errors
    ///
    /// If the server does not tell its version, or certificates cannot be handed over.
    pub async fn program(&self, path: &Path) -> Result<Program, MigrateError> {
        let account = self.account.as_ref();
        let private_dir = PrivateDir::new(account)?;
        let mut command = command::command(path, account);
        command
            .env("PGHOST", self.host())
            .env("PGPORT", self.options.get_port().to_string())
            .env("PGUSER", self.options.get_username())
            .env("PGDATABASE", self.name())
            .env("PGAPPNAME", "syn2mas")
            .env("PGOPTIONS", self.neutral().await?)
            // They would lead somewhere else, and sqlx does not know them all.
            .env_remove("PGHOSTADDR")
            .env_remove("PGSERVICE");
        let files = self.tls.hand_over(&private_dir, "client", account)?;
        files.tell(&mut command);
        if let Some(password) = self.password() {
            command.env("PGPASSWORD", password);
        }
        Ok(Program {
            command,
            _handover: private_dir,
        })
    }

    /// Connects.
    ///
    /// # Errors
    ///
    /// If the server cannot be reached, or refuses.
    pub async fn connect(&self) -> Result<PgConnection, MigrateError> {
        let _acting = match &self.account {
            Some(account) => Some(account.act().await?),
            None => None,
        };
        let mut connection = self.open(self.options.clone()).await?;
        let version = connection.server_version_num().unwrap_or_default();
        match self.set_up(&mut connection, version).await {
            // It may be a timeout that this was to lift. Now that the server's version is known, it
            // can be lifted from the first moment.
            Err(MigrateError::Database { .. }) => {
                let lifted = newer(version).map(|name| (name, "0"));
                let mut connection = self.open(self.options.clone().options(lifted)).await?;
                self.set_up(&mut connection, version).await?;
                Ok(connection)
            }
            done => done.map(|()| connection),
        }
    }

    async fn open(&self, options: PgConnectOptions) -> Result<PgConnection, MigrateError> {
        PgConnection::connect_with(&self.tls.applied_to(options))
            .await
            .map_err(|error| self.not_connected(error))
    }

    /// Sets what only newer servers know, and looks whether what was set before has arrived.
    async fn set_up(
        &self,
        connection: &mut PgConnection,
        version: u32,
    ) -> Result<(), MigrateError> {
        let mut statements: Vec<String> = newer(version)
            .map(|name| format!("SET {name} = 0"))
            .collect();
        statements.push("SELECT current_setting('syn2mas.direct', true)".to_owned());
        // One message, in a form that a pooler understands too.
        let arrived = sqlx::raw_sql(&statements.join("; "))
            .fetch_all(connection)
            .await
            .map_err(self.failed("cannot set up the session"))?;
        match arrived.last().map(|row| row.try_get::<String, _>(0)) {
            Some(Ok(value)) if value == "on" => Ok(()),
            _ => Err(self.pooled("it swallows what a session sets")),
        }
    }

    /// Says what is meant where the reason for a refusal is not at hand in the error.
    fn not_connected(&self, error: sqlx::Error) -> MigrateError {
        let said = error.to_string();
        // PgBouncer's words.
        if said.contains("unsupported startup parameter") {
            return self.pooled(&said);
        }
        // Those of rustls.
        match said.split_once("invalid peer certificate: ") {
            Some((_, reason)) => MigrateError::Missing(format!(
                "{}: the server's certificate is refused: {reason}. Name the authority that has signed \
                 it as `sslrootcert` (`ssl_ca_file` in MAS's configuration), and the server as the \
                 certificate does",
                self.which
            )),
            None => self.failed("cannot connect")(error),
        }
    }

    fn pooled(&self, said: &str) -> MigrateError {
        MigrateError::Pooled {
            which: self.which,
            said: said.to_owned(),
        }
    }

    /// Connects, and begins a transaction that sees one state of the database and changes nothing.
    ///
    /// # Errors
    ///
    /// If the server cannot be reached, or refuses.
    pub async fn snapshot(&self) -> Result<PgConnection, MigrateError> {
        let mut connection = self.connect().await?;
        sqlx::raw_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .execute(&mut connection)
            .await
            .map_err(self.failed("cannot begin a transaction"))?;
        Ok(connection)
    }

    /// Another connection, which sees the database as one does that has begun a transaction.
    ///
    /// # Errors
    ///
    /// If the server cannot be reached, or refuses.
    pub async fn same_snapshot(
        &self,
        first: &mut PgConnection,
    ) -> Result<PgConnection, MigrateError> {
        let name: String = sqlx::query_scalar("SELECT pg_export_snapshot()")
            .fetch_one(first)
            .await
            .map_err(self.failed("cannot share its state"))?;
        let mut second = self.snapshot().await?;
        sqlx::raw_sql(&format!("SET TRANSACTION SNAPSHOT '{name}'"))
            .execute(&mut second)
            .await
            .map_err(self.failed("cannot share its state"))?;
        Ok(second)
    }

    /// The version of the server that a connection leads to, as a number: 150018 for 15.18.
    ///
    /// # Errors
    ///
    /// If the server does not answer.
    pub async fn version(&self, connection: &mut PgConnection) -> Result<i32, MigrateError> {
        sqlx::query_scalar("SELECT current_setting('server_version_num')::integer")
            .fetch_one(connection)
            .await
            .map_err(self.failed("cannot tell its version"))
    }

    /// The names of all settings that the server knows, in lower case.
    ///
    /// # Errors
    ///
    /// If the server does not answer.
    pub async fn settings(&self) -> Result<HashSet<String>, MigrateError> {
        let mut connection = self.connect().await?;
        let names: Vec<String> = sqlx::query_scalar("SELECT lower(name) FROM pg_settings")
            .fetch_all(&mut connection)
            .await
            .map_err(self.failed("cannot list its settings"))?;
        Ok(names.into_iter().collect())
    }

    /// Says whose database failed, and at what.
    pub fn failed(&self, doing: &str) -> impl FnOnce(sqlx::Error) -> MigrateError + use<> {
        let (which, doing) = (self.which, doing.to_owned());
        move |source| MigrateError::Database {
            which,
            doing,
            source,
        }
    }
}

/// A run of one of PostgreSQL's own programs.
#[derive(Debug)]
pub struct Program {
    /// The program.
    pub command: Command,
    // Holds the certificates while this lasts.
    _handover: PrivateDir,
}

/// What a server of this version knows besides.
fn newer(version: u32) -> impl Iterator<Item = &'static str> {
    let known = NEWER.iter().filter(move |(first, _)| version >= *first);
    known.map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(options: PgConnectOptions) -> Database {
        let tls = Tls::default();
        Database::new("the test's", Address { options, tls }, None)
    }

    #[test]
    fn a_host_that_is_a_directory_is_a_socket() {
        let options = PgConnectOptions::new_without_pgpass().host("/run/postgresql");
        let database = database(options);
        assert!(database.options.get_socket().is_some());
        assert_eq!(database.host(), "/run/postgresql");
    }

    #[test]
    fn a_password_is_found_whatever_else_there_is() {
        for (host, user) in [("::1", "a"), ("db.example.com", "a@b:c/d"), ("/run", "a")] {
            let options = PgConnectOptions::new_without_pgpass()
                .host(host)
                .username(user)
                .password("pa:ss/w@rd");
            assert_eq!(database(options).password().unwrap(), "pa:ss/w@rd");
        }
    }

    #[test]
    fn an_address_says_what_was_said() {
        let text = uri([
            ("host", "::1".into()),
            ("user", "a@b:c/d".into()),
            ("dbname", "x&y=z".into()),
            ("password", "p+ %".into()),
            ("options", "-c a=b\\ c".into()),
            ("sslmode", "verify-full".into()),
            ("sslcert", "/a b.pem".into()),
        ]);
        let (options, named) = parse("here", &text).unwrap();
        assert_eq!(options.get_options(), Some("-c a=b\\ c"));
        assert_eq!(named.certificate.as_deref(), Some("/a b.pem"));
        let database = database(options);
        assert_eq!(database.host(), "::1");
        assert_eq!(database.name(), "x&y=z");
        assert_eq!(database.password().unwrap(), "p+ %");
    }

    #[test]
    fn no_address_is_shown_that_may_hold_a_secret() {
        for wrong in [
            "postgresql://a:geheim@b:port/c",
            "geheim",
            "postgresql:///?port=geheim",
        ] {
            let error = parse("here", wrong).err().unwrap().to_string();
            assert!(
                error.starts_with("here: ") && !error.contains("geheim"),
                "{error}"
            );
        }
    }
}
