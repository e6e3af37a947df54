"""A migration with a worker and continuous requests of a client; units stay down meanwhile."""

WORKER = "http://127.0.0.1:8083"
WORKER_UNIT = "matrix-synapse-worker-generic.service"

machine.start()
with subtest("an existing homeserver with a worker"):
    wait_running(machine, "nginx.service", SYNAPSE, WORKER_UNIT)
    legacy(machine)
    register(machine, "alice")
    token = log_in(machine, "alice")
    assert client(machine, "use", token, "--base", WORKER)["user_id"] == "@alice:example.com"
with subtest("migrate, with continuous requests"):
    poll = f"python3 /etc/matrix-client.py poll {WHOAMI} {token} --seconds 25"
    machine.succeed(f"({poll} >/root/new; mv /root/new /root/answer) >/dev/null 2>/root/errors &")
    machine.succeed("systemctl start --no-block syn2mas-migrate")
    machine.wait_until_succeeds("ls /run/systemd/system/matrix-synapse.service.d", 60)
    # Units, and those that they require, cannot be started now.
    machine.execute(f"systemctl start {WORKER_UNIT} 2>&1")
    machine.wait_until_succeeds("test $(systemctl show syn2mas-migrate -P ActiveState) = inactive", 120)
    assert "The homeserver is migrated." in journal(machine, "syn2mas-migrate")
    answer = json.loads(machine.wait_until_succeeds("cat /root/answer", 60))
    assert not {"401", "403"} & set(answer["count"]), answer
    print(f"longest outage of a client: {answer['longest']:.1f} s, {answer['count']}")
with subtest("the worker delegates to MAS, too"):
    delegated(machine)
    machine.wait_for_unit(WORKER_UNIT)
    machine.wait_until_succeeds(f"curl -sf {WORKER}/_matrix/client/versions", 60)
    assert client(machine, "use", token, "--base", WORKER)["user_id"] == "@alice:example.com"
    new = log_in(machine, "alice")
    assert client(machine, "use", new, "--base", WORKER)["user_id"] == "@alice:example.com"
with subtest("a reboot changes nothing"):
    machine.shutdown()
    machine.start()
    wait_running(machine, MAS, SYNAPSE, WORKER_UNIT)
    delegated(machine)
    machine.wait_until_succeeds(f"curl -sf {WORKER}/_matrix/client/versions", 60)
    assert client(machine, "use", token, "--base", WORKER)["user_id"] == "@alice:example.com"
