"""A migration and a rollback with both databases on another machine, with passwords."""

database.start()
with subtest("an existing homeserver"):
    database.wait_for_unit("postgresql.target")
    machine.start()
    wait_running(machine, "nginx.service", SYNAPSE)
    legacy(machine)
    register(machine, "alice")
    alice = Person(machine, "alice", log_in(machine, "alice"))
with subtest("roles that cannot create a scratch database are reported"):
    output = machine.fail("syn2mas rehearse 2>&1")
    assert "permission denied to create database" in output, output
with subtest("the database is lost during the import: everything is as before"):
    machine.succeed("systemctl start --no-block syn2mas-migrate")
    machine.succeed('until grep -q \'"step":"import","status":"begun"\' /var/lib/syn2mas/journal; do :; done')
    database.crash()
    database.start()
    database.wait_for_unit("postgresql.target")
    machine.wait_until_succeeds("systemctl is-failed syn2mas-migrate", 180)
    output = machine.succeed("syn2mas status 2>&1")
    if "next: syn2mas rollback" in output:
        machine.succeed("syn2mas rollback 2>&1")
    legacy(machine)
    alice.is_unaffected()
with subtest("migrate"):
    machine.succeed("systemctl start syn2mas-migrate")
    delegated(machine)
    alice.is_unaffected()
    assert status(machine, WHOAMI, log_in(machine, "alice")) == 200
    for secret in ("p@ss:of/synapse", "of-mas"):
        assert secret not in machine.succeed("journalctl --no-pager")
with subtest("the other machine loses power and returns: the services recover"):
    database.crash()
    # MAS waits 30 s for a connection, answers 500 and ends. Then nothing answers until systemd has started it.
    machine.wait_until_fails("curl -sf http://127.0.0.1:8081/health", 60)
    database.start()
    database.wait_for_unit("postgresql.target")
    machine.wait_until_succeeds("curl -sf http://127.0.0.1:8081/health", 120)
    assert status(machine, WHOAMI, alice.token) == 200
with subtest("roll back"):
    machine.succeed("syn2mas rollback --accept-loss 2>&1")
    legacy(machine)
    assert status(machine, WHOAMI, alice.token) == 200
