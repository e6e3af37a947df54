//! What MAS's database is like: new, empty, half imported, or with rows.

use std::fmt;

use sqlx::PgConnection;
use ulid::Ulid;

use crate::migrate::{MigrateError, postgres::connection::Database};

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
pub const RESTORE: [&str; 2] = ["syn2mas_restore_constraints", "syn2mas_restore_indices"];

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ulid_is_the_uuid_that_mas_stores() {
        let id: Ulid = "01HFVBY12TMNTYTBV8W921M5FA".parse().unwrap();
        assert_eq!(uuid(id), "018bf6bf-045a-a575-ed2f-68e2441a15ea");
    }
}
