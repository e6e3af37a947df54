"""A rollback loses nothing while nobody has logged in through MAS; afterwards, it is done only if the loss
is accepted."""

machine.start()
with subtest("an existing homeserver"):
    wait_running(machine, "nginx.service", SYNAPSE)
    register(machine, "alice")
    register(machine, "bob")
    alice = Person(machine, "alice", log_in(machine, "alice"), "bob")
with subtest("migrate and roll back, before anybody logs in"):
    machine.succeed("systemctl start syn2mas-migrate")
    delegated(machine)
    machine.succeed("systemctl start syn2mas-rollback")
    legacy(machine)
    alice.is_unaffected()
    assert not is_role_granted(machine)
with subtest("migrate again, and somebody logs in"):
    machine.succeed("systemctl start syn2mas-migrate")
    delegated(machine)
    through_mas = log_in(machine, "bob")
    assert status(machine, WHOAMI, through_mas) == 200
with subtest("a rollback shows what would be lost, and does nothing"):
    machine.fail("systemctl start syn2mas-rollback 2>&1")
    output = journal(machine, "syn2mas-rollback")
    assert "sessions: 1 (bob" in output and "--accept-loss" in output, output
    delegated(machine)
    assert status(machine, WHOAMI, through_mas) == 200
with subtest("roll back, with the loss accepted"):
    machine.succeed("syn2mas rollback --accept-loss 2>&1")
    legacy(machine)
    alice.is_unaffected()
    assert status(machine, WHOAMI, through_mas) == 401
    assert status(machine, WHOAMI, log_in(machine, "bob")) == 200
with subtest("a reboot changes nothing"):
    machine.shutdown()
    machine.start()
    wait_running(machine, SYNAPSE)
    legacy(machine)
    alice.is_unaffected()
with subtest("migrate once more"):
    machine.succeed("systemctl start syn2mas-migrate")
    delegated(machine)
    alice.is_unaffected()
