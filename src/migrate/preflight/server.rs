//! Whether Synapse's server would let the import do what it does: lock six tables at once, and read
//! them.

use std::collections::HashSet;

use sqlx::PgConnection;

use crate::migrate::{
    MigrateError,
    postgres::connection::Database,
    preflight::{
        catalogue,
        finding::{Check, Finding},
    },
};

/// The tables that the import locks and reads.
pub const TABLES: [&str; 6] = [
    "users",
    "user_threepids",
    "user_external_ids",
    "devices",
    "access_tokens",
    "refresh_tokens",
];

/// What is wrong with the server, the role or the schema.
///
/// # Errors
///
/// If the server does not answer.
pub async fn findings(
    connection: &mut PgConnection,
    database: &Database,
) -> Result<Vec<Finding>, MigrateError> {
    let tables = format!(
        "SELECT c.oid, c.relname FROM pg_class c
         WHERE c.relname IN ('{}') AND c.oid = to_regclass(c.relname::text)",
        TABLES.join("', '")
    );
    let checks = [
        catalogue::REPLICA.check("SELECT 'recovery' WHERE pg_is_in_recovery()"),
        catalogue::PRIVILEGES.check(format!(
            "SELECT relname::text FROM ({tables}) t
             WHERE NOT has_table_privilege(oid, 'SELECT')
               OR NOT has_table_privilege(oid, 'UPDATE, DELETE, TRUNCATE')"
        )),
        catalogue::VACUUM.check(format!(
            "SELECT relname::text FROM ({tables}) t JOIN pg_locks l ON l.relation = t.oid
             WHERE l.mode = 'ShareUpdateExclusiveLock' AND l.granted"
        )),
        catalogue::OPEN_TRANSACTION.check(
            "SELECT coalesce(nullif(application_name, ''), 'somebody') || ' (process ' || pid || ')'
             FROM pg_stat_activity WHERE datname = current_database() AND backend_xid IS NOT NULL
               AND xact_start < now() - interval '1 minute' ORDER BY 1",
        ),
        catalogue::CONNECTIONS.check(
            "SELECT 'left: ' || n FROM (SELECT current_setting('max_connections')::integer
               - current_setting('superuser_reserved_connections')::integer
               - (SELECT count(*) FROM pg_stat_activity WHERE usename IS NOT NULL) AS n) t
             WHERE n < 12",
        ),
        catalogue::PREPARED_TRANSACTIONS
            .check("SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"),
    ];
    made(checks, connection, database).await
}

/// Makes checks, one after the other.
///
/// # Errors
///
/// If the server does not answer.
pub async fn made(
    checks: impl IntoIterator<Item = Check>,
    connection: &mut PgConnection,
    database: &Database,
) -> Result<Vec<Finding>, MigrateError> {
    let mut findings = Vec::new();
    for check in checks {
        let samples: Vec<String> = sqlx::query_scalar(&check.query)
            .fetch_all(&mut *connection)
            .await
            .map_err(database.failed(&format!("cannot look for {}", check.kind.id)))?;
        findings.extend(check.kind.found_in(samples));
    }
    Ok(findings)
}

/// The columns of Synapse's tables that the import and the checks read.
const COLUMNS: &[(&str, &[&str])] = &[
    (
        "users",
        &[
            "name",
            "password_hash",
            "admin",
            "deactivated",
            "locked",
            "creation_ts",
            "is_guest",
            "appservice_id",
            "approved",
        ],
    ),
    (
        "user_threepids",
        &["user_id", "medium", "address", "added_at"],
    ),
    (
        "user_external_ids",
        &["user_id", "auth_provider", "external_id"],
    ),
    (
        "devices",
        &[
            "user_id",
            "device_id",
            "display_name",
            "last_seen",
            "ip",
            "user_agent",
            "hidden",
        ],
    ),
    (
        "access_tokens",
        &[
            "id",
            "user_id",
            "device_id",
            "token",
            "valid_until_ms",
            "last_validated",
            "puppets_user_id",
            "refresh_token_id",
            "used",
        ],
    ),
    (
        "refresh_tokens",
        &[
            "id",
            "user_id",
            "device_id",
            "token",
            "next_token_id",
            "expiry_ts",
            "ultimate_session_expiry_ts",
        ],
    ),
];

/// What Synapse's schema lacks: then nothing else can be said of its rows.
///
/// # Errors
///
/// If the server does not answer.
pub async fn outdated(
    connection: &mut PgConnection,
    database: &Database,
) -> Result<Option<Finding>, MigrateError> {
    let columns = COLUMNS.iter().flat_map(|(table, columns)| {
        columns
            .iter()
            .map(move |column| format!("('{table}', '{column}')"))
    });
    let columns: Vec<String> = columns.collect();
    let check = catalogue::SYNAPSE_TOO_OLD.check(format!(
        "SELECT t || '.' || c FROM (VALUES {}) v (t, c)
         WHERE NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass(t) AND attname = c
           AND NOT attisdropped)",
        columns.join(", ")
    ));
    Ok(made([check], connection, database).await?.pop())
}

/// Whether the role may read some tables, of which none may be missing.
///
/// # Errors
///
/// If the server does not answer.
pub async fn may_read(
    connection: &mut PgConnection,
    database: &Database,
    tables: &[&str],
) -> Result<bool, MigrateError> {
    sqlx::query_scalar(
        "SELECT bool_and(coalesce(has_table_privilege(to_regclass(t), 'SELECT'), false))
         FROM unnest($1::text[]) t",
    )
    .bind(tables)
    .fetch_one(connection)
    .await
    .map_err(database.failed("cannot tell what its role may do"))
}

/// Waits until nothing stands in the way of locking the tables, as the import does without waiting: an
/// autovacuum gives way to somebody who waits for it, and only to them.
///
/// # Errors
///
/// If it is still so after a minute.
pub async fn settle(database: &Database) -> Result<(), MigrateError> {
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

/// Who else is a client of a database, whichever role it uses. Of other roles a role that is no
/// superuser sees little more than that.
const CLIENTS: &str = "FROM pg_stat_activity a LEFT JOIN pg_roles r ON r.oid = a.usesysid
    WHERE datname = current_database() AND usename IS NOT NULL AND pid <> pg_backend_pid()
      AND coalesce(backend_type, 'client backend') = 'client backend'";

/// What a client calls itself, its role, and from where it is.
const CLIENT: &str = "coalesce(nullif(application_name, ''), 'somebody') || ' as ' || usename
    || CASE WHEN client_addr IS NOT NULL THEN ' from ' || host(client_addr)
         WHEN backend_type IS NOT NULL THEN ' from this host' ELSE '' END";

/// Who else is connected to a database, whichever role they use: what each calls itself, as which
/// role, and from where.
///
/// # Errors
///
/// If the server does not answer.
pub async fn others(database: &Database) -> Result<Vec<String>, MigrateError> {
    let mut connection = database.connect().await?;
    others_than(&mut connection, database).await
}

/// What can be set on a database's server, in lower case.
///
/// # Errors
///
/// If the server does not answer.
pub async fn settings(database: &Database) -> Result<HashSet<String>, MigrateError> {
    let mut connection = database.connect().await?;
    let names: Vec<String> = sqlx::query_scalar("SELECT lower(name) FROM pg_settings")
        .fetch_all(&mut connection)
        .await
        .map_err(database.failed("cannot tell what can be set"))?;
    Ok(names.into_iter().collect())
}

/// The same as [`others`], on a connection that does not count.
///
/// # Errors
///
/// If the server does not answer.
pub async fn others_than(
    connection: &mut PgConnection,
    database: &Database,
) -> Result<Vec<String>, MigrateError> {
    sqlx::query_scalar(&format!("SELECT {CLIENT} {CLIENTS} ORDER BY 1"))
        .fetch_all(connection)
        .await
        .map_err(database.failed("cannot tell who is connected"))
}

/// Sends away whoever else is connected to a database and may be sent away by its role, such as an
/// import whose `syn2mas` was killed, and waits until they are gone. Others may stay, unless they are
/// at work: whoever only watches does no harm.
///
/// # Errors
///
/// If the server does not answer, or somebody stays.
pub async fn quiet(database: &Database) -> Result<(), MigrateError> {
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
            .map_err(database.failed("cannot send others away"))?;
        if left.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    left.dedup();
    Err(MigrateError::Missing(format!(
        "others stay connected to {}, and this role may not end them or they do not end: {}",
        database.which,
        left.join(", ")
    )))
}
