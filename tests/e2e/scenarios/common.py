"""Shared functions of the tests. This file is prepended to each test script, with NixOS's test driver
and with ours."""

import json
import shlex
import typing

PASSWORD = "correct horse battery"
MATRIX = "https://matrix.example.com"
AUTH = "https://auth.example.com"
WHOAMI = f"{MATRIX}/_matrix/client/v3/account/whoami"
SERVICE = "matrix-authentication-service"
MAS = f"{SERVICE}.service"
SYNAPSE = "matrix-synapse.service"


# Not imported as `Protocol`: to check types, NixOS's test driver prepends an import of that name from
# another module.
class Host(typing.Protocol):
    """The part of a machine's API that these functions use."""

    def execute(self, command: str) -> tuple[int, str]: ...
    def succeed(self, *commands: str) -> str: ...
    def fail(self, *commands: str) -> str: ...
    def wait_until_succeeds(self, command: str, timeout: int = 900) -> str: ...
    def wait_for_unit(self, unit: str) -> None: ...
    def copy_from_machine(self, source: str, target_dir: str = "") -> None: ...


def client(host: Host, *arguments: str) -> dict[str, typing.Any]:
    """The output of the Matrix client."""
    command = shlex.join(["python3", "/etc/matrix-client.py", *arguments])
    answer: dict[str, typing.Any] = json.loads(host.succeed(f"{command} 2>&1"))
    return answer


def status(host: Host, url: str, token: str = "") -> int:
    """The status of a request."""
    return int(client(host, "request", url, *(["--token", token] if token else []))["status"])


def journal(host: Host, unit: str) -> str:
    """The journal of a unit since the machine booted."""
    read = f"journalctl --no-pager --boot --output=cat --unit={unit}"
    return host.succeed(f"journalctl --sync; {read}")


def wait_running(host: Host, *units: str) -> None:
    """Everything is running, and no unit has failed."""
    for unit in units:
        host.wait_for_unit(unit)
    state = host.execute("systemctl is-system-running --wait")[1].strip()
    failed = host.execute("systemctl --failed --no-legend --plain")[1]
    journals = "".join(journal(host, line.split()[0]) for line in failed.splitlines())
    assert state == "running", f"{state}\n{failed}\n{journals}"


def wait_for_synapse(host: Host) -> None:
    """Synapse responds."""
    host.wait_until_succeeds("curl -sf http://127.0.0.1:8008/_matrix/client/versions", 120)


def register(host: Host, user: str, admin: bool = False) -> None:
    """A user that is registered in Synapse, before MAS."""
    kind = "--admin" if admin else "--no-admin"
    host.succeed(f"matrix-synapse-register_new_matrix_user -u {user} -p '{PASSWORD}' {kind} 2>&1")


def log_in(host: Host, user: str) -> str:
    """An access token by legacy login (m.login.password), from Synapse or MAS."""
    return str(client(host, "login-password", user, PASSWORD)["access_token"])


class Person:
    """A user with a client that stays logged in, in an encrypted room with others."""

    def __init__(self, host: Host, user: str, token: str, *others: str) -> None:
        self.host, self.user, self.token = host, f"@{user}:example.com", token
        members = [f"@{other}:example.com" for other in others]
        self.room = client(host, "start-encrypting", token, *members)["room_id"]
        self.seen = [self.user, *members]
        self.since, self.devices = "", dict[str, typing.Any]()
        self.catch_up()

    def see_devices(self) -> dict[str, typing.Any]:
        keys: dict[str, typing.Any] = client(self.host, "devices", self.token, *self.seen)["keys"]
        return keys

    def is_unaffected(self) -> None:
        """The token works, syncing continues, no device is gone, and no device appears changed."""
        synced = client(self.host, "sync", self.token, "--since", self.since)
        assert synced["changed"] == [], synced
        self.has_everything()

    def has_everything(self) -> None:
        """The same, except for devices that were added and removed."""
        assert self.see_devices() == self.devices
        who = client(self.host, "use", self.token)
        assert who["user_id"] == self.user, who
        self.catch_up()

    def catch_up(self) -> None:
        """Sets the current state as the baseline for changes."""
        synced = client(self.host, "sync", self.token)
        assert self.room in synced["rooms"], synced
        self.since = synced["since"]
        self.devices = self.see_devices()


def well_known(host: Host) -> dict[str, typing.Any]:
    """The well-known document for clients, which has the content of well-known-client.nix."""
    document: dict[str, typing.Any] = client(host, "request", "https://example.com/.well-known/matrix/client")["body"]
    rtc = {"type": "livekit", "livekit_service_url": "https://rtc.example.com/livekit/jwt"}
    assert document["org.matrix.msc4143.rtc_foci"] == [rtc], document
    text = 'it\'s $host, `${HOME}`, {env.HOME} {$HOME} {http.request.host} {} "{" \\{x\\} \\n \t\n ä'
    assert document["com.example.text"] == text, document
    assert document["m.homeserver"] == {"base_url": f"{MATRIX}/"}, document
    return document


def legacy(host: Host) -> None:
    """Synapse authenticates its own users, and MAS does not run."""
    wait_for_synapse(host)
    host.fail(f"systemctl is-active {MAS}")
    assert status(host, f"{MATRIX}/_matrix/client/v1/auth_metadata") == 404
    flows = client(host, "request", f"{MATRIX}/_matrix/client/v3/login")["body"]["flows"]
    assert "m.login.password" in [flow["type"] for flow in flows], flows


def delegates(host: Host) -> None:
    """Synapse delegates to MAS."""
    wait_for_synapse(host)
    host.wait_for_unit(MAS)
    metadata = client(host, "request", f"{MATRIX}/_matrix/client/v1/auth_metadata")
    assert metadata["body"]["issuer"] == f"{AUTH}/", metadata


def delegated(host: Host) -> None:
    """MAS authenticates Synapse's users, and the proxy sends logins to it."""
    delegates(host)
    flows = client(host, "request", f"{MATRIX}/_matrix/client/v3/login")["body"]["flows"]
    assert any(flow.get("oauth_aware_preferred") for flow in flows), flows


def is_role_granted(host: Host) -> bool:
    """Whether Synapse's role is granted to anyone in PostgreSQL."""
    query = "SELECT 'yes' FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid"
    query += " WHERE r.rolname = 'matrix-synapse'"
    return host.succeed(f'runuser -u postgres -- psql -XAtc "{query}"').strip() == "yes"


def see_login_page(host: Host, name: str) -> None:
    """MAS's login page opens in a browser; a screenshot is kept."""
    chromium = (
        "chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
        "--disable-background-networking --disable-component-update --disable-sync "
        "--ignore-certificate-errors --user-data-dir=$(mktemp -d) --window-size=800,900 "
        "--timeout=20000 --virtual-time-budget=10000"
    )
    host.succeed(f"{chromium} --screenshot=/tmp/{name}.png {AUTH}/login 2>&1")
    host.copy_from_machine(f"/tmp/{name}.png", "screenshots")
    page = host.succeed(f"{chromium} --dump-dom {AUTH}/login 2>/dev/null")
    assert 'name="password"' in page and "Forgot password" not in page.split("<body")[0], page
