//! The services: MAS itself, and the one-shots before and beside it.

use super::{Kind, NAME, Sandbox, Unit, after_cutover, described, socket};
use crate::{
    delegation,
    expr::{
        Entry, Expr, Item, Term, all, any, either, enabled, entry, item, items, known, not,
        template, texts,
    },
};

const SECRETS: &str = "matrix-authentication-service-secrets.service";
const DATABASE: &str = "matrix-authentication-service-database.service";
const MIGRATE_DATABASE: &str = "matrix-authentication-service-migrate-database.service";
const SOCKET: &str = "matrix-authentication-service.socket";
const SERVER: &str = "matrix-authentication-service.service";

/// Names under which PostgreSQL is known: NixOS has a target that is reached when roles and
/// databases are there too, Debian has a service for all clusters.
pub const POSTGRESQL: &[&str] = &["postgresql.service", "postgresql.target"];

/// Makes the secrets that are not there yet, and looks whether the others are.
pub fn secrets() -> Unit {
    let group = either(delegation::here(), known("synapse.group"), NAME);
    let body = vec![
        entry("Type", "oneshot"),
        entry("RemainAfterExit", true),
        entry(
            "ExecStart",
            vec![
                item(template("{toolsPackage}/bin/mas-service secrets")),
                // As root, who may read everybody's files.
                item(template("!{toolsPackage}/bin/mas-service check-secrets")),
            ],
        ),
        entry("User", NAME),
        entry("Group", group),
        entry("ReadWritePaths", vec![item(known("secrets.directory"))]),
        entry("CapabilityBoundingSet", "CAP_DAC_READ_SEARCH"),
        entry("PrivateTmp", true),
        entry("ProtectHome", "read-only"),
        entry(
            "SystemCallFilter",
            texts(&["@system-service", "~@privileged", "~@resources", "@chown"]),
        ),
    ];
    Unit {
        name: "matrix-authentication-service-secrets",
        kind: Kind::Service,
        when: None,
        unit: described(
            "Secrets of Matrix Authentication Service",
            vec![entry(
                "Before",
                vec![items(known("synapse.units")).when(delegated())],
            )],
        ),
        sandbox: vec![Sandbox::Common, Sandbox::Offline, Sandbox::NoJit],
        body,
        wanted_by: vec!["multi-user.target"],
    }
}

/// Makes the role and the database in the PostgreSQL of this host.
pub fn database() -> Unit {
    let mut body = one_shot(
        "{postgresqlPackage}/bin/psql -X --quiet --set=ON_ERROR_STOP=1 \
         --dbname=postgres --file=/etc/matrix-authentication-service/database.sql",
        true,
    );
    body.extend([
        entry("RemainAfterExit", true),
        entry("User", "postgres"),
        entry(
            "LoadCredential",
            vec![item(template("password:{secrets.directory}/database"))],
        )
        .when(enabled("computed.generate.database")),
    ]);
    Unit {
        name: "matrix-authentication-service-database",
        kind: Kind::Service,
        when: Some(enabled("createDatabase")),
        unit: described(
            "Database of Matrix Authentication Service",
            vec![
                entry("After", vec![items(texts(POSTGRESQL)), item(SECRETS)]),
                entry("Requires", vec![item(SECRETS)]),
                entry("Wants", texts(POSTGRESQL)),
                retried(),
            ],
        ),
        sandbox: vec![
            Sandbox::Common,
            Sandbox::Unprivileged,
            Sandbox::Offline,
            Sandbox::NoJit,
        ],
        body,
        wanted_by: vec!["multi-user.target"],
    }
}

/// Brings the tables to the state that this MAS expects.
pub fn migrate_database() -> Unit {
    let mut body = one_shot(
        "{toolsPackage}/bin/mas-service run -- database migrate",
        true,
    );
    body.extend(as_mas("matrix-authentication-service-migrate-database"));
    body.push(entry("RemainAfterExit", true));
    Unit {
        name: "matrix-authentication-service-migrate-database",
        kind: Kind::Service,
        when: None,
        unit: described(
            "Database migrations of Matrix Authentication Service",
            vec![
                entry("After", started_before()),
                entry("Requires", required()),
                entry("Wants", wanted()),
                after_cutover(),
                retried(),
            ],
        ),
        sandbox: vec![
            Sandbox::Common,
            Sandbox::Unprivileged,
            Sandbox::DatabaseOnly,
            Sandbox::NoJit,
        ],
        body,
        wanted_by: Vec::new(),
    }
}

/// MAS.
pub fn server() -> Unit {
    let is_role = |role: &str| known("role").is(role);
    let command = |arguments: &str| {
        template(&format!(
            "{{toolsPackage}}/bin/mas-service run -- {arguments}"
        ))
    };
    let mut body = vec![
        entry("Type", "notify-reload"),
        entry(
            "ExecStart",
            either(
                is_role("worker"),
                command("worker"),
                either(
                    is_role("server"),
                    command("server --no-migrate --no-worker"),
                    command("server --no-migrate"),
                ),
            ),
        ),
        entry("WatchdogSec", "1min"),
        entry("LimitNOFILE", "65536"),
        entry("MemoryHigh", "2G"),
        entry("MemoryMax", "3G"),
        entry("TasksMax", "1024"),
    ];
    body.extend(restarts());
    body.extend(as_mas(NAME));
    let sockets = || all([socket::activated(), not(is_role("worker"))]);
    Unit {
        name: NAME,
        kind: Kind::Service,
        when: None,
        unit: described(
            "Matrix Authentication Service",
            vec![
                entry(
                    "After",
                    vec![
                        items(started_before()),
                        item(MIGRATE_DATABASE),
                        item(SOCKET).when(sockets()),
                    ],
                ),
                entry(
                    "Before",
                    vec![items(known("synapse.units")).when(delegated())],
                ),
                entry(
                    "Requires",
                    vec![
                        items(required()),
                        item(MIGRATE_DATABASE),
                        item(SOCKET).when(sockets()),
                    ],
                ),
                entry("Wants", wanted()),
                after_cutover(),
                retried(),
            ],
        ),
        sandbox: vec![Sandbox::Common, Sandbox::Unprivileged, Sandbox::Networked],
        body,
        wanted_by: vec!["multi-user.target"],
    }
}

/// Creates the users that do not exist yet.
pub fn users() -> Unit {
    let mut body = one_shot("{toolsPackage}/bin/mas-service users", true);
    body.extend(with_credentials(
        "matrix-authentication-service-users",
        vec![
            items(known("computed.credentials")),
            items(known("computed.userCredentials")),
        ],
    ));
    body.push(entry("RemainAfterExit", true));
    let after = vec![
        item(SERVER),
        items(known("synapse.units")).when(delegated()),
    ];
    Unit {
        name: "matrix-authentication-service-users",
        kind: Kind::Service,
        when: Some(all([
            any([
                not(known("users").is(serde_json::json!({}))),
                not(known("admins").is(serde_json::json!([]))),
            ]),
            not(enabled("migration.enable")),
        ])),
        unit: described(
            "Users of Matrix Authentication Service",
            vec![
                entry("After", after),
                entry("Requires", texts(&[SERVER])),
                retried(),
            ],
        ),
        sandbox: vec![
            Sandbox::Common,
            Sandbox::Unprivileged,
            Sandbox::Networked,
            Sandbox::NoJit,
        ],
        body,
        wanted_by: vec!["multi-user.target"],
    }
}

/// Looks whether MAS, Synapse and the world fit together.
pub fn doctor() -> Unit {
    let mut body = one_shot("{toolsPackage}/bin/mas-service doctor", false);
    body.extend(as_mas("matrix-authentication-service-doctor"));
    // Only warnings.
    body.push(entry("SuccessExitStatus", "11"));
    Unit {
        name: "matrix-authentication-service-doctor",
        kind: Kind::Service,
        when: Some(enabled("doctor.enable")),
        unit: described(
            "Health check of Matrix Authentication Service and Synapse",
            vec![
                entry(
                    "After",
                    vec![
                        items(started_before()),
                        item(SERVER),
                        items(known("synapse.units")).when(delegated()),
                    ],
                ),
                entry("Requires", required()),
                entry("Wants", wanted()),
                after_cutover(),
            ],
        ),
        sandbox: vec![
            Sandbox::Common,
            Sandbox::Unprivileged,
            Sandbox::Public,
            Sandbox::NoJit,
        ],
        body,
        wanted_by: Vec::new(),
    }
}

/// Looks regularly.
pub fn doctor_timer() -> Unit {
    Unit {
        name: "matrix-authentication-service-doctor",
        kind: Kind::Timer,
        when: Some(enabled("doctor.enable")),
        unit: described(
            "Regular health check of Matrix Authentication Service and Synapse",
            Vec::new(),
        ),
        sandbox: Vec::new(),
        body: vec![
            entry("OnCalendar", known("doctor.schedule")),
            entry("Persistent", true),
            entry("RandomizedDelaySec", "30min"),
        ],
        wanted_by: vec!["timers.target"],
    }
}

fn delegated() -> Expr {
    enabled("synapse.enable")
}

/// What has to have been started before anything that uses the database.
pub fn started_before() -> Vec<Item> {
    vec![
        item("network-online.target"),
        item(SECRETS),
        item(DATABASE).when(enabled("createDatabase")),
        items(known("serviceDependencies")),
    ]
}

pub fn required() -> Vec<Item> {
    vec![
        item(SECRETS),
        item(DATABASE).when(enabled("createDatabase")),
    ]
}

pub fn wanted() -> Vec<Item> {
    vec![
        item("network-online.target"),
        items(known("serviceDependencies")),
    ]
}

fn one_shot(command: &str, again: bool) -> Vec<Entry> {
    let mut entries = vec![
        entry("Type", "oneshot"),
        entry("ExecStart", template(command)),
    ];
    if again {
        entries.extend(restarts());
    }
    entries
}

/// Tries again and again, at longer and longer intervals.
fn restarts() -> Vec<Entry> {
    vec![
        entry("Restart", "on-failure"),
        entry("RestartSec", "1s"),
        entry("RestartSteps", "6"),
        entry("RestartMaxDelaySec", "1min"),
    ]
}

/// A database that is not there yet is no reason to give up for good.
fn retried() -> Entry {
    entry("StartLimitIntervalSec", "0")
}

/// Runs as MAS's user, with its configuration and credentials.
fn as_mas(runtime_directory: &str) -> Vec<Entry> {
    with_credentials(runtime_directory, known("computed.credentials"))
}

fn with_credentials(runtime_directory: &str, credentials: impl Into<Term>) -> Vec<Entry> {
    vec![
        entry("User", NAME),
        entry("Group", NAME),
        entry("StateDirectory", NAME),
        entry("StateDirectoryMode", "0700"),
        entry("WorkingDirectory", "/var/lib/matrix-authentication-service"),
        entry("RuntimeDirectory", runtime_directory),
        entry("RuntimeDirectoryMode", "0700"),
        entry("LoadCredential", credentials),
    ]
}
