//! Synapse's tables that the import reads.

use crate::migrate::{MigrateError, postgres::connection::Database};

/// The tables that the import locks and reads.
pub const TABLES: [&str; 6] = [
    "users",
    "user_threepids",
    "user_external_ids",
    "devices",
    "access_tokens",
    "refresh_tokens",
];

/// Takes and releases the locks that the import needs, and waits up to 60 s for them. The import itself does
/// not wait, so an autovacuum would make it fail: an autovacuum gives way only to somebody who waits.
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
    .map_err(database.failed("its tables cannot be locked: somebody uses or vacuums them"))?;
    Ok(())
}
