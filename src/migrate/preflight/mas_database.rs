//! Whether MAS's database is ready for the import: its contents, the privileges of MAS's role, and other
//! connections.

use sqlx::{PgConnection, postgres::PgAdvisoryLock};

use super::{
    catalogue,
    finding::{Check, Finding},
    server::run_checks,
};
use crate::migrate::{
    MigrateError,
    postgres::{
        clients::other_connections_than,
        connection::Database,
        mas_state::{IMPORTED, MasState, RESTORE, mas_state},
    },
};

/// The finding for a state that does not suit an import.
fn of_state(state: &MasState) -> Option<Finding> {
    match state {
        MasState::New | MasState::Empty => None,
        MasState::Partial => Some(catalogue::IMPORT_INTERRUPTED.found()),
        MasState::Inconsistent(why) => catalogue::MAS_INCONSISTENT.found_in(why.clone()),
        MasState::Populated(tables) => catalogue::MAS_NOT_EMPTY.found_in(tables.clone()),
    }
}

/// What is known about MAS's database.
#[derive(Debug)]
pub struct Target {
    /// Its state. `None` if MAS's role may not read the tables that show it, or during an import.
    pub state: Option<MasState>,
    /// Problems and notes.
    pub findings: Vec<Finding>,
}

/// Inspects MAS's database: its state, the privileges that MAS's role lacks, and other connections.
/// `connections` is the number of connections that the import opens with that role.
///
/// # Errors
///
/// If the server does not answer.
pub async fn inspect(
    connection: &mut PgConnection,
    database: &Database,
    connections: u32,
) -> Result<Target, MigrateError> {
    let others = other_connections_than(connection, database).await?;
    let others = catalogue::MAS_IN_USE.found_in(others);
    let running = run_checks([import_running()], connection, database).await?;
    if !running.is_empty() {
        // The import locks its tables while it renames them, so nothing else is read.
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
    let mut findings = run_checks(checks, connection, database).await?;
    if !findings
        .iter()
        .any(|finding| finding.kind == catalogue::MAS_PRIVILEGES)
    {
        let check = catalogue::MAS_ROLLBACK_PRIVILEGES.check(may_not_restore());
        findings.extend(run_checks([check], connection, database).await?);
    }
    findings.extend(others);
    findings.extend(state.as_ref().and_then(of_state));
    Ok(Target { state, findings })
}

/// The tables that the import writes, under all names that it uses for them: a list for SQL's IN.
fn names() -> String {
    let renamed = IMPORTED.map(|table| format!("syn2mas__{table}"));
    let names = IMPORTED.iter().chain(&RESTORE).copied();
    let names: Vec<&str> = names.chain(renamed.iter().map(String::as_str)).collect();
    format!("'{}'", names.join("', '"))
}

/// Whether MAS's role may read the tables that show the state.
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
        .map_err(database.failed("cannot read the privileges of its role"))
}

/// Query for the privileges that MAS's role lacks in a new database. MAS also creates an extension and a
/// schema.
fn may_not_create() -> String {
    "SELECT 'create tables in the schema ' || coalesce(current_schema, 'of the search path')
     WHERE NOT coalesce(has_schema_privilege(current_schema, 'CREATE'), false)
     UNION ALL SELECT 'create schemas in the database'
     WHERE NOT has_database_privilege(current_database(), 'CREATE')"
        .to_owned()
}

/// Query for the privileges that MAS's role lacks on MAS's tables. The import creates tables, renames
/// those that it writes, and drops constraints of these and of tables that refer to them.
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

/// Query for the privileges that MAS's role lacks to restore the backup of MAS's database: it drops what
/// [`restore_mas`](crate::migrate::postgres::backup::restore_mas) drops, of which the owner or the owner of
/// the schema may drop it, and creates schemas and tables.
fn may_not_restore() -> String {
    // The kinds of relations, and what belongs to an extension or to a table's column, as there.
    let droppable = |catalog: &str, namespace: &str, owner: &str| {
        format!(
            "o.{namespace} = 'public'::regnamespace AND NOT pg_has_role(o.{owner}, 'USAGE')
               AND NOT pg_has_role(n.nspowner, 'USAGE')
               AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = '{catalog}'::regclass
                 AND d.objid = o.oid AND d.deptype IN ('e', 'i', 'a'))"
        )
    };
    format!(
        "SELECT 'create schemas in the database'
         WHERE NOT has_database_privilege(current_database(), 'CREATE')
         UNION ALL SELECT 'create tables in the schema public'
         WHERE NOT coalesce(has_schema_privilege(to_regnamespace('public'), 'CREATE'), true)
         UNION ALL SELECT 'drop the schema ' || nspname FROM pg_namespace
         WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')
           AND NOT pg_has_role(nspowner, 'USAGE')
         UNION ALL SELECT 'drop the table or view ' || o.relname
         FROM pg_class o JOIN pg_namespace n ON n.oid = o.relnamespace
         WHERE o.relkind IN ('r', 'p', 'v', 'm', 'S') AND {}
         UNION ALL SELECT 'drop the routine ' || o.proname
         FROM pg_proc o JOIN pg_namespace n ON n.oid = o.pronamespace WHERE {}
         UNION ALL SELECT 'drop the type ' || o.typname
         FROM pg_type o JOIN pg_namespace n ON n.oid = o.typnamespace
         WHERE o.typtype IN ('e', 'd') AND {}",
        droppable("pg_class", "relnamespace", "relowner"),
        droppable("pg_proc", "pronamespace", "proowner"),
        droppable("pg_type", "typnamespace", "typowner"),
    )
}

/// Finds a running import by its advisory lock, whose key `SQLx` computes from a name.
fn import_running() -> Check {
    let lock = PgAdvisoryLock::new("syn2mas-maswriter");
    let key = lock.key().as_bigint().unwrap_or_default();
    catalogue::IMPORT_RUNNING.check(format!(
        "SELECT 'process ' || pid FROM pg_locks WHERE locktype = 'advisory' AND granted
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
           AND objsubid = 1 AND (classid::bigint << 32) | objid::bigint = {key}"
    ))
}

/// Finds connection limits below what the import needs. Superusers are exempt.
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
