//! Which database a connection leads to, whatever its address and name in a configuration.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::migrate::{MigrateError, postgres::connection::Database};

/// In place of a system identifier that a role may not read.
const UNKNOWN: &str = "unknown";

/// The identity of a database. It is the same from every host, and another database has another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseId {
    /// `system_identifier` of the database cluster, or `unknown`.
    pub system: String,
    /// The database's OID.
    pub oid: i64,
    /// The database's name.
    pub name: String,
}

impl DatabaseId {
    /// Whether both are of the same database, as far as is known: a system identifier that is unknown says
    /// nothing.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let is_unknown = [&self.system, &other.system]
            .iter()
            .any(|one| **one == UNKNOWN);
        self.oid == other.oid
            && self.name == other.name
            && (is_unknown || self.system == other.system)
    }
}

impl std::fmt::Display for DatabaseId {
    /// For example `7431/16385/synapse`.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}/{}/{}", self.system, self.oid, self.name)
    }
}

/// Whether two identities, as texts, are of the same database.
#[must_use]
pub fn is_same(left: &str, right: &str) -> bool {
    let (left, right) = (parse(left), parse(right));
    left.zip(right)
        .is_some_and(|(left, right)| left.is_same(&right))
}

fn parse(text: &str) -> Option<DatabaseId> {
    let (system, rest) = text.split_once('/')?;
    let (oid, name) = rest.split_once('/')?;
    Some(DatabaseId {
        system: system.to_owned(),
        oid: oid.parse().ok()?,
        name: name.to_owned(),
    })
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
    let failed = || database.failed("cannot tell which it is");
    let is_permitted: bool =
        sqlx::query_scalar("SELECT has_function_privilege('pg_control_system()', 'EXECUTE')")
            .fetch_one(&mut *connection)
            .await
            .map_err(failed())?;
    // Asked for only then: PostgreSQL checks the privilege even where the function is not called.
    let system = if is_permitted {
        "(SELECT system_identifier::text FROM pg_control_system())"
    } else {
        "'unknown'"
    };
    let (system, oid, name) = sqlx::query_as(&format!(
        "SELECT {system}, oid::bigint, datname::text FROM pg_database
         WHERE datname = current_database()"
    ))
    .fetch_one(connection)
    .await
    .map_err(failed())?;
    Ok(DatabaseId { system, oid, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_are_told_apart() {
        for (left, right, same) in [
            ("1/2/synapse", "1/2/synapse", true),
            ("unknown/2/synapse", "1/2/synapse", true),
            ("1/2/synapse", "unknown/2/synapse", true),
            ("1/2/synapse", "3/2/synapse", false),
            ("1/2/synapse", "1/3/synapse", false),
            ("1/2/synapse", "1/2/other", false),
            ("unknown/2/a", "1/2/b", false),
            ("1/2/a/b", "1/2/a/b", true),
            ("", "", false),
        ] {
            assert_eq!(is_same(left, right), same, "{left} {right}");
        }
    }
}
