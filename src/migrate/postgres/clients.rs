//! Other connections to a database.

use std::{collections::BTreeSet, net::IpAddr};

use sqlx::PgConnection;

use crate::migrate::{MigrateError, postgres::connection::Database};

/// Other client connections to the current database, of any role. For connections of other roles, most
/// columns are null unless the current role is a superuser.
const CLIENTS: &str = "FROM pg_stat_activity a LEFT JOIN pg_roles r ON r.oid = a.usesysid
    WHERE datname = current_database() AND usename IS NOT NULL AND pid <> pg_backend_pid()
      AND coalesce(backend_type, 'client backend') = 'client backend'";

/// Of them, those that are not ours.
const NOT_OURS: &str = "application_name <> 'syn2mas'";

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
    other_connections_beside(database, &[]).await
}

/// The same as [`other_connections`], without our own connections with these process ids.
///
/// # Errors
///
/// If the server does not answer.
pub async fn other_connections_beside(
    database: &Database,
    ours: &[i32],
) -> Result<Vec<String>, MigrateError> {
    let mut connection = database.connect().await?;
    sqlx::query_scalar(&format!(
        "SELECT {CLIENT} {CLIENTS} AND pid <> ALL($1) ORDER BY 1"
    ))
    .bind(ours)
    .fetch_all(&mut connection)
    .await
    .map_err(database.failed("cannot list its connections"))
}

/// The connections for which a cutover has to wait: those of PostgreSQL's own programs and of superusers, unless
/// Synapse connects as this superuser, and those with a transaction that has lasted for more than 5 s. `of_synapse`
/// are the roles of Synapse, beside the current one. Described as by [`other_connections`], each text once.
/// Connections of `syn2mas` are left out.
///
/// # Errors
///
/// If the server does not answer.
pub async fn in_the_way(
    database: &Database,
    of_synapse: &[String],
) -> Result<Vec<String>, MigrateError> {
    let mut connection = database.connect().await?;
    sqlx::query_scalar(&format!(
        "SELECT DISTINCT {CLIENT} {CLIENTS} AND {NOT_OURS}
           AND (application_name IN ('psql', 'pg_dump', 'pg_dumpall', 'pg_restore')
             OR r.rolsuper AND usename <> current_user AND usename::text <> ALL($1)
             OR xact_start < now() - interval '5 s') ORDER BY 1"
    ))
    .bind(of_synapse)
    .fetch_all(&mut connection)
    .await
    .map_err(database.failed("cannot list its connections"))
}

/// The same as [`other_connections`], but on an existing connection, and without connections of `syn2mas`, such
/// as those of `status` in another terminal.
///
/// # Errors
///
/// If the server does not answer.
pub async fn other_connections_than(
    connection: &mut PgConnection,
    database: &Database,
) -> Result<Vec<String>, MigrateError> {
    sqlx::query_scalar(&format!(
        "SELECT {CLIENT} {CLIENTS} AND {NOT_OURS} ORDER BY 1"
    ))
    .fetch_all(connection)
    .await
    .map_err(database.failed("cannot list its connections"))
}

/// The connections with one of these roles that come from another host than this one, which has the
/// addresses `here`. Described as by [`other_connections`], each text once. Connections of a role whose
/// activity the current role may not see are left out.
///
/// # Errors
///
/// If the server does not answer.
pub async fn connections_from_elsewhere(
    connection: &mut PgConnection,
    database: &Database,
    roles: &[&str],
    here: &BTreeSet<IpAddr>,
) -> Result<Vec<String>, MigrateError> {
    let failed = || database.failed("cannot tell from where others are connected");
    let (own, server): (Option<String>, Option<String>) =
        sqlx::query_as("SELECT host(inet_client_addr()), host(inet_server_addr())")
            .fetch_one(&mut *connection)
            .await
            .map_err(failed())?;
    let others: Vec<(Option<String>, String)> = sqlx::query_as(&format!(
        "SELECT DISTINCT host(client_addr), {CLIENT} {CLIENTS}
           AND backend_type IS NOT NULL AND usename::text = ANY($1) ORDER BY 2"
    ))
    .bind(roles)
    .fetch_all(connection)
    .await
    .map_err(failed())?;
    let others = others
        .into_iter()
        .filter(|(from, _)| is_elsewhere(from.as_deref(), own.as_deref(), server.as_deref(), here));
    Ok(others.map(|(_, name)| name).collect())
}

/// Whether a client is on another host, by its address, ours and that of the server, all as the server
/// sees them. Clients at a Unix socket have no address.
fn is_elsewhere(
    from: Option<&str>,
    own: Option<&str>,
    server: Option<&str>,
    here: &BTreeSet<IpAddr>,
) -> bool {
    let parsed = |address: Option<&str>| address.and_then(|address| address.parse::<IpAddr>().ok());
    let (from, own, server) = (parsed(from), parsed(own), parsed(server));
    let is_here = |address: &IpAddr| here.contains(&address.to_canonical());
    let is_with_server = from.is_none_or(|from| from.to_canonical().is_loopback());
    let server_is_here = own == server
        || own.is_none_or(|own| own.to_canonical().is_loopback())
        || server.as_ref().is_some_and(is_here);
    if is_with_server {
        return !server_is_here;
    }
    from != own && !from.as_ref().is_some_and(is_here)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_shares_an_address_with_us_is_on_this_host() {
        let here = ["10.0.0.1", "fd00::1"].map(|address| address.parse().unwrap());
        let here = BTreeSet::from(here);
        let at = |from, own, server| is_elsewhere(from, own, server, &here);
        let socket = None;
        let loopback = Some("127.0.0.1");
        // The server is on this host.
        for (own, server) in [
            (socket, socket),
            (loopback, loopback),
            (Some("10.0.0.1"), Some("10.0.0.1")),
            (Some("10.0.0.9"), Some("10.0.0.9")),
        ] {
            for from in [
                socket,
                loopback,
                Some("::1"),
                Some("10.0.0.1"),
                Some("fd00::1"),
            ] {
                assert!(!at(from, own, server), "{from:?} {own:?}");
            }
            assert!(at(Some("10.0.0.2"), own, server));
        }
        // It is on another one, and sees us behind an address of its own choice.
        let (own, server) = (Some("192.0.2.9"), Some("10.0.0.7"));
        assert!(!at(own, own, server));
        assert!(!at(Some("::ffff:10.0.0.1"), own, server));
        for from in [socket, loopback, Some("10.0.0.7"), Some("10.0.0.2")] {
            assert!(at(from, own, server), "{from:?}");
        }
    }
}
