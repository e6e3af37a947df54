//! The state of MAS's database: new, empty, half imported, or with rows.

use std::fmt;

use sqlx::PgConnection;
use ulid::Ulid;

use crate::migrate::{MigrateError, postgres::connection::Database};

/// The state of MAS's database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MasState {
    /// No tables yet.
    New,
    /// The tables exist and have no rows.
    Empty,
    /// An import was interrupted. The next one reverts it.
    Partial,
    /// An import was interrupted in a way that the next one cannot revert, or the schema is not MAS's.
    /// The texts say what is wrong, for example `no table users`.
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

/// The UUID with the same bytes as a ULID, in the form in which PostgreSQL prints it.
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

/// The newest of these tables, and the migration of MAS's schema that created it.
const NEWEST: (&str, i64) = ("user_unsupported_third_party_ids", 20_250_124_151_529);

/// The tables in which an import stores the constraints and indexes that it has dropped, until it ends.
pub const RESTORE: [&str; 2] = ["syn2mas_restore_constraints", "syn2mas_restore_indices"];

/// Determines the state of MAS's database from its tables, without changing anything.
///
/// # Errors
///
/// If the database cannot be read.
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

/// The names of the tables in the current schema.
async fn tables(
    connection: &mut PgConnection,
    database: &Database,
) -> Result<Vec<String>, MigrateError> {
    sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema")
        .fetch_all(connection)
        .await
        .map_err(database.failed("cannot read its state"))
}

/// The newest migration of MAS's schema, for example 20250124151529. None if MAS has never migrated
/// this database.
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
        .map_err(database.failed("cannot read its version"))
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
        .map_err(database.failed("cannot read its state"))
}

/// Checks whether the next import can revert an interrupted one. To do so, it empties the tables named
/// `syn2mas__…`, restores the constraints and indexes in [`RESTORE`], and gives the tables their names
/// back.
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
        .map_err(database.failed("cannot read its state"))?;
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

/// Tables that are mentioned in the constraints in [`RESTORE`] but no longer exist, as `no table NAME`.
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
    .map_err(database.failed("cannot read its state"))
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
