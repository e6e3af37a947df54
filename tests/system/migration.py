"""An existing homeserver is moved to MAS by the one-shots that `mas2nix render` wrote, on a real systemd,
behind nginx and with a worker, while somebody uses it; and back."""

import time
from pathlib import Path

from homeserver import SERVICE, UNITS, WORKER, Homeserver, log_in, main, subtest, wait_running

PASSWORD = "correct horse battery"
WHOAMI = "https://matrix.example.com/_matrix/client/v3/account/whoami"
SYNAPSE = ["matrix-synapse.service", "matrix-synapse-worker.service"]
STATE = "/var/lib/syn2mas"
ONE_SHOTS = [f"syn2mas-{name}" for name in ("inspect", "rehearse", "migrate", "verify", "rollback")]

# What Synapse has besides, and would conflict with delegation.
LEGACY = """
registration_shared_secret: of-the-test
enable_registration: true
enable_registration_without_verification: true
session_lifetime: 52w
password_config: {pepper: "pepper of the test"}
"""


def install(server: Homeserver, mas: Path) -> None:
    """An existing homeserver: its configuration is its own, and Synapse reads one more file."""
    server.install(mas, "migration.yaml")
    root = server.machine.root
    with (root / "etc/matrix-synapse/homeserver.yaml").open("a") as config:
        config.write(LEGACY)
    # An editor's newline at the end does no harm.
    (root / "root/pepper").write_text("pepper of the test\n")
    for unit in SYNAPSE:
        file = root / f"etc/systemd/system/{unit}"
        overlay = f"/etc/{SERVICE}/synapse.yaml"
        file.write_text(file.read_text().replace(overlay, f"{STATE}/synapse.yaml"))


def verify_units(server: Homeserver) -> None:
    """systemd finds nothing to complain about."""
    units = " ".join(f"/etc/systemd/system/{unit}.service" for unit in ONE_SHOTS)
    found = server.machine.succeed(f"systemd-analyze verify --man=no {units} 2>&1")
    assert found.strip() == "", found
    for unit in ONE_SHOTS:
        table = server.machine.execute(f"systemd-analyze security --no-pager {unit}")[1]
        last = [line for line in table.splitlines() if "Overall exposure level" in line][-1]
        print(f"      {unit:<56}{last.split(':')[1].split()[0]}")


def register(server: Homeserver) -> tuple[str, str]:
    """Two users of Synapse's own, and a token of each."""
    machine = server.machine
    for user, admin in (("alice", "--admin"), ("bob", "--no-admin")):
        machine.succeed(
            "/opt/synapse/bin/register_new_matrix_user -c /etc/matrix-synapse/homeserver.yaml "
            f"-u {user} -p '{PASSWORD}' {admin} http://127.0.0.1:8008"
        )
    tokens = [server.client("login-password", user, PASSWORD) for user in ("alice", "bob")]
    return tokens[0]["access_token"], tokens[1]["access_token"]


def before_cutover(server: Homeserver, token: str) -> None:
    """Synapse authenticates its users by itself, and MAS is not there."""
    machine = server.machine
    for unit in SYNAPSE:
        machine.wait_for_unit(unit)
    machine.wait_until_succeeds("curl -sf http://127.0.0.1:8083/_matrix/client/versions")
    state = machine.systemctl(f"is-active {SERVICE}")[1].strip()
    assert state == "inactive", state
    assert server.status(WHOAMI, token) == 200
    metadata = "https://matrix.example.com/_matrix/client/v1/auth_metadata"
    assert server.status(metadata) == 404
    found = server.client("request", "https://example.com/.well-known/matrix/client")["body"]
    assert "org.matrix.msc2965.authentication" not in found, found
    server.client("login-password", "alice", PASSWORD)


def is_role_lent(server: Homeserver) -> bool:
    """Whether somebody may act as Synapse's role in PostgreSQL."""
    query = "SELECT 'yes' FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid"
    query += " WHERE r.rolname = 'matrix-synapse'"
    found = server.machine.succeed(f'runuser -u postgres -- psql -XAtc "{query}"')
    return found.strip() == "yes"


def inspect(server: Homeserver) -> None:
    """What stands in the way is found: nothing but what people should know."""
    machine = server.machine
    machine.succeed("systemctl start syn2mas-inspect")
    said = machine.journal("syn2mas-inspect")
    assert "warning: registration" in said and "BLOCKER" not in said, said
    assert "pepper of the test" not in said


def migrate(server: Homeserver, token: str) -> None:
    """Moves the homeserver while somebody uses it."""
    machine = server.machine
    polled = server.background("poll", WHOAMI, token, "--seconds", "40")
    time.sleep(2)
    machine.succeed("systemctl start syn2mas-migrate")
    answer = server.answer(polled)
    counts = answer["count"]
    assert "401" not in counts and "403" not in counts, counts
    print(f"      longest outage of a client: {answer['longest']:.1f} s {counts}")
    said = machine.journal("syn2mas-migrate")
    assert "The homeserver is moved." in said, said
    machine.succeed("systemctl start syn2mas-verify")
    assert "identical" in machine.journal("syn2mas-verify")


def after_cutover(server: Homeserver, token: str) -> None:
    """Old tokens and passwords are good, through MAS, the proxy and the worker."""
    machine = server.machine
    for unit in [f"{SERVICE}.service", *SYNAPSE]:
        machine.wait_for_unit(unit)
    machine.wait_until_succeeds("curl -sf http://127.0.0.1:8083/_matrix/client/versions")
    who = server.client("use", token)
    assert who["user_id"] == "@alice:example.com", who
    assert server.client("use", token, "--base", WORKER)["user_id"] == "@alice:example.com"
    log_in(server)
    admins = machine.succeed("mas-cli manage list-admin-users 2>&1")
    assert "bob" not in admins, admins
    assert not is_role_lent(server)


def go_back(server: Homeserver, token: str) -> None:
    """People have logged in through MAS, so going back has to be meant."""
    machine = server.machine
    machine.fail("systemctl start syn2mas-rollback")
    said = machine.journal("syn2mas-rollback")
    assert "sessions: alice" in said and "--accept-loss" in said, said
    assert server.status(WHOAMI, token) == 200
    machine.succeed("syn2mas rollback --accept-loss")
    before_cutover(server, token)


def wait_for_journal(server: Homeserver, step: str) -> None:
    """Waits until a new run has begun a step."""
    server.machine.wait_until_succeeds(
        f"tail -n 4 {STATE}/journal | grep '\"step\":\"{step}\",\"phase\":\"begun\"'"
    )


def killed(server: Homeserver, token: str, step: str) -> None:
    """The one-shot is killed: systemd takes back what it has begun."""
    machine = server.machine
    machine.succeed("systemctl start --no-block syn2mas-migrate")
    wait_for_journal(server, step)
    machine.succeed("systemctl kill --kill-whom=main --signal=KILL syn2mas-migrate")
    machine.wait_until_succeeds("systemctl is-failed syn2mas-migrate")
    before_cutover(server, token)
    assert not is_role_lent(server)


def power_lost(server: Homeserver, token: str, step: str) -> None:
    """Power is lost in the middle: the host comes up with everything as it was."""
    machine = server.machine
    machine.succeed("systemctl start --no-block syn2mas-migrate")
    wait_for_journal(server, step)
    machine.crash()
    machine.start()
    machine.wait_until_succeeds("curl -sf http://127.0.0.1:8008/_matrix/client/versions")
    before_cutover(server, token)
    assert is_role_lent(server)
    status = machine.succeed("syn2mas status")
    assert "next: syn2mas rollback" in status, status
    machine.succeed("syn2mas rollback")
    before_cutover(server, token)
    assert not is_role_lent(server)


def run(server: Homeserver, mas: Path | None) -> None:
    """The whole test."""
    machine = server.machine
    if not mas:
        print(f"left out: the migration: mas-cli with its share/{SERVICE} is not on PATH")
        return
    install(server, mas)
    with subtest("an existing homeserver"):
        machine.start()
        wait_running(server, ["nginx.service", *UNITS[:2], *SYNAPSE])
        alice, bob = register(server)
        before_cutover(server, alice)
    with subtest("the one-shots pass systemd-analyze verify"):
        verify_units(server)
    with subtest("inspect"):
        inspect(server)
    with subtest("rehearse"):
        machine.succeed("systemctl start syn2mas-rehearse")
        said = machine.journal("syn2mas-rehearse")
        assert "Everything would arrive as it should." in said, said
        print(f"      {said[said.index('Synapse will'):].splitlines()[0]}")
        before_cutover(server, alice)
    with subtest("killed while it imports"):
        killed(server, alice, "import")
    with subtest("power lost while it imports"):
        power_lost(server, alice, "import")
    with subtest("migrate, while somebody uses it"):
        migrate(server, alice)
    with subtest("old tokens and passwords are good"):
        after_cutover(server, alice)
    with subtest("a reboot changes nothing"):
        machine.shutdown()
        machine.start()
        wait_running(server, ["nginx.service", f"{SERVICE}.service", *SYNAPSE])
        after_cutover(server, alice)
    with subtest("back to Synapse"):
        go_back(server, bob)
    with subtest("and to MAS again"):
        machine.succeed("systemctl start syn2mas-migrate")
        after_cutover(server, alice)


if __name__ == "__main__":
    main(run, __doc__)
