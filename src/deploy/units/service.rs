//! The services: MAS itself, the oneshot services that run before it, and those beside it.

use super::{
    Inherits, NAME, RUNTIME_DIRECTORY, Sandbox, Unit, UnitKind, after_cutover, described, socket,
};
use crate::{
    deploy::synapse_overlay,
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

/// The PostgreSQL units to wait for. NixOS has a target, reached once roles and databases exist too;
/// Debian has a service for all clusters.
pub const POSTGRESQL: &[&str] = &["postgresql.service", "postgresql.target"];

/// Generates the missing secrets and checks the others.
pub fn secrets() -> Unit {
    let group = either(
        synapse_overlay::on_this_host(),
        known("synapse.group"),
        NAME,
    );
    let mut body = vec![
        entry("Type", "oneshot"),
        entry("RemainAfterExit", true),
        entry(
            "ExecStart",
            vec![
                item(template("{toolsPackage}/bin/mas-service secrets")),
                // As root, because the files may belong to any user.
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
    // A secret from another unit may appear a moment later.
    body.extend(direct_restarts());
    Unit {
        name: "matrix-authentication-service-secrets",
        kind: UnitKind::Service,
        when: None,
        unit: described(
            "Secrets of Matrix Authentication Service",
            vec![
                entry(
                    "Before",
                    vec![items(known("synapse.units")).when(delegated())],
                ),
                no_restart_limit(),
            ],
        ),
        inherits: Inherits::Order,
        sandbox: vec![Sandbox::Common, Sandbox::Offline, Sandbox::NoJit],
        body,
        wanted_by: vec!["multi-user.target"],
    }
}

/// Creates the role and the database in the PostgreSQL on this host.
pub fn database() -> Unit {
    let has_password = || enabled("computed.generate.database");
    let mut body = one_shot(Term::Text(vec![
        template(
            "{postgresqlPackage}/bin/psql -X --quiet --set=ON_ERROR_STOP=1 \
             --port={#postgresqlPort} --dbname=postgres \
             --file=/etc/matrix-authentication-service/database.sql",
        ),
        either(
            has_password(),
            " --file=/etc/matrix-authentication-service/database-password.sql",
            "",
        ),
    ]));
    body.extend([
        entry("RemainAfterExit", true),
        entry("User", "postgres"),
        entry(
            "LoadCredential",
            vec![item(template("password:{secrets.directory}/database"))],
        )
        .when(has_password()),
    ]);
    Unit {
        name: "matrix-authentication-service-database",
        kind: UnitKind::Service,
        when: Some(enabled("createDatabase")),
        unit: described(
            "Database of Matrix Authentication Service",
            vec![
                entry("After", vec![items(texts(POSTGRESQL)), item(SECRETS)]),
                entry("Requires", vec![item(SECRETS)]),
                entry("Wants", texts(POSTGRESQL)),
                no_restart_limit(),
            ],
        ),
        inherits: Inherits::Nothing,
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

/// Migrates the database to the schema that this version of MAS expects. It reads only the `database`
/// settings, so that it does not need secrets that only MAS's own unit has.
pub fn migrate_database() -> Unit {
    let mut body = one_shot(template(
        "{toolsPackage}/bin/mas-service run --only database -- database migrate",
    ));
    body.extend(with_credentials(
        "matrix-authentication-service-migrate-database",
        known("computed.databaseCredentials"),
    ));
    body.push(entry("RemainAfterExit", true));
    Unit {
        name: "matrix-authentication-service-migrate-database",
        kind: UnitKind::Service,
        when: None,
        unit: described(
            "Database migrations of Matrix Authentication Service",
            vec![
                entry("After", started_before()),
                entry("Requires", required()),
                entry("Wants", wanted()),
                after_cutover(),
                no_restart_limit(),
            ],
        ),
        inherits: Inherits::Everything,
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

/// The unit that runs MAS.
pub fn server() -> Unit {
    let is_role = |role: &str| known("role").is(role);
    let command = |arguments: &str| {
        Term::Text(vec![
            template(&format!("{{package}}/bin/mas-cli {arguments}")),
            config_arguments(),
        ])
    };
    let mut body = vec![
        entry("Type", "notify-reload"),
        // Every command finds the configuration, including an `ExecStart=` from the administrator's drop-in.
        entry(
            "ExecStartPre",
            vec![item(template("{toolsPackage}/bin/mas-service prepare"))],
        ),
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
    body.extend([entry("User", NAME), entry("Group", NAME)]);
    // A socket may be in this directory, so it is open to all; configuration and secrets are not.
    body.extend(in_own_directories(
        NAME,
        "0755",
        known("computed.credentials"),
    ));
    let sockets = || all([socket::activated(), not(is_role("worker"))]);
    Unit {
        name: NAME,
        kind: UnitKind::Service,
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
                no_restart_limit(),
            ],
        ),
        inherits: Inherits::Nothing,
        sandbox: vec![Sandbox::Common, Sandbox::Unprivileged, Sandbox::Networked],
        body,
        wanted_by: vec!["multi-user.target"],
    }
}

/// The `--config` arguments for MAS's configuration files, each preceded by a space.
fn config_arguments() -> Term {
    let extra = Term::Each(
        Box::new(known("computed.extraConfigFiles")),
        Box::new(Term::Text(vec![" --config ".into(), Term::Entry])),
    );
    Term::Text(vec![
        format!(" --config {RUNTIME_DIRECTORY}/config.yaml")
            .as_str()
            .into(),
        Term::Join(Box::new(extra), ""),
    ])
}

/// Creates the users that do not exist yet, once.
pub fn users() -> Unit {
    let mut body = one_shot(template("{toolsPackage}/bin/mas-service users"));
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
        kind: UnitKind::Service,
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
                entry("Wants", texts(&[SERVER])),
                no_restart_limit(),
            ],
        ),
        inherits: Inherits::Everything,
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

/// Checks MAS, Synapse and their public addresses with `mas-cli doctor`.
pub fn doctor() -> Unit {
    // No restarts: the timer runs it again.
    let mut body = vec![
        entry("Type", "oneshot"),
        entry(
            "ExecStart",
            template("{toolsPackage}/bin/mas-service doctor"),
        ),
    ];
    body.extend(as_mas("matrix-authentication-service-doctor"));
    // Exit code 11: there are only warnings.
    body.push(entry("SuccessExitStatus", "11"));
    Unit {
        name: "matrix-authentication-service-doctor",
        kind: UnitKind::Service,
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
        inherits: Inherits::Everything,
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

/// Starts the doctor at the times of `doctor.schedule`.
pub fn doctor_timer() -> Unit {
    Unit {
        name: "matrix-authentication-service-doctor",
        kind: UnitKind::Timer,
        when: Some(enabled("doctor.enable")),
        unit: described(
            "Regular health check of Matrix Authentication Service and Synapse",
            Vec::new(),
        ),
        inherits: Inherits::Nothing,
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

/// The units that must have started before a unit that uses the database.
pub fn started_before() -> Vec<Item> {
    vec![
        item("network-online.target"),
        item(SECRETS),
        item(DATABASE).when(enabled("createDatabase")),
        items(known("computed.dependencies")),
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
        items(known("computed.dependencies")),
    ]
}

/// A command that is retried until it succeeds. Units that wait for it keep waiting.
fn one_shot(command: Term) -> Vec<Entry> {
    let mut entries = vec![entry("Type", "oneshot"), entry("ExecStart", command)];
    entries.extend(direct_restarts());
    entries
}

/// Restarts as in [`restarts`], without units that require this one seeing the failures in between.
fn direct_restarts() -> Vec<Entry> {
    let mut entries = restarts();
    entries.push(entry("RestartMode", "direct"));
    entries
}

/// Restarts after every failure, at intervals that grow from 1 s to 1 min.
fn restarts() -> Vec<Entry> {
    vec![
        entry("Restart", "on-failure"),
        entry("RestartSec", "1s"),
        entry("RestartSteps", "6"),
        entry("RestartMaxDelaySec", "1min"),
    ]
}

/// No limit on restarts, because the database may become reachable at any time.
fn no_restart_limit() -> Entry {
    entry("StartLimitIntervalSec", "0")
}

/// Runs as MAS's user, with MAS's configuration and credentials.
fn as_mas(runtime_directory: &str) -> Vec<Entry> {
    with_credentials(runtime_directory, known("computed.credentials"))
}

/// Runs as the user of MAS's own unit, with `credentials` in the unit's own directory.
fn with_credentials(runtime_directory: &str, credentials: impl Into<Term>) -> Vec<Entry> {
    let mut entries = vec![
        entry("User", known("computed.user")),
        entry("Group", known("computed.group")),
    ];
    entries.extend(in_own_directories(runtime_directory, "0700", credentials));
    entries
}

fn in_own_directories(
    runtime_directory: &str,
    runtime_mode: &str,
    credentials: impl Into<Term>,
) -> Vec<Entry> {
    vec![
        entry("StateDirectory", NAME),
        entry("StateDirectoryMode", "0700"),
        entry("WorkingDirectory", "/var/lib/matrix-authentication-service"),
        entry("RuntimeDirectory", runtime_directory),
        entry("RuntimeDirectoryMode", runtime_mode),
        entry("LoadCredential", credentials),
    ]
}
