//! Which database a connection leads to, whatever its address and name in a configuration.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::migrate::{MigrateError, postgres::connection::Database};

/// The identity of a database. It is the same from every host, and another database has another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseId {
    /// `system_identifier` of the database cluster; empty if the role may not read it.
    pub system: String,
    /// The database's OID.
    pub oid: i64,
    /// The database's name.
    pub name: String,
}

impl std::fmt::Display for DatabaseId {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} ({}/{})", self.name, self.system, self.oid)
    }
}

/// Reads the identity of a database.
///
/// # Errors
///
/// If the database cannot be reached.
pub async fn identity(database: &Database) -> Result<DatabaseId, MigrateError> {
    let mut connection = database.connect().await?;
    identity_on(&mut connection, database).await
}

/// The same as [`identity`], on an existing connection.
///
/// # Errors
///
/// If the server does not answer.
pub async fn identity_on(
    connection: &mut PgConnection,
    database: &Database,
) -> Result<DatabaseId, MigrateError> {
    // A user with an OID of its own may have been denied the function, which everybody may call by default.
    let (system, oid, name) = sqlx::query_as(
        "SELECT CASE WHEN has_function_privilege('pg_control_system()', 'EXECUTE')
           THEN (SELECT system_identifier::text FROM pg_control_system()) ELSE '' END,
           oid::bigint, datname::text
         FROM pg_database WHERE datname = current_database()",
    )
    .fetch_one(connection)
    .await
    .map_err(database.failed("cannot tell its identity"))?;
    Ok(DatabaseId { system, oid, name })
}
