//! What a service may not do (systemd.exec(5)).

use crate::expr::{Entry, Term, either, enabled, entry, given, known, not, texts};

/// Directives that hold for every service, whoever it runs as.
pub fn common() -> Vec<Entry> {
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

/// The rest of it for a service that runs as a user without any privilege.
pub fn unprivileged() -> Vec<Entry> {
    let mut entries = common();
    entries.extend([
        entry("CapabilityBoundingSet", ""),
        entry("PrivateTmp", true),
        entry("PrivateUsers", true),
        entry("ProtectHome", true),
        entry(
            "SystemCallFilter",
            texts(&["@system-service", "~@privileged", "~@resources"]),
        ),
    ]);
    entries
}

/// For a service that connects to PostgreSQL, Synapse and, where the settings want it, the world.
pub fn networked() -> Vec<Entry> {
    let found = either(
        enabled("computed.isolated"),
        texts(&["localhost"]),
        texts(&["any"]),
    );
    let allowed = either(given("addresses"), known("addresses"), found);
    reaching(allowed)
}

/// For a service that has to reach the same as MAS's users do.
pub fn public() -> Vec<Entry> {
    reaching(texts(&["any"]))
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

/// For a service that talks to PostgreSQL only.
pub fn database_only() -> Vec<Entry> {
    let behind_socket = || enabled("computed.databaseBehindSocket");
    let here = offline()
        .into_iter()
        .map(|entry| entry.when(behind_socket()));
    let anywhere = networked()
        .into_iter()
        .map(|entry| entry.when(not(behind_socket())));
    here.chain(anywhere).collect()
}

/// For a service that talks to nobody but through Unix sockets.
pub fn offline() -> Vec<Entry> {
    vec![
        entry("IPAddressDeny", "any"),
        entry("PrivateNetwork", true),
        entry("RestrictAddressFamilies", texts(&["AF_UNIX"])),
    ]
}

/// For a service that makes no code at run time. MAS's policy engine does.
pub fn no_jit() -> Vec<Entry> {
    vec![entry("MemoryDenyWriteExecute", true)]
}
