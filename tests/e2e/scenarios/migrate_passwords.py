"""Users with passwords are migrated and notice nothing; MAS's login page accepts their passwords."""

machine.start()
with subtest("an existing homeserver"):
    wait_running(machine, "nginx.service", SYNAPSE)
    legacy(machine)
    register(machine, "alice", admin=True)
    register(machine, "bob")
    alice = Person(machine, "alice", log_in(machine, "alice"), "bob")
    bob = Person(machine, "bob", log_in(machine, "bob"), "alice")
    # So that each has seen the other's devices as they are.
    alice.catch_up()
with subtest("inspect and rehearse, while Synapse runs"):
    machine.succeed("systemctl start syn2mas-inspect")
    output = journal(machine, "syn2mas-inspect")
    assert "warning: registration" in output and "BLOCKER" not in output, output
    machine.succeed("systemctl start syn2mas-rehearse")
    output = journal(machine, "syn2mas-rehearse")
    assert "All data would arrive" in output, output
    legacy(machine)
with subtest("systemd-analyze verify accepts the one-shots"):
    units = [f"syn2mas-{name}.service" for name in ("inspect", "rehearse", "migrate", "verify", "rollback")]
    paths = " ".join(f"/etc/systemd/system/{unit}" for unit in units)
    code, output = machine.execute(f"systemd-analyze verify --man=no {paths} 2>&1")
    # It also loads the units that these name, and on NixOS it may report problems of others.
    ours = [line for line in output.splitlines() if "syn2mas" in line or SERVICE in line]
    assert code in (0, 1) and ours == [], output
with subtest("a unit that does not exist is named"):
    output = machine.fail("syn2mas inspect --synapse-unit matrix-synapse-worker-absent 2>&1")
    assert "unit-missing" in output and "matrix-synapse-worker-absent.service" in output, output
with subtest("migrate"):
    machine.succeed("systemctl start syn2mas-migrate")
    output = journal(machine, "syn2mas-migrate")
    assert "The homeserver is migrated." in output, output
    assert "pepper of the test" not in machine.succeed("journalctl --no-pager")
    delegated(machine)
    assert not is_role_granted(machine)
with subtest("nobody notices"):
    alice.is_unaffected()
    bob.is_unaffected()
with subtest("passwords still work, with legacy login and OAuth 2.0"):
    assert client(machine, "use", log_in(machine, "bob"))["user_id"] == "@bob:example.com"
    new = client(machine, "login-oauth", "alice", PASSWORD)
    assert client(machine, "use", new["access_token"])["device_id"] == new["device_id"]
    machine.fail("python3 /etc/matrix-client.py login-password alice wrong")
with subtest("the login page opens in a browser"):
    see_login_page(machine, "login-after-migration")
with subtest("verify succeeds after the cutover, too"):
    machine.succeed("systemctl start syn2mas-verify")
    assert "identical" in journal(machine, "syn2mas-verify")
with subtest("a reboot changes nothing"):
    machine.shutdown()
    machine.start()
    wait_running(machine, "nginx.service", MAS, SYNAPSE)
    delegated(machine)
    client(machine, "use", alice.token)
