"""Power is lost in every step. After the boot, all users are served, by Synapse before the cutover and by
MAS after it, and the command that `status` suggests continues. If killed, systemd undoes the migration."""

JOURNAL = "/var/lib/syn2mas/journal"
STEPS = ["stop", "back-up", "grant", "import", "verify", "switch", "start", "probe"]


def begin(step: str) -> None:
    """Starts a migration, and waits until it reaches a step."""
    runs = machine.execute(f'grep -c \'"step":"{step}","status":"begun"\' {JOURNAL} || true')[1]
    machine.succeed("systemctl start --no-block syn2mas-migrate")
    machine.succeed(
        f'until test $(grep -c \'"step":"{step}","status":"begun"\' {JOURNAL}) -gt {runs.strip() or 0}; do :; done'
    )


def run_next_command() -> None:
    """Runs the command that `status` suggests, as an administrator would."""
    output = machine.succeed("syn2mas status 2>&1")
    line = [line for line in output.splitlines() if line.startswith("next: ")][0]
    command = line.removeprefix("next: ").split("#")[0].strip()
    assert command.startswith("syn2mas "), output
    code, output = machine.execute(f"{command} {'--yes' if 'migrate' in command else ''} 2>&1")
    # `inspect` reports only warnings.
    assert code == (11 if "inspect" in command else 0), output


machine.start()
with subtest("an existing homeserver"):
    wait_running(machine, "nginx.service", SYNAPSE)
    register(machine, "alice")
    token = log_in(machine, "alice")
with subtest("killed during the import: systemd undoes the migration"):
    begin("import")
    machine.succeed("systemctl kill --kill-whom=main --signal=KILL syn2mas-migrate")
    machine.wait_until_succeeds("systemctl is-failed syn2mas-migrate", 120)
    legacy(machine)
    assert status(machine, WHOAMI, token) == 200
    assert not is_role_granted(machine)
for step in STEPS:
    with subtest(f"power lost in the step {step}"):
        begin(step)
        machine.crash()
        machine.start()
        wait_for_synapse(machine)
        # The overlay is the one switch. Small steps may be over before power is lost.
        is_moved = machine.execute("test -s /var/lib/syn2mas/synapse.yaml")[0] == 0
        assert not is_moved or step not in STEPS[:4], step
        # Where power was lost between the overlay and the proxy's file, logins fail until the next command.
        (delegates if is_moved else legacy)(machine)
        assert status(machine, WHOAMI, token) == 200
        print(f"      {'moved' if is_moved else 'as before'}")
        run_next_command()
        assert not is_role_granted(machine)
        if machine.execute("test -s /var/lib/syn2mas/synapse.yaml")[0] == 0:
            delegated(machine)
            assert status(machine, WHOAMI, token) == 200
            machine.succeed("syn2mas rollback --accept-loss 2>&1")
        legacy(machine)
        assert status(machine, WHOAMI, token) == 200
with subtest("then the migration succeeds"):
    machine.succeed("systemctl start syn2mas-migrate")
    delegated(machine)
    assert status(machine, WHOAMI, token) == 200
    assert status(machine, WHOAMI, log_in(machine, "alice")) == 200
