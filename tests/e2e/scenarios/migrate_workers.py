"""A migration with a worker and continuous requests of a client; units stay down meanwhile. Before, a worker
that would keep the old logins is found."""

WORKER = "http://127.0.0.1:8083"
WORKER_UNIT = "matrix-synapse-worker-generic.service"
OVERLAY = "--config-path /var/lib/syn2mas/synapse.yaml"
DROP_IN = f"/run/systemd/system/{WORKER_UNIT}.d/10-of-the-test.conf"


def findings(*arguments: str) -> dict[str, list[str]]:
    """What `inspect` finds, by its id."""
    said = machine.execute(shlex.join(["syn2mas", "inspect", "--json", *arguments]))[1]
    found = json.loads(said)["findings"]
    return {finding["id"]: finding["samples"] for finding in found}


def start_worker_with(command: str) -> None:
    """The worker runs, with this command."""
    content = f"[Service]\nExecStart=\nExecStart={command}\n"
    machine.succeed(f"mkdir -p $(dirname {DROP_IN})")
    machine.succeed(f"printf %s {shlex.quote(content)} >{DROP_IN}")
    machine.succeed(f"systemctl daemon-reload && systemctl restart {WORKER_UNIT}")
    machine.wait_until_succeeds(f"curl -sf {WORKER}/_matrix/client/versions", 60)


def flows_of_worker() -> list[str]:
    """The ways to log in at the worker itself."""
    login = client(machine, "request", f"{WORKER}/_matrix/client/v3/login")
    return [flow["type"] for flow in login["body"].get("flows", [])]


def begin_to_poll(seconds: int) -> None:
    """A client requests continuously."""
    poll = f"python3 /etc/matrix-client.py poll {WHOAMI} {token} --seconds {seconds}"
    machine.succeed(f"rm -f /root/answer; ({poll} >/root/new; mv /root/new /root/answer) >/dev/null 2>&1 &")


def polled() -> dict[str, typing.Any]:
    """The longest time without an answer, and the number of answers by status."""
    answer: dict[str, typing.Any] = json.loads(machine.wait_until_succeeds("cat /root/answer", 60))
    return answer


def rounds() -> int:
    """How often the migration has caught up with Synapse."""
    live = json.loads(machine.succeed("syn2mas status --json"))["live"]
    return live["rounds"] if live else 0


def wait_for_rounds(count: int) -> None:
    """The migration catches up with Synapse so many times more."""
    wanted = rounds() + count
    while rounds() < wanted:
        machine.succeed("sleep 0.5")
        is_at_work = machine.execute("systemctl is-active syn2mas-prepare")[0] == 0
        assert is_at_work, journal(machine, "syn2mas-prepare")


machine.start()
with subtest("an existing homeserver with a worker"):
    wait_running(machine, "nginx.service", SYNAPSE, WORKER_UNIT)
    legacy(machine)
    register(machine, "alice")
    token = log_in(machine, "alice")
    assert client(machine, "use", token, "--base", WORKER)["user_id"] == "@alice:example.com"
with subtest("nothing is said about workers that are as they should be"):
    said = findings()
    about = {"overlay-not-read", "process-not-named", "process-unknown", "login-not-answered"}
    assert not about & set(said), said
with subtest("a worker that does not read the overlay stops a migration before it begins"):
    shown = machine.succeed(f"systemctl show {WORKER_UNIT} -P ExecStart")
    command = shown.split("argv[]=")[1].split(" ; ignore_errors=")[0]
    assert OVERLAY in command, command
    start_worker_with(command.replace(OVERLAY, ""))
    said = findings()
    assert said["overlay-not-read"] == [f"{WORKER_UNIT}: add {OVERLAY} at the end"], said
    machine.fail("systemctl start syn2mas-inspect")
    assert "overlay-not-read" in journal(machine, "syn2mas-inspect")
    machine.fail("systemctl start syn2mas-migrate")
    assert "overlay-not-read" in journal(machine, "syn2mas-migrate")
    assert "m.login.password" in flows_of_worker()
    legacy(machine)
with subtest("so does one that reads it too early"):
    machine.succeed("echo 'password_config: {enabled: true}' >/etc/late.yaml")
    start_worker_with(f"{command} --config-path /etc/late.yaml")
    said = findings()
    expected = f"{WORKER_UNIT}: move {OVERLAY} to the end, behind /etc/late.yaml"
    assert said["overlay-not-read"][0].startswith(expected), said
with subtest("a worker whose command was corrected is good, also before it is restarted"):
    machine.succeed(f"rm -r $(dirname {DROP_IN}) && systemctl daemon-reload")
    said = findings()
    assert "overlay-not-read" not in said, said
    machine.succeed(f"systemctl restart {WORKER_UNIT}")
    machine.wait_until_succeeds(f"curl -sf {WORKER}/_matrix/client/versions", 60)
with subtest("a worker that nobody has named is found"):
    said = findings("--synapse-unit", SYNAPSE)
    assert [WORKER_UNIT in sample for sample in said["process-not-named"]] == [True], said
with subtest("a plain restart, while somebody uses it"):
    begin_to_poll(15)
    machine.succeed(f"systemctl restart {SYNAPSE} {WORKER_UNIT}")
    restart = polled()
    print(f"      longest outage of a client: {restart['longest']:.1f} s")
with subtest("prepare a migration, and cancel it"):
    begin_to_poll(20)
    machine.succeed("systemctl start syn2mas-prepare")
    wait_for_rounds(1)
    said = json.loads(machine.succeed("syn2mas status --json"))
    assert said["next"] == "syn2mas cutover" and said["live"]["step"] == "catch-up", said
    machine.succeed("syn2mas cancel")
    machine.wait_until_succeeds("test $(systemctl show syn2mas-prepare -P ActiveState) != active", 60)
    assert "cancelled" in journal(machine, "syn2mas-prepare")
    said = json.loads(machine.succeed("syn2mas status --json"))
    assert said["stage"] == "not-begun", said
    assert machine.execute("syn2mas cutover")[0] == 10
    legacy(machine)
    # Nobody has noticed anything.
    assert set(polled()["count"]) == {"200"}
    machine.succeed("systemctl reset-failed syn2mas-prepare")
with subtest("prepare it again, while people go on, and cut over when told to"):
    machine.succeed("systemctl start syn2mas-prepare")
    wait_for_rounds(1)
    register(machine, "bob")
    late = log_in(machine, "bob")
    ended = log_in(machine, "bob")
    client(machine, "request", "http://127.0.0.1:8008/_matrix/client/v3/logout", "--token", ended, "--post")
    wait_for_rounds(2)
    begin_to_poll(30)
    machine.succeed("syn2mas cutover")
    machine.wait_until_succeeds("ls /run/systemd/system/matrix-synapse.service.d", 60)
    # Units, and those that they require, cannot be started now.
    machine.execute(f"systemctl start {WORKER_UNIT} 2>&1")
    machine.wait_until_succeeds("test $(systemctl show syn2mas-prepare -P ActiveState) = inactive", 120)
    assert "The homeserver is migrated." in journal(machine, "syn2mas-prepare")
    answer = polled()
    assert not {"401", "403"} & set(answer["count"]), answer
    ours = answer["longest"] - restart["longest"]
    print(f"      longest outage of a client: {answer['longest']:.1f} s, {ours:.1f} s more than by a restart")
    assert client(machine, "use", late)["user_id"] == "@bob:example.com"
    assert status(machine, WHOAMI, ended) == 401
with subtest("the worker delegates to MAS, too"):
    delegated(machine)
    machine.wait_for_unit(WORKER_UNIT)
    machine.wait_until_succeeds(f"curl -sf {WORKER}/_matrix/client/versions", 60)
    assert client(machine, "use", token, "--base", WORKER)["user_id"] == "@alice:example.com"
    new = log_in(machine, "alice")
    assert client(machine, "use", new, "--base", WORKER)["user_id"] == "@alice:example.com"
    assert flows_of_worker() == []
with subtest("a reboot changes nothing"):
    machine.shutdown()
    machine.start()
    wait_running(machine, MAS, SYNAPSE, WORKER_UNIT)
    delegated(machine)
    machine.wait_until_succeeds(f"curl -sf {WORKER}/_matrix/client/versions", 60)
    assert client(machine, "use", token, "--base", WORKER)["user_id"] == "@alice:example.com"
with subtest("after going back, the worker logs people in by itself"):
    machine.succeed("syn2mas rollback --accept-loss 2>&1")
    legacy(machine)
    assert "m.login.password" in flows_of_worker()
