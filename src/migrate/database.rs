//! Connections to the two databases.

use sqlx::{ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};

use super::MigrateError;

/// A database, and whose it is in messages.
#[derive(Clone, Debug)]
pub struct Database {
    /// Synapse's or MAS's, for messages.
    pub which: &'static str,
    options: PgConnectOptions,
}

impl Database {
    /// A database at an address.
    #[must_use]
    pub fn new(which: &'static str, options: PgConnectOptions) -> Self {
        // Both sides work at the same time, most often on this machine.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = (cores / 2).saturating_sub(1).min(4).to_string();
        let options = options
            .application_name("syn2mas")
            // Texts of times and numbers are to be the same on both sides.
            .options([
                ("TimeZone", "UTC"),
                ("DateStyle", "ISO"),
                // Whole tables are read and joined.
                ("jit", "off"),
                ("max_parallel_workers_per_gather", workers.as_str()),
                ("work_mem", "64MB"),
            ])
            .disable_statement_logging();
        Database { which, options }
    }

    /// Connects.
    ///
    /// # Errors
    ///
    /// If the server cannot be reached, or refuses.
    pub async fn connect(&self) -> Result<PgConnection, MigrateError> {
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
    pub fn failed(&self, doing: &str) -> impl FnOnce(sqlx::Error) -> MigrateError {
        let (which, doing) = (self.which, doing.to_owned());
        move |source| MigrateError::Database {
            which,
            doing,
            source,
        }
    }
}
