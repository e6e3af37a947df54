"""MAS is updated: after an import that lost power, and after a migration that is done."""

NEWER = "/run/booted-system/specialisation/newer/bin/switch-to-configuration test 2>&1"
JOURNAL = "/var/lib/syn2mas/journal"

machine.start()
with subtest("an existing homeserver"):
    wait_running(machine, "nginx.service", SYNAPSE)
    register(machine, "alice")
    alice = Person(machine, "alice", log_in(machine, "alice"))
    older = machine.succeed("mas-cli --version 2>&1").strip()
with subtest("updated after an import that lost power: the next one begins anew"):
    machine.succeed("systemctl start --no-block syn2mas-migrate")
    machine.succeed(f"until grep -q '\"step\":\"import\",\"phase\":\"begun\"' {JOURNAL}; do :; done")
    machine.crash()
    machine.start()
    legacy(machine)
    machine.succeed(NEWER)
    newer = machine.succeed("mas-cli --version 2>&1").strip()
    print(f"      from {older} to {newer}")
    machine.succeed("systemctl start syn2mas-migrate")
    delegated(machine)
    alice.notices_nothing()
    machine.succeed("syn2mas rollback 2>&1")
with subtest("moved with the older one"):
    machine.shutdown()
    machine.start()
    legacy(machine)
    assert machine.succeed("mas-cli --version 2>&1").strip() == older
    machine.succeed("systemctl start syn2mas-migrate")
    delegated(machine)
    assert status(machine, WHOAMI, log_in(machine, "alice")) == 200
with subtest("updated afterwards: nobody notices"):
    machine.succeed(NEWER)
    delegated(machine)
    assert "Newer" in machine.succeed("curl -s http://127.0.0.1:8080/login")
    alice.notices_nothing()
    assert status(machine, WHOAMI, log_in(machine, "alice")) == 200
    machine.succeed("systemctl start syn2mas-verify")
    assert "identical" in journal(machine, "syn2mas-verify")
