//! The sandboxing of services (systemd.exec(5)).

use crate::expr::{Entry, Term, either, enabled, entry, given, known, not, texts};

/// A set of directives that several services share. A service may use several sets; its own directives
/// come after them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sandbox {
    /// For every service, whatever its user.
    Common,
    /// For a service with an unprivileged user.
    Unprivileged,
    /// For a service that connects to PostgreSQL and Synapse and, if the settings require it, to the
    /// Internet.
    Networked,
    /// For a service that must reach the same addresses as the users of MAS.
    Public,
    /// For a service that connects only to PostgreSQL.
    DatabaseOnly,
    /// For a service that communicates only through Unix sockets.
    Offline,
    /// For a service that generates no code at run time. MAS's policy engine does.
    NoJit,
}

impl Sandbox {
    /// All sets of directives, in the order of the generated Nix file.
    pub const ALL: &[Sandbox] = &[
        Sandbox::Common,
        Sandbox::Unprivileged,
        Sandbox::Networked,
        Sandbox::Public,
        Sandbox::DatabaseOnly,
        Sandbox::Offline,
        Sandbox::NoJit,
    ];

    /// The name in the generated Nix files.
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

    /// The directives of this set.
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
    let through_socket = offline()
        .into_iter()
        .map(|entry| entry.when(behind_socket()));
    let over_network = networked()
        .into_iter()
        .map(|entry| entry.when(not(behind_socket())));
    through_socket.chain(over_network).collect()
}

fn offline() -> Vec<Entry> {
    vec![
        entry("IPAddressDeny", "any"),
        entry("PrivateNetwork", true),
        entry("RestrictAddressFamilies", texts(&["AF_UNIX"])),
    ]
}
