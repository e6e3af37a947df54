//! The tables of Synapse's database that the import reads, and their locks.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::migrate::{MigrateError, postgres::connection::Database};

/// The tables that the import locks and reads; also what [`BackupScope::Tables`] backs up.
///
/// [`BackupScope::Tables`]: crate::migrate::postgres::backup::BackupScope::Tables
pub const TABLES: [&str; 6] = [
    "users",
    "user_threepids",
    "user_external_ids",
    "devices",
    "access_tokens",
    "refresh_tokens",
];

/// Holds the locks on the tables until it is dropped. Its transaction has a snapshot from after it got them.
#[derive(Debug)]
pub struct Lock {
    /// The connection, in a transaction.
    pub connection: PgConnection,
    /// Its process id.
    pub pid: i32,
}

/// Locks the tables, as the import does, until the connection is closed. Nobody else can write to them
/// meanwhile.
///
/// # Errors
///
/// If the tables cannot be locked within 60 s.
pub async fn lock(database: &Database) -> Result<Lock, MigrateError> {
    let mut connection = database.connect().await?;
    sqlx::raw_sql("SET lock_timeout = '60s'; BEGIN ISOLATION LEVEL REPEATABLE READ")
        .execute(&mut connection)
        .await
        .map_err(database.failed("cannot begin a transaction"))?;
    // Before the first query of the transaction, which takes its snapshot.
    sqlx::raw_sql(&format!(
        "LOCK TABLE {} IN EXCLUSIVE MODE",
        TABLES.join(", ")
    ))
    .execute(&mut connection)
    .await
    .map_err(database.failed(NOT_LOCKED))?;
    let pid = database.pid(&mut connection).await?;
    Ok(Lock { connection, pid })
}

const NOT_LOCKED: &str =
    "cannot lock its tables within 60 s, because something uses or vacuums them";

/// Takes and releases the locks that the import needs, waiting up to 60 s. The import itself does not
/// wait, so an autovacuum would make it fail: an autovacuum is cancelled only for a session that waits.
///
/// # Errors
///
/// If the tables cannot be locked within that time.
pub async fn wait_for_table_locks(database: &Database) -> Result<(), MigrateError> {
    let mut connection = database.connect().await?;
    let tables = TABLES.join(", ");
    sqlx::raw_sql(&format!(
        "SET lock_timeout = '60s'; BEGIN; LOCK TABLE {tables} IN EXCLUSIVE MODE; ROLLBACK"
    ))
    .execute(&mut connection)
    .await
    .map_err(database.failed(NOT_LOCKED))?;
    Ok(())
}

/// The highest numbers of Synapse's tokens at the cutover. Synapse makes no tokens while it delegates, so those
/// with higher numbers are of sessions that have begun after a rollback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastTokens {
    /// In `access_tokens`.
    pub access: i64,
    /// In `refresh_tokens`.
    pub refresh: i64,
}

/// Reads the highest numbers of Synapse's tokens.
///
/// # Errors
///
/// If the database cannot be read.
pub async fn last_tokens(synapse: &Database) -> Result<LastTokens, MigrateError> {
    let mut connection = synapse.connect().await?;
    let (access, refresh) = sqlx::query_as(
        "SELECT (SELECT coalesce(max(id), 0) FROM access_tokens),
           (SELECT coalesce(max(id), 0) FROM refresh_tokens)",
    )
    .fetch_one(&mut connection)
    .await
    .map_err(synapse.failed("cannot read its last tokens"))?;
    Ok(LastTokens { access, refresh })
}
