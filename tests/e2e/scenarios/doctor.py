"""The doctor accepts a correct setup, reports errors, and shows no secret."""

DOCTOR = "matrix-authentication-service-doctor"
SECRET = "/var/lib/matrix-authentication-service-secrets/synapse"


def ask() -> tuple[int, str]:
    """Runs the doctor: the exit code of its unit, and its output."""
    # On a busy machine, the journal does not know to which run of a unit that has ended an entry belongs.
    read = "journalctl --sync; journalctl --no-pager --output=cat --cursor-file=/root/cursor"
    machine.succeed(f"rm -f /root/cursor; {read} --lines=1", f"systemctl reset-failed {DOCTOR}")
    code, _ = machine.execute(f"systemctl start {DOCTOR}")
    return code, machine.succeed(f"{read} _SYSTEMD_UNIT={DOCTOR}.service")


machine.start()
with subtest("everything runs"):
    wait_running(machine, "nginx.service", MAS, SYNAPSE, f"{DOCTOR}.timer")
    delegated(machine)
with subtest("all is well"):
    code, output = ask()
    assert code == 0, output
    assert "good: Homeserver is reachable" in output, output
    assert "good: The Synapse MAS API is reachable" in output, output
with subtest("the shared secret differs from Synapse's"):
    right = machine.succeed(f"cat {SECRET}").strip()
    machine.succeed(f"cp -p {SECRET} /root/right && printf other > {SECRET}")
    code, output = ask()
    assert code != 0 and "error: A Synapse MAS API endpoint" in output, output
    assert right not in machine.succeed("journalctl --no-pager")
    machine.succeed(f"cp -p /root/right {SECRET}")
    assert ask()[0] == 0
with subtest("Synapse is down"):
    machine.succeed(f"systemctl stop {SYNAPSE}")
    code, output = ask()
    assert code != 0 and "error: Can't reach the homeserver" in output, output
    machine.succeed(f"systemctl start {SYNAPSE}")
    wait_for_synapse(machine)
with subtest("the proxy is down: a warning, since this host may not reach its own public name"):
    machine.succeed("systemctl stop nginx")
    code, output = ask()
    assert code == 0 and "warning: " in output, output
    machine.succeed("systemctl start nginx")
    assert ask()[0] == 0
