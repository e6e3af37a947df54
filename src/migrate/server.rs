//! Whether Synapse's server would let the import do what it does: lock six tables at once, and read
//! them.

use std::collections::HashSet;

use sqlx::PgConnection;

use super::{MigrateError, catalogue, database::Database, findings::Finding};

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
        catalogue::OPEN_TRANSACTION.check("SELECT coalesce(nullif(application_name, ''), 'somebody') || ' (process ' || pid || ')'
                    FROM pg_stat_activity WHERE datname = current_database() AND backend_xid IS NOT NULL
                      AND xact_start < now() - interval '1 minute' ORDER BY 1"),
        catalogue::CONNECTIONS.check("SELECT 'left: ' || n FROM (SELECT current_setting('max_connections')::integer
                      - current_setting('superuser_reserved_connections')::integer
                      - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS n) t
                    WHERE n < 12"),
        catalogue::PREPARED_TRANSACTIONS.check("SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"),
    ];
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

/// What Synapse's schema lacks: then nothing else can be said of its rows.
///
/// # Errors
///
/// If the server does not answer.
pub async fn outdated(
    connection: &mut PgConnection,
    database: &Database,
) -> Result<Option<Finding>, MigrateError> {
    let locked: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM pg_attribute
           WHERE attrelid = to_regclass('users') AND attname = 'locked')",
    )
    .fetch_one(connection)
    .await
    .map_err(database.failed("cannot look at its schema"))?;
    Ok(catalogue::SYNAPSE_TOO_OLD.found_if(!locked))
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

/// Who else is connected to a database as the same role: what each calls itself, and from where.
///
/// # Errors
///
/// If the server does not answer.
pub async fn others(database: &Database) -> Result<Vec<String>, MigrateError> {
    let mut connection = database.connect().await?;
    sqlx::query_scalar(
        "SELECT coalesce(nullif(application_name, ''), 'somebody') || ' from '
           || coalesce(host(client_addr), 'this host')
         FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user
           AND pid <> pg_backend_pid() AND backend_type = 'client backend' ORDER BY 1",
    )
    .fetch_all(&mut connection)
    .await
    .map_err(database.failed("cannot tell who is connected"))
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

/// Sends away whoever else is connected to a database as the same role, such as an import whose
/// `syn2mas` was killed, and waits until they are gone.
///
/// # Errors
///
/// If the server does not answer, or they stay.
pub async fn quiet(database: &Database) -> Result<(), MigrateError> {
    let mut connection = database.connect().await?;
    for _ in 0..100 {
        let left: i64 = sqlx::query_scalar(
            "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid) IS NOT NULL)
             FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user
               AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
        )
        .fetch_one(&mut connection)
        .await
        .map_err(database.failed("cannot send others away"))?;
        if left == 0 {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    Err(MigrateError::Missing(format!(
        "others stay connected to {}. See pg_stat_activity",
        database.which
    )))
}
