//! Whether every process of Synapse would delegate after the cutover, and whether any would be forgotten.

use sqlx::PgConnection;

use super::{catalogue, finding::Finding};
use crate::migrate::{
    MigrateError,
    context::Context,
    health::{self, Authority},
    postgres::{clients::connections_from_elsewhere, connection::Database},
    synapse_config::processes::{Found, OverlayUse, Process},
    system::systemd::{self, Component},
};

/// Findings about the processes of Synapse on this host, its units and its listeners.
///
/// # Errors
///
/// If Synapse's configuration cannot be read.
pub async fn findings(context: &Context, found: &Found) -> Result<Vec<Finding>, MigrateError> {
    let next = found.next_start();
    let mut unread: Vec<String> = next
        .filter_map(|process| unread(context, process))
        .collect();
    unread.dedup();
    let findings = [
        catalogue::OVERLAY_NOT_READ.found_in(unread),
        catalogue::PROCESS_NOT_NAMED.found_in(not_named(context, found).await),
        catalogue::PROCESS_UNKNOWN.found_in(unknown(context, found)),
        catalogue::LOGIN_NOT_ANSWERED.found_in(not_answered(context, found).await?),
    ];
    Ok(findings.into_iter().flatten().collect())
}

/// Why a process would go on to log people in by itself. None if it would not.
fn unread(context: &Context, process: &Process) -> Option<String> {
    let overlay = context.args.overlay.as_ref()?.file.display();
    match process.overlay.as_ref()? {
        OverlayUse::Read => None,
        OverlayUse::NotRead => Some(format!("{process}: add --config-path {overlay} at the end")),
        OverlayUse::Overridden { file, option } => Some(format!(
            "{process}: move --config-path {overlay} to the end, behind {}, which sets `{option}`",
            file.display()
        )),
    }
}

/// The processes about which not all is known. Those in other networks, of containers for example, cannot
/// be asked who logs people in; `--synapse-url` leads to the main process.
fn unknown(context: &Context, found: &Found) -> Vec<String> {
    let far = found.processes.iter().filter(|process| {
        let config = process.config.as_ref();
        process.pid.is_some()
            && !process.is_reachable
            && config.is_some_and(|config| {
                !config.client_listeners().is_empty()
                    && (config.is_worker() || context.args.synapse_url.is_none())
            })
    });
    let far = far.map(|process| {
        format!("{process}: it listens in another network, so it is not asked who logs people in")
    });
    found.unknown.iter().cloned().chain(far).collect()
}

/// The processes that the stop of Synapse would leave running. What commands stop is not known.
async fn not_named(context: &Context, found: &Found) -> Vec<String> {
    let Some(services) = context.services().ok().filter(|it| !it.by_command()) else {
        return Vec::new();
    };
    let units = services.units(Component::Synapse);
    let mut left = Vec::new();
    for process in found.processes.iter().filter(|found| found.pid.is_some()) {
        if let Some(unit) = &process.unit {
            let parents = systemd::part_of(unit).await.unwrap_or_default();
            if units.contains(unit) || parents.iter().any(|parent| units.contains(parent)) {
                continue;
            }
        }
        left.push(process.to_string());
    }
    left
}

/// The listeners of processes that run at which Synapse does not log people in now. After the cutover, nobody
/// could tell from their answers whether they delegate.
async fn not_answered(context: &Context, found: &Found) -> Result<Vec<String>, MigrateError> {
    let runs = |process: &Process| process.pid.is_some() && process.is_reachable;
    if !found.processes.iter().any(runs) {
        return Ok(Vec::new());
    }
    let listeners = health::listeners(context).await?;
    let answers = health::who_answers(&listeners).await;
    let wrong = answers
        .iter()
        .filter(|(_, authority)| *authority != Authority::Synapse);
    let wrong = wrong.map(|(url, authority)| health::described(&listeners, url, authority));
    Ok(wrong.collect())
}

/// Reports connections to Synapse's database as Synapse's role from other hosts.
///
/// # Errors
///
/// If the server does not answer.
pub async fn elsewhere(
    connection: &mut PgConnection,
    database: &Database,
    context: &Context,
    found: &Found,
) -> Result<Option<Finding>, MigrateError> {
    // `--synapse-database-uri` may name another role than Synapse's own.
    let own = context.synapse()?.role();
    let roles: Vec<&str> = own
        .as_deref()
        .into_iter()
        .chain([database.role()])
        .collect();
    let others = connections_from_elsewhere(connection, database, &roles, &found.addresses).await?;
    Ok(catalogue::CONNECTED_FROM_ELSEWHERE.found_in(others))
}
