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

/// Parameters that a role or a database may set to values that would end our sessions or change what
/// they read. Every server version that MAS supports has them.
const NEUTRAL: &[(&str, &str)] = &[
    ("statement_timeout", "0"),
    ("lock_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    ("default_transaction_deferrable", "off"),
    ("default_transaction_isolation", "read\\ committed"),
    // If a row security policy would hide rows, the query fails instead.
    ("row_security", "off"),
    ("client_min_messages", "warning"),
    ("bytea_output", "hex"),
    ("IntervalStyle", "postgres"),
    ("standard_conforming_strings", "on"),
];

/// Further such parameters, each with the first server version that has it.
const NEWER: &[(u32, &str)] = &[
    (140_000, "idle_session_timeout"),
    (170_000, "transaction_timeout"),
];

/// How to connect to a database.
#[derive(Clone, Debug)]
pub struct Address {
    /// Everything except TLS.
    pub options: PgConnectOptions,
    /// Mode and certificates. Separate, because `sqlx` cannot return them.
    pub tls: Tls,
}

impl Address {
    /// Reads a `postgresql://` URI. What it leaves out comes from libpq's environment variables. `place`
    /// says where the URI comes from, for error messages.
    ///
    /// # Errors
    ///
    /// If this is not a valid URI, or it names certificates that cannot be read.
    pub fn of_uri(place: &str, uri: &str) -> Result<Self, MigrateError> {
        let (options, named) = parse(place, uri)?;
        let mode = options.get_ssl_mode();
        let tls = Tls::read(place, mode, &named.or(Named::of_environment()))?;
        Ok(Address { options, tls })
    }
}

/// Splits a `postgresql://` URI into options and the certificates that it names.
///
/// # Errors
///
/// If this is not a valid URI.
pub fn parse(place: &str, uri: &str) -> Result<(PgConnectOptions, Named), MigrateError> {
    // The URI may contain a password, so it is not shown.
    let none = || {
        MigrateError::setting(
            place,
            "not the address of a database. Write something like \
             postgresql:///name?host=/run/postgresql",
        )
    };
    let mut url = Url::parse(uri).map_err(|_| none())?;
    let mut named = Named::default();
    let mut others = Vec::new();
    for (name, value) in url.query_pairs() {
        match &*name {
            "sslrootcert" | "ssl-root-cert" | "ssl-ca" => named.root = Some(value.into_owned()),
            "sslcert" | "ssl-cert" => named.certificate = Some(value.into_owned()),
            "sslkey" | "ssl-key" => named.key = Some(value.into_owned()),
            // `Tls::read` rejects a key that needs a passphrase.
            "sslpassword" => {}
            "sslmode" | "ssl-mode" => {
                tls::mode(place, &value)?;
                others.push((name.into_owned(), value.into_owned()));
            }
            _ => others.push((name.into_owned(), value.into_owned())),
        }
    }
    // `sqlx` must not get certificates in PEM or passphrases.
    url.query_pairs_mut().clear().extend_pairs(others);
    let options = url.as_str().parse().map_err(|_| none())?;
    Ok((options, named))
}

/// A URI of the form `postgresql:///?host=db&port=5432`.
pub fn uri(parameters: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let parameters = parameters.into_iter();
    let parameters: Vec<String> = parameters
        .map(|(name, value)| format!("{name}={}", encoded(&value)))
        .collect();
    format!("postgresql:///?{}", parameters.join("&"))
}

/// A database and how to connect to it.
#[derive(Clone, Debug)]
pub struct Database {
    /// Names the database in messages, for example `Synapse's database`.
    pub which: &'static str,
    options: PgConnectOptions,
    /// The user's own value of `options`, without our additions.
    given: String,
    tls: Tls,
    account: Option<Account>,
}

impl Database {
    /// A database that is connected to as a user of this host, or as the current user.
    #[must_use]
    pub fn new(which: &'static str, address: Address, account: Option<Account>) -> Self {
        let Address { options, tls } = address;
        // Both databases are read at the same time, usually on this machine.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = (cores / 2).saturating_sub(1).min(4).to_string();
        // Without a host, `sqlx` takes the directory of the socket as the host.
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
            // Times must have the same text form in both databases.
            .options([
                ("TimeZone", "UTC"),
                ("DateStyle", "ISO"),
                // Queries read and join whole tables, so compilation and nested loops do not pay.
                ("jit", "off"),
                ("enable_nestloop", "off"),
                // Sorting text takes longer than hashing it.
                ("enable_mergejoin", "off"),
                ("max_parallel_workers_per_gather", workers.as_str()),
                ("work_mem", "64MB"),
                // What is recorded as done must not be lost in a crash of the server.
                ("synchronous_commit", "on"),
                // `set_up` reads this back, to detect a pooler that drops these options.
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

    /// The role to connect as.
    #[must_use]
    pub fn role(&self) -> &str {
        self.options.get_username()
    }

    /// The database's name. By default that is the name of the role.
    #[must_use]
    pub fn name(&self) -> &str {
        let name = self.options.get_database();
        name.unwrap_or(self.options.get_username())
    }

    /// Another database on the same server.
    #[must_use]
    pub fn sibling(&self, which: &'static str, name: &str) -> Self {
        Database {
            which,
            options: self.options.clone().database(name),
            ..self.clone()
        }
    }

    /// The same database, with the role, password, client certificate and user of this host of `other`.
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

    /// The directory of the socket, or the host name.
    fn host(&self) -> String {
        match self.options.get_socket() {
            Some(directory) => directory.display().to_string(),
            None => self.options.get_host().to_owned(),
        }
    }

    /// The password in plain text, if one was given.
    #[must_use]
    pub fn password(&self) -> Option<String> {
        // `sqlx` gives the password only as part of a URL, and would panic on a host that cannot be in
        // one, such as `::1`.
        let options = self.options.clone().host("localhost").username("somebody");
        let url = options.to_url_lossy();
        let password = url.password()?;
        let text = percent_encoding::percent_decode_str(password).decode_utf8();
        Some(text.ok()?.into_owned())
    }

    /// The URI with which `mas-cli` connects, running as a user of this host, without the password. The
    /// certificates are written to `private_dir`, in files whose names begin with `prefix`.
    ///
    /// # Errors
    ///
    /// If the server cannot be reached, or the certificates cannot be written.
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

    /// Adds the password to the result of [`Database::uri`], for a file that only its user can read.
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

    /// The value of `options` for other programs: the user's own, then [`NEUTRAL`] and what of [`NEWER`]
    /// the server has, which override the settings of the role and the database.
    async fn neutral(&self) -> Result<String, MigrateError> {
        let connection = self.connect().await?;
        let version = connection.server_version_num().unwrap_or_default();
        // Closed at once: other code waits until there are no connections.
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

    /// Prepares a run of `pg_dump` or `psql` on this database. The connection is configured through the
    /// environment, because every user of this host can see the arguments.
    ///
    /// # Errors
    ///
    /// If the server cannot be reached, or the certificates cannot be written.
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
            // These would lead to another server, and `sqlx` does not support them all.
            .env_remove("PGHOSTADDR")
            .env_remove("PGSERVICE");
        let files = self.tls.hand_over(&private_dir, "client", account)?;
        files.set_environment(&mut command);
        if let Some(password) = self.password() {
            command.env("PGPASSWORD", password);
        }
        Ok(Program {
            command,
            _handover: private_dir,
        })
    }

    /// Connects, as the configured user of this host.
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
            // Perhaps a timeout fired that `set_up` was about to disable. Now that the version is
            // known, connect again with the timeouts disabled from the start.
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

    /// Sets the parameters in [`NEWER`] that the server has, and checks that it received the startup options.
    async fn set_up(
        &self,
        connection: &mut PgConnection,
        version: u32,
    ) -> Result<(), MigrateError> {
        let mut statements: Vec<String> = newer(version)
            .map(|name| format!("SET {name} = 0"))
            .collect();
        statements.push("SELECT current_setting('syn2mas.direct', true)".to_owned());
        // A single simple query, which poolers support too.
        let arrived = sqlx::raw_sql(&statements.join("; "))
            .fetch_all(connection)
            .await
            .map_err(self.failed("cannot set up the session"))?;
        match arrived.last().map(|row| row.try_get::<String, _>(0)) {
            Some(Ok(value)) if value == "on" => Ok(()),
            _ => Err(self.pooled("it drops what a session sets")),
        }
    }

    /// Turns two errors whose text does not help into ones that name the cause: a pooler, and a server
    /// certificate that is not trusted.
    fn not_connected(&self, error: sqlx::Error) -> MigrateError {
        let text = error.to_string();
        // The text is PgBouncer's.
        if text.contains("unsupported startup parameter") {
            return self.pooled(&text);
        }
        // The text is rustls's.
        if text.contains("invalid peer certificate: ") {
            return MigrateError::Certificate {
                which: self.which,
                source: error,
            };
        }
        self.failed("cannot connect")(error)
    }

    fn pooled(&self, sign: &str) -> MigrateError {
        MigrateError::Pooled {
            which: self.which,
            sign: sign.to_owned(),
        }
    }

    /// Connects and begins a read-only transaction in isolation level `REPEATABLE READ`, so that all its
    /// queries see the same snapshot.
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

    /// Opens a second connection with the snapshot of `first`, so that both read the same rows.
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
            .map_err(self.failed("cannot share its snapshot"))?;
        let mut second = self.snapshot().await?;
        sqlx::raw_sql(&format!("SET TRANSACTION SNAPSHOT '{name}'"))
            .execute(&mut second)
            .await
            .map_err(self.failed("cannot share its snapshot"))?;
        Ok(second)
    }

    /// The process id of a connection, on the server.
    ///
    /// # Errors
    ///
    /// If the server does not answer.
    pub async fn pid(&self, connection: &mut PgConnection) -> Result<i32, MigrateError> {
        sqlx::query_scalar("SELECT pg_backend_pid()")
            .fetch_one(connection)
            .await
            .map_err(self.failed("cannot read the number of a process"))
    }

    /// The version of the server, for example 150018 for 15.18.
    ///
    /// # Errors
    ///
    /// If the server does not answer.
    pub async fn version(&self, connection: &mut PgConnection) -> Result<i32, MigrateError> {
        sqlx::query_scalar("SELECT current_setting('server_version_num')::integer")
            .fetch_one(connection)
            .await
            .map_err(self.failed("cannot read its version"))
    }

    /// The names of all parameters in `pg_settings`, in lower case.
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

    /// For `map_err`: adds the name of the database and what was being done, for example `cannot connect`.
    pub fn failed(&self, doing: &str) -> impl FnOnce(sqlx::Error) -> MigrateError + use<> {
        let (which, doing) = (self.which, doing.to_owned());
        move |source| MigrateError::Database {
            which,
            doing,
            source,
        }
    }
}

/// A prepared run of `pg_dump` or `psql`.
#[derive(Debug)]
pub struct Program {
    /// With the connection in its environment.
    pub command: Command,
    // Dropping it deletes the certificates.
    _handover: PrivateDir,
}

/// The parameters in [`NEWER`] that a server of this version has.
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
