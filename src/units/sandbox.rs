//! What a service may not do (systemd.exec(5)).

use crate::expr::texts;
use crate::expr::{Entry, entry};

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

/// For a service that connects to PostgreSQL, Synapse and the world.
pub fn networked() -> Vec<Entry> {
    vec![entry(
        "RestrictAddressFamilies",
        texts(&["AF_UNIX", "AF_INET", "AF_INET6"]),
    )]
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
