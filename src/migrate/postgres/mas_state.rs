//! Whether MAS's database can take the import: what it is like, and what its server lets MAS's role do.

use std::fmt;

use sqlx::{PgConnection, postgres::PgAdvisoryLock};
use ulid::Ulid;

use crate::migrate::{
    MigrateError,
    inputs::Inputs,
    postgres::connection::Database,
    preflight::{
        catalogue,
        finding::{Check, Finding},
        server,
    },
};

/// What MAS's database is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MasState {
    /// It has no tables yet.
    New,
    /// It has its tables, and nobody in them.
    Empty,
    /// An import was interrupted, which the next one takes back.
    Partial,
    /// An import was interrupted in a way that cannot be undone, or it is not MAS's.
    Inconsistent(Vec<String>),
    /// These tables have rows.
    Populated(Vec<String>),
}

impl fmt::Display for MasState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MasState::New => write!(out, "without tables"),
            MasState::Empty => write!(out, "empty"),
            MasState::Partial => write!(out, "half imported"),
            MasState::Inconsistent(_) => write!(out, "inconsistent"),
            MasState::Populated(tables) => write!(out, "rows in {}", tables.join(", ")),
        }
    }
}

/// The tables that the import writes.
pub const IMPORTED: [&str; 8] = [
    "users",
    "user_passwords",
    "user_emails",
    "user_unsupported_third_party_ids",
    "upstream_oauth_links",
    "compat_sessions",
    "compat_access_tokens",
    "compat_refresh_tokens",
];

/// A ULID as PostgreSQL prints it: as the UUID with the same bytes.
#[must_use]
pub fn uuid(id: Ulid) -> String {
    let hex = format!("{:032x}", id.0);
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-")
}

/// The newest of them, and the version of MAS's schema that has brought it.
const NEWEST: (&str, i64) = ("user_unsupported_third_party_ids", 20_250_124_151_529);

/// How an interrupted import remembers what to restore.
const RESTORE: [&str; 2] = ["syn2mas_restore_constraints", "syn2mas_restore_indices"];

/// Tells the state of the database that MAS has.
///
/// # Errors
///
/// If it cannot be read.
pub async fn mas_state_of(inputs: &Inputs) -> Result<MasState, MigrateError> {
    let database = inputs.mas_database()?;
    let mut connection = database.snapshot().await?;
    mas_state(&mut connection, &database).await
}

/// Tells the state of MAS's database.
///
/// # Errors
///
/// If it cannot be read.
pub async fn mas_state(
    connection: &mut PgConnection,
    database: &Database,
) -> Result<MasState, MigrateError> {
    let tables = tables(connection, database).await?;
    let has = |name: &str| tables.iter().any(|table| table == name);
    match RESTORE.map(has) {
        [true, true] => return interrupted(connection, database, &tables).await,
        [false, false] => {}
        [constraints, _] => {
            let absent = RESTORE[usize::from(constraints)];
            return Ok(MasState::Inconsistent(vec![format!("no table {absent}")]));
        }
    }
    let version = version(connection, database, &tables).await?;
    let absent = |name: &&str| !has(name) && (*name != NEWEST.0 || version >= Some(NEWEST.1));
    let absent: Vec<&str> = IMPORTED.into_iter().filter(absent).collect();
    match version {
        None if IMPORTED.into_iter().any(has) => {
            let reason = "tables as MAS has, but no _sqlx_migrations".to_owned();
            return Ok(MasState::Inconsistent(vec![reason]));
        }
        None => return Ok(MasState::New),
        Some(_) if !absent.is_empty() => {
            let absent = absent.iter().map(|table| format!("no table {table}"));
            return Ok(MasState::Inconsistent(absent.collect()));
        }
        Some(_) => {}
    }
    let mut full = Vec::new();
    for table in IMPORTED.into_iter().filter(|table| has(table)) {
        if any(connection, database, table).await? {
            full.push(table.to_owned());
        }
    }
    Ok(if full.is_empty() {
        MasState::Empty
    } else {
        MasState::Populated(full)
    })
}

/// The names of its tables.
async fn tables(
    connection: &mut PgConnection,
    database: &Database,
) -> Result<Vec<String>, MigrateError> {
    sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema")
        .fetch_all(connection)
        .await
        .map_err(database.failed("cannot tell its state"))
}

/// The version of MAS's schema; nothing if MAS never was there.
async fn version(
    connection: &mut PgConnection,
    database: &Database,
    tables: &[String],
) -> Result<Option<i64>, MigrateError> {
    if !tables.iter().any(|table| table == "_sqlx_migrations") {
        return Ok(None);
    }
    sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
        .fetch_one(connection)
        .await
        .map_err(database.failed("cannot tell its version"))
}

/// Whether a table has rows.
async fn any(
    connection: &mut PgConnection,
    database: &Database,
    table: &str,
) -> Result<bool, MigrateError> {
    let query = format!("SELECT EXISTS (SELECT FROM {table})");
    sqlx::query_scalar(&query)
        .fetch_one(connection)
        .await
        .map_err(database.failed("cannot tell its state"))
}

/// Whether the next import can take back one that was interrupted: it empties the renamed tables,
/// restores what is remembered, and gives the tables their names back.
async fn interrupted(
    connection: &mut PgConnection,
    database: &Database,
    tables: &[String],
) -> Result<MasState, MigrateError> {
    let has = |name: &str| tables.iter().any(|table| table == name);
    let mut wrong = Vec::new();
    for table in IMPORTED {
        let renamed = format!("syn2mas__{table}");
        if !has(&renamed) {
            wrong.push(format!("no table {renamed}"));
        }
        if has(table) {
            wrong.push(format!("a table {table} beside {renamed}"));
        }
    }
    for table in RESTORE {
        let columns: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass($1) AND NOT attisdropped
               AND attname IN ('order_key', 'name', 'table_name', 'definition')",
        )
        .bind(table)
        .fetch_one(&mut *connection)
        .await
        .map_err(database.failed("cannot tell its state"))?;
        if columns < 4 {
            wrong.push(format!("columns are missing in {table}"));
        } else if !any(connection, database, table).await? {
            wrong.push(format!("nothing in {table}"));
        }
    }
    if wrong.is_empty() {
        wrong.extend(gone(connection, database).await?);
    }
    Ok(if wrong.is_empty() {
        MasState::Partial
    } else {
        MasState::Inconsistent(wrong)
    })
}

/// Tables whose constraints an interrupted import remembers, and which are not there any more.
async fn gone(
    connection: &mut PgConnection,
    database: &Database,
) -> Result<Vec<String>, MigrateError> {
    sqlx::query_scalar(
        "SELECT DISTINCT 'no table ' || t FROM syn2mas_restore_constraints,
           unnest(ARRAY[table_name, substring(definition FROM 'REFERENCES ([^ (]+)')]) t
         WHERE to_regclass(t) IS NULL AND t IS NOT NULL",
    )
    .fetch_all(connection)
    .await
    .map_err(database.failed("cannot tell its state"))
}

/// What a state means for an import.
fn of_state(state: &MasState) -> Option<Finding> {
    match state {
        MasState::New | MasState::Empty => None,
        MasState::Partial => Some(catalogue::IMPORT_INTERRUPTED.found()),
        MasState::Inconsistent(why) => catalogue::MAS_INCONSISTENT.found_in(why.clone()),
        MasState::Populated(tables) => catalogue::MAS_NOT_EMPTY.found_in(tables.clone()),
    }
}

/// What is found of MAS's database.
#[derive(Debug)]
pub struct Target {
    /// Its state, if MAS's role may read what tells it.
    pub state: Option<MasState>,
    /// What is wrong or noteworthy.
    pub findings: Vec<Finding>,
}

/// Looks at MAS's database: what it is like, what MAS's role may not do there, and who else is there.
/// `connections` is how many the import opens as that role.
///
/// # Errors
///
/// If the server does not answer.
pub async fn inspect(
    connection: &mut PgConnection,
    database: &Database,
    connections: u32,
) -> Result<Target, MigrateError> {
    let others = server::others_than(connection, database).await?;
    let others = catalogue::MAS_IN_USE.found_in(others);
    let running = server::made([import_running()], connection, database).await?;
    if !running.is_empty() {
        // It locks its tables while it renames them.
        let findings = running.into_iter().chain(others).collect();
        return Ok(Target {
            state: None,
            findings,
        });
    }
    let state = if may_read(connection, database).await? {
        Some(mas_state(connection, database).await?)
    } else {
        None
    };
    let checks = [
        catalogue::MAS_PRIVILEGES.check(match state {
            Some(MasState::New) => may_not_create(),
            _ => may_not_change(),
        }),
        catalogue::MAS_READ_ONLY.check(
            "SELECT 'a replica' WHERE pg_is_in_recovery()
             UNION ALL SELECT 'default_transaction_read_only is on'
             WHERE current_setting('default_transaction_read_only')::boolean",
        ),
        connection_limit(connections),
    ];
    let mut findings = server::made(checks, connection, database).await?;
    findings.extend(others);
    findings.extend(state.as_ref().and_then(of_state));
    Ok(Target { state, findings })
}

/// The names under which an import knows the tables that it writes.
fn names() -> String {
    let renamed = IMPORTED.map(|table| format!("syn2mas__{table}"));
    let names = IMPORTED.iter().chain(&RESTORE).copied();
    let names: Vec<&str> = names.chain(renamed.iter().map(String::as_str)).collect();
    format!("'{}'", names.join("', '"))
}

/// Whether MAS's role may read the tables that tell a state.
async fn may_read(
    connection: &mut PgConnection,
    database: &Database,
) -> Result<bool, MigrateError> {
    let query = format!(
        "SELECT coalesce(bool_and(has_table_privilege(c.oid, 'SELECT')), true)
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = current_schema AND c.relkind = 'r'
           AND c.relname IN ('_sqlx_migrations', {})",
        names()
    );
    sqlx::query_scalar(&query)
        .fetch_one(connection)
        .await
        .map_err(database.failed("cannot tell what its role may do"))
}

/// What MAS's role may not do in a new database: MAS makes an extension and a schema too.
fn may_not_create() -> String {
    "SELECT 'create tables in the schema ' || coalesce(current_schema, 'of the search path')
     WHERE NOT coalesce(has_schema_privilege(current_schema, 'CREATE'), false)
     UNION ALL SELECT 'create schemas in the database'
     WHERE NOT has_database_privilege(current_database(), 'CREATE')"
        .to_owned()
}

/// What MAS's role may not do with MAS's tables: the import makes tables, renames those that it
/// writes, and takes constraints away from these and from those that refer to them.
fn may_not_change() -> String {
    format!(
        "WITH imported AS (SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname = current_schema AND c.relkind = 'r' AND c.relname IN ({}))
         SELECT 'create tables in the schema ' || coalesce(current_schema, 'of the search path')
         WHERE NOT coalesce(has_schema_privilege(current_schema, 'CREATE'), false)
         UNION ALL SELECT 'change the table ' || relname FROM pg_class
         WHERE (oid IN (SELECT oid FROM imported) OR oid IN (SELECT conrelid FROM pg_constraint
             WHERE contype = 'f' AND confrelid IN (SELECT oid FROM imported)))
           AND NOT pg_has_role(relowner, 'USAGE')",
        names()
    )
}

/// The lock that an import holds while it is at work, as `SQLx` calls it.
fn import_running() -> Check {
    let lock = PgAdvisoryLock::new("syn2mas-maswriter");
    let key = lock.key().as_bigint().unwrap_or_default();
    catalogue::IMPORT_RUNNING.check(format!(
        "SELECT 'process ' || pid FROM pg_locks WHERE locktype = 'advisory' AND granted
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
           AND objsubid = 1 AND (classid::bigint << 32) | objid::bigint = {key}"
    ))
}

/// Limits below what the import needs. Superusers are exempt.
fn connection_limit(connections: u32) -> Check {
    catalogue::CONNECTION_LIMIT.check(format!(
        "SELECT found FROM (
           SELECT 'the role ' || rolname || ': ' || rolconnlimit FROM pg_roles
           WHERE rolname = session_user AND rolconnlimit >= 0 AND rolconnlimit < {connections}
           UNION ALL SELECT 'the database ' || datname || ': ' || datconnlimit FROM pg_database
           WHERE datname = current_database() AND datconnlimit >= 0 AND datconnlimit < 9
           UNION ALL SELECT 'the server: ' || n FROM (
             SELECT current_setting('max_connections')::integer
               - current_setting('superuser_reserved_connections')::integer
               - coalesce(current_setting('reserved_connections', true)::integer, 0) AS n) t
           WHERE n < {connections}) t (found)
         WHERE NOT (SELECT rolsuper FROM pg_roles WHERE rolname = session_user)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ulid_is_the_uuid_that_mas_stores() {
        let id: Ulid = "01HFVBY12TMNTYTBV8W921M5FA".parse().unwrap();
        assert_eq!(uuid(id), "018bf6bf-045a-a575-ed2f-68e2441a15ea");
    }
}
