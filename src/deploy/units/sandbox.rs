//! What a service may not do (systemd.exec(5)).

use crate::expr::{Entry, Term, either, enabled, entry, given, known, not, texts};

/// Directives that several services have in common. A service has some of them, and what it says
/// itself comes after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sandbox {
    /// For every service, whoever it runs as.
    Common,
    /// For a service that runs as a user without any privilege.
    Unprivileged,
    /// For a service that connects to PostgreSQL, Synapse and, where the settings want it, the
    /// world.
    Networked,
    /// For a service that has to reach the same as MAS's users do.
    Public,
    /// For a service that talks to PostgreSQL only.
    DatabaseOnly,
    /// For a service that talks to nobody but through Unix sockets.
    Offline,
    /// For a service that makes no code at run time. MAS's policy engine does.
    NoJit,
}

impl Sandbox {
    /// All of them.
    pub const ALL: &[Sandbox] = &[
        Sandbox::Common,
        Sandbox::Unprivileged,
        Sandbox::Networked,
        Sandbox::Public,
        Sandbox::DatabaseOnly,
        Sandbox::Offline,
        Sandbox::NoJit,
    ];

    /// What it is called in Nix.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Sandbox::Common => "common",
            Sandbox::Unprivileged => "unprivileged",
            Sandbox::Networked => "networked",
            Sandbox::Public => "public",
            Sandbox::DatabaseOnly => "databaseOnly",
            Sandbox::Offline => "offline",
            Sandbox::NoJit => "noJit",
        }
    }

    /// Its directives.
    #[must_use]
    pub fn directives(self) -> Vec<Entry> {
        match self {
            Sandbox::Common => common(),
            Sandbox::Unprivileged => unprivileged(),
            Sandbox::Networked => networked(),
            Sandbox::Public => reaching(texts(&["any"])),
            Sandbox::DatabaseOnly => database_only(),
            Sandbox::Offline => offline(),
            Sandbox::NoJit => vec![entry("MemoryDenyWriteExecute", true)],
        }
    }
}

fn common() -> Vec<Entry> {
    let yes = [
        "LockPersonality",
        "NoNewPrivileges",
        "PrivateDevices",
        "PrivateIPC",
        "PrivateMounts",
        "ProtectClock",
        "ProtectControlGroups",
        "ProtectHostname",
        "ProtectKernelLogs",
        "ProtectKernelModules",
        "ProtectKernelTunables",
        "RemoveIPC",
        "RestrictNamespaces",
        "RestrictRealtime",
        "RestrictSUIDSGID",
    ];
    let mut entries: Vec<Entry> = yes.map(|name| entry(name, true)).into();
    for (name, value) in [
        ("DevicePolicy", "closed"),
        ("KeyringMode", "private"),
        ("ProcSubset", "pid"),
        ("ProtectProc", "invisible"),
        ("ProtectSystem", "strict"),
        ("SystemCallArchitectures", "native"),
        ("SystemCallErrorNumber", "EPERM"),
        ("UMask", "0077"),
    ] {
        entries.push(entry(name, value));
    }
    entries
}

fn unprivileged() -> Vec<Entry> {
    vec![
        entry("CapabilityBoundingSet", ""),
        entry("PrivateTmp", true),
        entry("PrivateUsers", true),
        entry("ProtectHome", true),
        entry(
            "SystemCallFilter",
            texts(&["@system-service", "~@privileged", "~@resources"]),
        ),
    ]
}

fn networked() -> Vec<Entry> {
    let found = either(
        enabled("computed.isolated"),
        texts(&["localhost"]),
        texts(&["any"]),
    );
    let allowed = either(given("addresses"), known("addresses"), found);
    reaching(allowed)
}

fn reaching(addresses: Term) -> Vec<Entry> {
    vec![
        entry("IPAddressAllow", addresses),
        entry("IPAddressDeny", "any"),
        entry(
            "RestrictAddressFamilies",
            texts(&["AF_UNIX", "AF_INET", "AF_INET6"]),
        ),
    ]
}

fn database_only() -> Vec<Entry> {
    let behind_socket = || enabled("computed.databaseBehindSocket");
    let here = offline()
        .into_iter()
        .map(|entry| entry.when(behind_socket()));
    let anywhere = networked()
        .into_iter()
        .map(|entry| entry.when(not(behind_socket())));
    here.chain(anywhere).collect()
}

fn offline() -> Vec<Entry> {
    vec![
        entry("IPAddressDeny", "any"),
        entry("PrivateNetwork", true),
        entry("RestrictAddressFamilies", texts(&["AF_UNIX"])),
    ]
}
