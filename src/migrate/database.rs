//! Connections to the two databases.

use std::path::Path;

use serde_json::{Value, json};
use sqlx::{
    ConnectOptions, Connection, PgConnection,
    postgres::{PgConnectOptions, PgSslMode},
};
use tokio::process::Command;

use super::{MigrateError, account::Account, program};

/// A database, and whose it is in messages.
#[derive(Clone, Debug)]
pub struct Database {
    /// Synapse's or MAS's, for messages.
    pub which: &'static str,
    options: PgConnectOptions,
    account: Option<Account>,
}

impl Database {
    /// A database at an address, reached as a user of this host.
    #[must_use]
    pub fn new(which: &'static str, options: PgConnectOptions, account: Option<Account>) -> Self {
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
        let options = options
            .application_name("syn2mas")
            // Texts of times and numbers are to be the same on both sides.
            .options([
                ("TimeZone", "UTC"),
                ("DateStyle", "ISO"),
                // Whole tables are read and joined.
                ("jit", "off"),
                ("enable_nestloop", "off"),
                ("max_parallel_workers_per_gather", workers.as_str()),
                ("work_mem", "64MB"),
            ])
            .disable_statement_logging();
        Database {
            which,
            options,
            account,
        }
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
            account: self.account.clone(),
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
            which: self.which,
            options,
            account: other.account.clone(),
        }
    }

    /// The directory of its socket, or the name of its host.
    fn host(&self) -> String {
        match self.options.get_socket() {
            Some(directory) => directory.display().to_string(),
            None => self.options.get_host().to_owned(),
        }
    }

    fn password(&self) -> Option<String> {
        // There is no other way to it, and what makes no address, such as ::1, would be a panic.
        let options = self.options.clone().host("localhost").username("somebody");
        let url = options.to_url_lossy();
        let password = url.password()?;
        let text = percent_encoding::percent_decode_str(password).decode_utf8();
        Some(text.ok()?.into_owned())
    }

    /// The arguments by which psycopg2 reaches it, as in Synapse's configuration.
    #[must_use]
    pub fn arguments(&self) -> Value {
        let mut arguments = json!({
            "user": self.options.get_username(),
            "dbname": self.name(),
            "host": self.host(),
            "port": self.options.get_port(),
        });
        if let Some(password) = self.password() {
            arguments["password"] = password.into();
        }
        arguments
    }

    /// The options by which MAS reaches it, as in MAS's configuration.
    #[must_use]
    pub fn section(&self) -> Value {
        let mut section = json!({
            "username": self.options.get_username(),
            "database": self.name(),
            "port": self.options.get_port(),
        });
        let host = if self.options.get_socket().is_some() {
            "socket"
        } else {
            "host"
        };
        section[host] = self.host().into();
        if let Some(password) = self.password() {
            section["password"] = password.into();
        }
        section
    }

    /// A run of one of PostgreSQL's own programs on it. What may be secret is not in the arguments,
    /// which every user of this host can see.
    #[must_use]
    pub fn program(&self, path: &Path) -> Command {
        let mut command = program::command(path, self.account.as_ref());
        command
            .env("PGHOST", self.host())
            .env("PGPORT", self.options.get_port().to_string())
            .env("PGUSER", self.options.get_username())
            .env("PGDATABASE", self.name())
            .env("PGAPPNAME", "syn2mas")
            .env("PGSSLMODE", ssl_mode(self.options.get_ssl_mode()));
        if let Some(password) = self.password() {
            command.env("PGPASSWORD", password);
        }
        command
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
        PgConnection::connect_with(&self.options)
            .await
            .map_err(self.failed("cannot connect"))
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

/// How PostgreSQL's own programs call it.
fn ssl_mode(mode: PgSslMode) -> &'static str {
    match mode {
        PgSslMode::Disable => "disable",
        PgSslMode::Allow => "allow",
        PgSslMode::Prefer => "prefer",
        PgSslMode::Require => "require",
        PgSslMode::VerifyCa => "verify-ca",
        PgSslMode::VerifyFull => "verify-full",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(options: PgConnectOptions) -> Database {
        Database::new("the test's", options, None)
    }

    #[test]
    fn a_host_that_is_a_directory_is_a_socket() {
        let options = PgConnectOptions::new_without_pgpass()
            .host("/run/postgresql")
            .username("matrix-synapse");
        let section = database(options).section();
        assert_eq!(section["socket"], "/run/postgresql");
        assert_eq!(section.get("host"), None);
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
}
