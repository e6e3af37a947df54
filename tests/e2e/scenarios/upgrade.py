"""An update of MAS: after a power loss during the import, and after a migration."""

NEWER = "/run/booted-system/specialisation/newer/bin/switch-to-configuration test 2>&1"
JOURNAL = "/var/lib/syn2mas/journal"


def version(host: Host) -> str:
    return host.succeed("mas-cli --version 2>&1").strip()


def existing(host: Host) -> Person:
    """A user on an existing homeserver."""
    wait_running(host, "nginx.service", SYNAPSE)
    register(host, "alice")
    return Person(host, "alice", log_in(host, "alice"))


interrupted.start()
with subtest("updated after a power loss during the import: the next import starts again"):
    alice = existing(interrupted)
    older = version(interrupted)
    interrupted.succeed("systemctl start --no-block syn2mas-migrate")
    begun = '"step":"import","status":"begun"'
    interrupted.succeed(f"until grep -q '{begun}' {JOURNAL}; do :; done")
    interrupted.crash()
    interrupted.start()
    legacy(interrupted)
    interrupted.succeed(NEWER)
    print(f"      from {older} to {version(interrupted)}")
    interrupted.succeed("systemctl start syn2mas-migrate")
    delegated(interrupted)
    alice.is_unaffected()
    interrupted.shutdown()
machine.start()
with subtest("migrated with the older version"):
    alice = existing(machine)
    machine.succeed("systemctl start syn2mas-migrate")
    delegated(machine)
    assert version(machine) == older
    assert status(machine, WHOAMI, log_in(machine, "alice")) == 200
with subtest("updated afterwards: nobody notices"):
    alice.catch_up()
    before = machine.succeed(f"systemctl show {MAS} -P InvocationID")
    machine.succeed(NEWER)
    delegated(machine)
    assert machine.succeed(f"systemctl show {MAS} -P InvocationID") != before
    alice.is_unaffected()
    assert status(machine, WHOAMI, log_in(machine, "alice")) == 200
    machine.succeed("systemctl start syn2mas-verify")
    assert "identical" in journal(machine, "syn2mas-verify")
