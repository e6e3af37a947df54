//! The oneshot services that run `syn2mas` to migrate an existing homeserver.

use super::{Inherits, Sandbox, Unit, UnitKind, described, service};
use crate::expr::{Entry, enabled, entry, item, known, template, texts};

/// The units `syn2mas-inspect`, `-rehearse`, `-migrate`, `-prepare`, `-verify` and `-rollback`.
pub fn all() -> Vec<Unit> {
    vec![
        Unit {
            // Exit code 11: there are only warnings.
            body: with_directive(read_only("inspect"), "SuccessExitStatus", "11"),
            ..one_shot(
                "syn2mas-inspect",
                "Inspection of Synapse for the migration to Matrix Authentication Service",
            )
        },
        Unit {
            body: read_write("rehearse"),
            ..one_shot(
                "syn2mas-rehearse",
                "Rehearsal of the migration to Matrix Authentication Service",
            )
        },
        Unit {
            body: undoing("migrate --yes"),
            ..one_shot(
                "syn2mas-migrate",
                "Migration of Synapse's users to Matrix Authentication Service",
            )
        },
        Unit {
            body: preparation(),
            ..one_shot(
                "syn2mas-prepare",
                "Preparation of the migration, which `syn2mas cutover` completes",
            )
        },
        Unit {
            // Removes what a killed rehearsal has left in the directory.
            body: writing(run("verify")),
            ..one_shot(
                "syn2mas-verify",
                "Verification of Matrix Authentication Service's database",
            )
        },
        Unit {
            // Killed, it leaves MAS down: this starts it again, or completes the rollback.
            body: undoing("rollback"),
            ..one_shot(
                "syn2mas-rollback",
                "Rollback to Synapse's own authentication",
            )
        },
    ]
}

/// Directives for a migration that waits for its cutover, perhaps for days. It has started when it waits.
fn preparation() -> Vec<Entry> {
    let mut body = undoing("migrate --yes --wait");
    body.retain(|entry| entry.name != "Type");
    body.insert(0, entry("Type", "exec"));
    body
}

/// Directives of a subcommand after which what it was killed in is undone.
fn undoing(subcommand: &str) -> Vec<Entry> {
    with_directive(
        read_write(subcommand),
        "ExecStopPost",
        "{toolsPackage}/bin/syn2mas rollback --interrupted",
    )
}

fn with_directive(mut body: Vec<Entry>, name: &'static str, value: &str) -> Vec<Entry> {
    body.push(entry(name, template(value)));
    body
}

fn one_shot(name: &'static str, description: &'static str) -> Unit {
    let exclusive = [
        "syn2mas-rehearse",
        "syn2mas-migrate",
        "syn2mas-prepare",
        "syn2mas-rollback",
    ];
    let position = exclusive.iter().position(|other| *other == name);
    let service = |other: &&str| format!("{other}.service");
    let others: Vec<String> = match position {
        Some(_) => exclusive
            .iter()
            .filter(|other| **other != name)
            .map(service)
            .collect(),
        None => Vec::new(),
    };
    let mut after = service::started_before();
    after.extend(service::POSTGRESQL.iter().map(|unit| item(*unit)));
    // With any order between two units, what stops comes before what starts. Until it has stopped, it holds
    // the lock of the journal.
    let earlier = &exclusive[..position.unwrap_or_default()];
    after.extend(earlier.iter().map(|other| item(service(other).as_str())));
    let mut unit = vec![
        entry("After", after),
        entry("Requires", service::required()),
        entry("Wants", service::wanted()),
    ];
    if !others.is_empty() {
        let others = others.join(" ");
        unit.push(entry("Conflicts", others.as_str()));
    }
    Unit {
        name,
        kind: UnitKind::Service,
        when: Some(enabled("migration.enable")),
        unit: described(description, unit),
        inherits: Inherits::Order,
        sandbox: vec![Sandbox::Common, Sandbox::Public, Sandbox::NoJit],
        body: Vec::new(),
        wanted_by: Vec::new(),
    }
}

/// Directives that run a subcommand as root, which may switch to the users that the databases accept.
fn run(subcommand: &str) -> Vec<Entry> {
    vec![
        entry("Type", "oneshot"),
        entry(
            "ExecStart",
            template(&format!("{{toolsPackage}}/bin/syn2mas {subcommand}")),
        ),
        entry("PrivateTmp", true),
        entry("ProtectHome", "read-only"),
        entry(
            "CapabilityBoundingSet",
            "CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_KILL CAP_SETGID CAP_SETUID",
        ),
        entry("SystemCallFilter", texts(&["@system-service"])),
        entry("TimeoutStartSec", "infinity"),
    ]
}

/// Directives that run a subcommand that only writes below `/run`.
fn read_only(subcommand: &str) -> Vec<Entry> {
    let mut body = run(subcommand);
    body.push(entry("ReadWritePaths", vec![item("/run")]));
    body
}

/// Adds the directory of the journal and the backups to what a subcommand may write.
fn writing(mut body: Vec<Entry>) -> Vec<Entry> {
    body.push(entry(
        "ReadWritePaths",
        vec![item("/run"), item(known("migration.directory"))],
    ));
    body
}

/// Directives that run a subcommand that writes the journal and backups, and can be interrupted.
fn read_write(subcommand: &str) -> Vec<Entry> {
    let mut body = writing(run(subcommand));
    body.extend([
        // When stopped, `syn2mas` rolls back what it has begun. That takes time.
        entry("KillMode", "mixed"),
        entry("TimeoutStopSec", "10min"),
    ]);
    body
}
