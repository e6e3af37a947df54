//! Other connections to a database.

use sqlx::PgConnection;

use crate::migrate::{MigrateError, postgres::connection::Database};

/// Other client connections to the current database, of any role. For connections of other roles, most
/// columns are null unless the current role is a superuser.
const CLIENTS: &str = "FROM pg_stat_activity a LEFT JOIN pg_roles r ON r.oid = a.usesysid
    WHERE datname = current_database() AND usename IS NOT NULL AND pid <> pg_backend_pid()
      AND coalesce(backend_type, 'client backend') = 'client backend'";

/// A connection in words, for example `psql as synapse from 10.0.0.7`.
const CLIENT: &str = "coalesce(nullif(application_name, ''), 'somebody') || ' as ' || usename
    || CASE WHEN client_addr IS NOT NULL THEN ' from ' || host(client_addr)
         WHEN backend_type IS NOT NULL THEN ' from this host' ELSE '' END";

/// The other client connections to a database, of any role. Each is described by its application name,
/// its role and where it comes from, for example `psql as synapse from 10.0.0.7`.
///
/// # Errors
///
/// If the server does not answer.
pub async fn other_connections(database: &Database) -> Result<Vec<String>, MigrateError> {
    let mut connection = database.connect().await?;
    other_connections_than(&mut connection, database).await
}

/// The same as [`other_connections`], but on an existing connection, which is not in the result.
///
/// # Errors
///
/// If the server does not answer.
pub async fn other_connections_than(
    connection: &mut PgConnection,
    database: &Database,
) -> Result<Vec<String>, MigrateError> {
    sqlx::query_scalar(&format!("SELECT {CLIENT} {CLIENTS} ORDER BY 1"))
        .fetch_all(connection)
        .await
        .map_err(database.failed("cannot list its connections"))
}

/// Terminates the other connections to a database that its role is allowed to terminate, for example
/// that of an import whose `syn2mas` was killed, and waits up to 10 s for them to close. Connections
/// that it may not terminate are harmless as long as they hold no lock on a table.
///
/// # Errors
///
/// If the server does not answer, or connections remain.
pub async fn terminate_other_connections(database: &Database) -> Result<(), MigrateError> {
    const MAY: &str = "(SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
        OR NOT r.rolsuper
          AND (pg_has_role(a.usesysid, 'USAGE') OR pg_has_role('pg_signal_backend', 'USAGE'))";
    const AT_WORK: &str = "EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
        WHERE l.pid = a.pid AND l.relation IS NOT NULL AND d.datname = current_database())";
    let mut connection = database.connect().await?;
    let query = format!(
        "SELECT name FROM (SELECT {CLIENT} AS name, {AT_WORK} AS at_work,
           CASE WHEN {MAY} THEN pg_terminate_backend(pid) END AS sent_away {CLIENTS}) t
         WHERE at_work OR sent_away IS NOT NULL ORDER BY 1"
    );
    let mut left: Vec<String> = Vec::new();
    for _ in 0..100 {
        left = sqlx::query_scalar(&query)
            .fetch_all(&mut connection)
            .await
            .map_err(database.failed("cannot end other connections"))?;
        if left.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    left.dedup();
    Err(MigrateError::InUse {
        which: database.which,
        connections: left,
        fix: "This role may not end them, or they do not end: end them by hand",
    })
}
