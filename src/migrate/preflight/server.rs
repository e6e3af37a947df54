//! Whether the server of Synapse's database allows what the import does: lock six tables at once, and
//! read them.

use sqlx::PgConnection;

use crate::migrate::{
    MigrateError,
    postgres::{connection::Database, tables::TABLES},
    preflight::{
        catalogue,
        finding::{Check, Finding},
    },
};

/// Problems with the server, the role or the schema.
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
        catalogue::ROLLBACK_PRIVILEGES.check(
            "SELECT privilege || ' on ' || name FROM (VALUES
               ('INSERT', 'access_tokens'), ('DELETE', 'access_tokens'),
               ('DELETE', 'refresh_tokens'), ('DELETE', 'user_external_ids')) v (privilege, name)
             WHERE NOT has_table_privilege(to_regclass(name), privilege)",
        ),
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
    run_checks(checks, connection, database).await
}

/// Runs checks, one after the other.
///
/// # Errors
///
/// If the server does not answer.
pub async fn run_checks(
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

/// Reports columns that Synapse's schema lacks. Without them, no other check of its rows is possible.
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
    Ok(run_checks([check], connection, database).await?.pop())
}

/// Whether the role may read all of these tables. A missing table counts as one that it may not read.
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
    .map_err(database.failed("cannot read the privileges of its role"))
}
