"""A new homeserver, from an empty disk to logins, with real systemd: the output of `mas2nix render` runs MAS
behind nginx and beside Synapse with a worker, all of them real programs."""

import argparse
import contextlib
import json
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).parent
DRIVER = HERE.parent / "driver"
sys.path.insert(0, str(DRIVER))

import machine as containers  # noqa: E402

SERVICE = "matrix-authentication-service"
SECRETS = f"/var/lib/{SERVICE}-secrets"
UNITS = [
    f"{SERVICE}-secrets.service",
    f"{SERVICE}-database.service",
    f"{SERVICE}-migrate-database.service",
    f"{SERVICE}.service",
    f"{SERVICE}-users.service",
    f"{SERVICE}-doctor.service",
]
WORKER = "http://127.0.0.1:8083"
NEEDS_MAS = [
    "logins",
    "the worker",
    "changing secrets",
    "MAS killed under load",
    "restarts behind sockets",
    "PostgreSQL restarted",
    "the wrong shared secret",
    "the doctor",
    "users",
    "routes",
    "Caddy",
]


class Machine(containers.Machine):
    """A machine whose commands return standard error too."""

    def execute(
        self,
        command: str,
        check_return: bool = True,
        check_output: bool = True,
        timeout: int | None = 900,
    ) -> tuple[int, str]:
        return super().execute(f"exec 2>&1; {command}", timeout=timeout)

    def journal(self, unit: str) -> str:
        """The journal of a unit since the machine booted."""
        return self.execute(f"journalctl --no-pager --boot --output=cat --unit={shlex.quote(unit)}")[1]


@contextlib.contextmanager
def subtest(name: str) -> Iterator[None]:
    """A part of the test, with its name and duration."""
    start = time.monotonic()
    yield
    print(f"  ok  {name} ({time.monotonic() - start:.1f} s)", flush=True)


def skip(part: str) -> None:
    """Records that a part is not tested."""
    reason = f"mas-cli is not on PATH, with its share/{SERVICE}"
    subprocess.run([HERE.parents[2] / "scripts/skip", f"homeserver: {part}", reason], check=True)


class Homeserver:
    """The machine, and what is installed on it."""

    def __init__(self, image: Path, programs: Path) -> None:
        self.machine = Machine(image)
        self.programs = programs
        self.work = self.machine.directory

    def render(self, config: str, name: str = "rendered") -> Path:
        """The output of `mas2nix render` for a configuration."""
        file, out = self.work / f"{name}.yaml", self.work / name
        file.write_text(config)
        subprocess.run(
            [self.programs / "mas2nix", "render", "--config", file, "--out", out],
            check=True,
            capture_output=True,
        )
        return out

    def install(self, mas: Path | None, config: str = "homeserver.yaml") -> None:
        """Puts programs, configuration and certificates onto the disk."""
        machine = self.machine
        machine.copy_from_host(HERE / "fixture", "/")
        machine.copy_from_host(HERE.parent / "scenarios/client.py", "/root/client.py")
        for program in ("mas-service", "syn2mas"):
            machine.copy_from_host(self.programs / program, f"/usr/local/bin/{program}")
        machine.copy_from_host(self.render((HERE / config).read_text()), "/")
        (machine.root / "root/declared-password").write_text("correct horse\n")
        if mas:
            machine.copy_from_host(mas / "bin/mas-cli", "/opt/mas/bin/mas-cli")
            machine.copy_from_host(mas / f"share/{SERVICE}", "/opt/mas/share")
            if not (machine.root / "opt/mas/share/policy.wasm").exists():
                machine.copy_from_host(DRIVER / "policy.wat", "/opt/mas/share/policy.wat")
                self.machine.while_off("wat2wasm", "/opt/mas/share/policy.wat", "-o", "/opt/mas/share/policy.wasm")
        names = "auth.example.com,DNS:matrix.example.com,DNS:example.com"
        self.machine.while_off(
            *"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2".split(),
            *"-keyout /etc/ssl/test.key -out /etc/ssl/test.pem -subj /CN=test".split(),
            *f"-addext subjectAltName=DNS:{names}".split(),
        )
        (machine.root / "etc/ssl/test.key").chmod(0o644)
        certificate = machine.root / "usr/local/share/ca-certificates/test.crt"
        shutil.copy(machine.root / "etc/ssl/test.pem", certificate)
        self.machine.while_off("update-ca-certificates")
        self.machine.while_off("systemd-sysusers")
        enabled = ["nginx", f"{SERVICE}-secrets", f"{SERVICE}-database"]
        if mas:
            enabled += [SERVICE, f"{SERVICE}-doctor.timer"]
            enabled += ["matrix-synapse", "matrix-synapse-worker"]
        if (machine.root / f"etc/systemd/system/{SERVICE}-users.service").exists():
            enabled += [f"{SERVICE}-users"] if mas else []
        self.machine.while_off("systemctl", "enable", *enabled)

    def client(self, *arguments: str) -> dict:
        """The output of the Matrix client."""
        command = shlex.join(["python3", "/root/client.py", *arguments])
        output = self.machine.succeed(command)
        return json.loads(output)

    def status(self, url: str, token: str | None = None) -> int:
        """The status of a request."""
        return self.client("request", url, *(["--token", token] if token else []))["status"]

    def background(self, *arguments: str) -> str:
        """Starts the client; the file that its answer goes to."""
        output = f"/root/answer-{time.monotonic_ns()}"
        command = shlex.join(["python3", "/root/client.py", *arguments])
        shell = shlex.quote(f"{command} >{output}.new && mv {output}.new {output}")
        self.machine.succeed(f"systemd-run --quiet --collect sh -c {shell}")
        return output

    def answer(self, output: str) -> dict:
        """The answer of a client in the background, once it is there."""
        return json.loads(self.machine.wait_until_succeeds(f"cat {output}", 90))

    def token(self) -> str:
        """A new access token."""
        return self.client("login-password", "alice", "correct horse battery")["access_token"]

    def secrets(self) -> str:
        """Owners, modes and content of all secrets."""
        return self.machine.succeed(
            f"cd {SECRETS} && find . -printf '%P %m %u %g\\n' | sort && find . -type f | sort | xargs sha256sum"
        )


def verify_units(server: Homeserver) -> None:
    """systemd-analyze verify finds no problems."""
    units = " ".join(f"/etc/systemd/system/{unit}" for unit in UNITS)
    timer = f"/etc/systemd/system/{SERVICE}-doctor.timer"
    found = server.machine.succeed(f"systemd-analyze verify --man=no {units} {timer} 2>&1")
    assert found.strip() == "", found


def exposure(server: Homeserver) -> None:
    """The exposure of each unit, according to systemd-analyze security."""
    print("      unit                                                    exposure")
    worst = {}
    for unit in UNITS:
        table = server.machine.execute(f"systemd-analyze security --no-pager {unit}")[1]
        last = [line for line in table.splitlines() if "Overall exposure level" in line][-1]
        worst[unit] = float(last.split(":")[1].split()[0])
        print(f"      {unit:<56}{worst[unit]:.1f}")
    server_unit = f"{SERVICE}.service"
    assert max(worst.values()) <= 1.0, worst
    for unit in UNITS[:3]:
        assert worst[unit] < worst[server_unit], worst


def check_database(server: Homeserver) -> None:
    """The database belongs to MAS's role, and has the requested locale."""
    query = "SELECT pg_get_userbyid(datdba), datcollate, pg_encoding_to_char(encoding)"
    query += f" FROM pg_database WHERE datname = '{SERVICE}'"
    found = server.machine.succeed(f'runuser -u postgres -- psql -XAt -c "{query}"').strip()
    assert found == f"{SERVICE}|C.UTF-8|UTF8", found


def check_secrets(server: Homeserver) -> str:
    """Secrets exist, and only their users can read them."""
    found = server.secrets()
    lines = found.splitlines()
    for line in [
        f" 711 {SERVICE} {SERVICE}",
        f"encryption 400 {SERVICE} matrix-synapse",
        f"keys 700 {SERVICE} matrix-synapse",
        f"keys/p256.pem 400 {SERVICE} matrix-synapse",
        f"keys/rsa.pem 400 {SERVICE} matrix-synapse",
        f"synapse 440 {SERVICE} matrix-synapse",
    ]:
        assert line in lines, (line, found)
    size = server.machine.succeed(f"stat --format=%s {SECRETS}/encryption").strip()
    assert size == "64", size
    server.machine.succeed(f"runuser -u matrix-synapse cat {SECRETS}/synapse")
    server.machine.fail(f"runuser -u matrix-synapse cat {SECRETS}/encryption")
    server.machine.fail(f"runuser -u nobody cat {SECRETS}/synapse")
    return found


def wait_running(server: Homeserver, units: list[str]) -> None:
    """Everything is running, and no unit has failed."""
    state = server.machine.execute("systemctl is-system-running --wait")[1].strip()
    failed = server.machine.execute("systemctl --failed --no-legend --plain")[1]
    journals = "".join(server.machine.journal(line.split()[0]) for line in failed.splitlines())
    assert state == "running", f"{state}\n{failed}\n{journals}"
    for unit in units:
        server.machine.wait_for_unit(unit)


def log_in(server: Homeserver) -> str:
    """Old and new login, a room, a message, the same through the worker, logging out."""
    machine = server.machine
    old = server.client("login-password", "alice", "correct horse battery")
    assert server.client("use", old["access_token"])["user_id"] == "@alice:example.com"
    new = server.client("login-oauth", "alice", "correct horse battery")
    who = server.client("use", new["access_token"])
    assert who["device_id"] == new["device_id"], (who, new)
    assert server.client("use", new["access_token"], "--base", WORKER)["user_id"] == who["user_id"]
    machine.fail("python3 /root/client.py login-password alice wrong")
    logout = "https://matrix.example.com/_matrix/client/v3/logout"
    answer = server.client("request", logout, "--token", old["access_token"], "--post")
    assert answer["status"] == 200, answer
    whoami = "https://matrix.example.com/_matrix/client/v3/account/whoami"
    assert server.status(whoami, old["access_token"]) == 401
    return new["access_token"]


def check_routes(server: Homeserver) -> None:
    """What is public, and what is not."""
    matrix, auth = "https://matrix.example.com", "https://auth.example.com"
    for url, status in {
        f"{matrix}/_matrix/client/v3/login": 200,
        f"{matrix}/_matrix/client/r0/login": 200,
        f"{matrix}/_matrix/client/v3/login/sso/redirect": 400,
        f"{matrix}/_matrix/client/versions": 200,
        f"{matrix}/_synapse/admin/v1/server_version": 404,
        f"{matrix}/_synapse/mas/query_user": 404,
        f"{auth}/.well-known/openid-configuration": 200,
        f"{auth}/health": 404,
        f"{auth}/metrics": 404,
        f"{auth}/api/admin/v1/users": 404,
        "https://example.com/.well-known/matrix/server": 200,
        "http://127.0.0.1:8081/health": 200,
        "http://127.0.0.1:8081/metrics": 200,
    }.items():
        found = server.status(url)
        assert found == status, (url, found)
    versions = server.client("request", f"{matrix}/_matrix/client/v1/auth_metadata")
    assert versions["body"]["issuer"] == f"{auth}/", versions
    spoofed = "-H 'X-Forwarded-For: 192.0.2.1' -H 'X-Real-IP: 192.0.2.1' -H 'Forwarded: for=192.0.2.1'"
    server.machine.succeed(f"curl -s {spoofed} {auth}/login")
    journal = server.machine.journal(SERVICE)
    assert "client.address=127.0.0.1" in journal and "192.0.2.1" not in journal, journal[-2000:]


def check_tools(server: Homeserver) -> None:
    """The administrator's commands, and the users that the configuration names."""
    machine = server.machine
    machine.succeed("printf 'correct horse battery' >/root/password")
    output = machine.succeed("mas-register-user alice --password-file /root/password 2>&1")
    assert "alice is registered" in output, output
    output = machine.fail("mas-register-user alice --password-file /root/password 2>&1")
    assert "alice already exists" in output, output
    assert "correct horse" not in machine.execute("journalctl --no-pager")[1]
    admins = machine.succeed("mas-cli manage list-admin-users 2>&1")
    assert "declared" in admins and "alice" not in admins, admins
    assert server.client("login-password", "declared", "correct horse")["user_id"]
    users = f"{SERVICE}-users"
    assert "there is no user later." in machine.journal(users)
    machine.succeed("mas-register-user later --password-file /root/password")
    machine.succeed(f"systemctl restart {users}")
    assert "later" in machine.succeed("mas-cli manage list-admin-users 2>&1")
    result = machine.execute("mas-cli no-such-command")
    assert result[0] == 2, result
    machine.fail("runuser -u nobody -- mas-cli config check")


def check_doctor(server: Homeserver) -> None:
    """The doctor reports no problems."""
    machine = server.machine
    machine.succeed(f"systemctl start {SERVICE}-doctor")
    output = machine.journal(f"{SERVICE}-doctor")
    for text in ["good: Homeserver is reachable", "good: The Synapse MAS API is reachable"]:
        assert text in output, output


def wrong_shared_secret(server: Homeserver) -> None:
    """Synapse has a different secret: logins fail, the doctor reports why, and shows no secret."""
    machine = server.machine
    machine.succeed(f"cp -p {SECRETS}/synapse /root/right && echo wrong-wrong > {SECRETS}/synapse.new")
    machine.succeed(f"chown root:matrix-synapse {SECRETS}/synapse.new && chmod 440 {SECRETS}/synapse.new")
    machine.succeed("sed -i 's|secrets/synapse\"|secrets/synapse.new\"|' /etc/matrix-authentication-service/synapse.yaml")
    machine.succeed("systemctl restart matrix-synapse matrix-synapse-worker")
    whoami = "https://matrix.example.com/_matrix/client/v3/account/whoami"
    assert server.status(whoami, "unknown") == 503
    machine.fail(f"systemctl start {SERVICE}-doctor")
    output = machine.journal(f"{SERVICE}-doctor")
    assert "error: A Synapse MAS API endpoint" in output, output
    secret = machine.succeed(f"cat {SECRETS}/synapse").strip()
    assert secret not in machine.succeed("journalctl --no-pager"), "the secret is in the journal"
    machine.succeed("sed -i 's|secrets/synapse.new\"|secrets/synapse\"|' /etc/matrix-authentication-service/synapse.yaml")
    machine.succeed(f"rm {SECRETS}/synapse.new; systemctl restart matrix-synapse matrix-synapse-worker")
    machine.succeed(f"systemctl start {SERVICE}-doctor")


def rotation(server: Homeserver) -> None:
    """The shared secret and the signing keys are changed as the documentation says."""
    machine = server.machine
    before = machine.succeed(f"cat {SECRETS}/synapse")
    machine.succeed(f"rm {SECRETS}/synapse && systemctl restart {SERVICE}-secrets")
    machine.succeed("systemctl restart matrix-synapse matrix-synapse-worker")
    assert machine.succeed(f"cat {SECRETS}/synapse") != before
    key = "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384"
    machine.succeed(f"{key} -out {SECRETS}/keys/more.pem && systemctl restart {SERVICE}")
    keys = server.client("request", "https://auth.example.com/oauth2/keys.json")["body"]["keys"]
    assert len(keys) == 3, keys
    server.client("use", server.token())


def missing_secret(server: Homeserver) -> None:
    """A missing file is reported, with its option and what to do."""
    machine = server.machine
    config = (HERE / "homeserver.yaml").read_text()
    config = config.replace("    homeserver: example.com", "    homeserver: example.com\n    secret_file: /root/absent")
    machine.copy_from_host(server.render(config, "missing"), "/")
    machine.succeed("systemctl daemon-reload")
    # It tries again until the file is there.
    machine.succeed(f"systemctl restart --no-block {SERVICE}-secrets")
    missing = "settings.matrix.secret_file: /root/absent: No such file"
    machine.wait_until_succeeds(f"journalctl --boot --unit={SERVICE}-secrets | grep -F '{missing}'", 30)
    machine.succeed("echo secret >/root/absent && chmod 400 /root/absent")
    machine.wait_for_unit(f"{SERVICE}-secrets.service")
    output = machine.journal(f"{SERVICE}-secrets")
    assert "synapse.secretPath: /root/absent: Synapse probably cannot read it" in output, output
    machine.copy_from_host(server.work / "rendered", "/")
    machine.succeed("systemctl daemon-reload")
    machine.succeed(f"systemctl restart {SERVICE}-secrets")
    machine.succeed(f"if systemctl --quiet is-enabled {SERVICE}; then systemctl start {SERVICE}; fi")


def same_database(server: Homeserver) -> None:
    """A configuration with Synapse's database is rejected."""
    config = (HERE / "homeserver.yaml").read_text()
    config = config.replace("database: matrix-synapse", f"database: {SERVICE}")
    file = server.work / "same.yaml"
    file.write_text(config)
    out = server.work / "same"
    done = subprocess.run(
        [server.programs / "mas2nix", "render", "--config", file, "--out", out],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and "this is Synapse's database" in done.stdout, done
    assert not out.exists()


def synapse_agrees(server: Homeserver) -> None:
    """Synapse itself rejects each setting that we reject, and accepts it with the overlay."""
    machine = server.machine
    machine.copy_from_host(HERE / "synapse_check.py", "/root/check/synapse_check.py")
    machine.copy_from_host(HERE.parents[1] / "fixtures/synapse.yaml", "/root/check/cases.yaml")
    machine.succeed("echo 'CONFIG = {}' >/root/check/saml.py")
    overlay = f"/etc/{SERVICE}/synapse.yaml"
    command = f"/opt/synapse/bin/python /root/check/synapse_check.py /root/check/cases.yaml {overlay}"
    report = json.loads(machine.succeed(f"{command} 2>/dev/null").splitlines()[-1])
    for case in report:
        refused = (case["delegation"] or "").startswith("ConfigError")
        assert refused == (case["rule"] is not None), case
        # Settings that Synapse rejects even without delegation do not concern the overlay.
        gone = case["rule"] == "delegation-msc3861"
        assert gone or case["overlay"] is None, case
    print(f"      {len(report)} configurations")


def killed(server: Homeserver, token: str) -> None:
    """MAS is killed under load: 503 in between, then everything recovers by itself."""
    machine = server.machine
    whoami = "https://matrix.example.com/_matrix/client/v3/account/whoami"
    load = server.background("watch", whoami, "--seconds", "15", "--unknown-tokens")
    time.sleep(3)
    before = machine.succeed(f"systemctl show --value --property=MainPID {SERVICE}")
    machine.succeed(f"systemctl kill --signal=KILL {SERVICE}")
    seen = server.answer(load)
    assert seen["first"] == seen["last"] == "401", seen
    assert set(seen["count"]) == {"401", "503"}, seen
    assert machine.succeed(f"systemctl show --value --property=MainPID {SERVICE}") != before
    server.client("use", token)
    print(f"      while it was down: {seen['count']}")


def postgresql_restarted(server: Homeserver, token: str) -> None:
    """PostgreSQL restarts: MAS and Synapse recover."""
    machine = server.machine
    machine.succeed("systemctl restart postgresql@17-main")
    machine.wait_until_succeeds(f"python3 /root/client.py use {token}")
    machine.wait_until_succeeds("python3 /root/client.py login-password alice 'correct horse battery'")
    wait_running(server, [f"{SERVICE}.service", "matrix-synapse.service"])


def sockets(server: Homeserver) -> None:
    """systemd holds the sockets: a restart drops no request."""
    machine = server.machine
    config = (HERE / "homeserver.yaml").read_text() + "socketActivation: true\n"
    machine.copy_from_host(server.render(config, "sockets"), "/")
    socket = f"/etc/systemd/system/{SERVICE}.socket"
    assert machine.succeed(f"systemd-analyze verify --man=no {socket} 2>&1").strip() == ""
    machine.succeed(f"systemctl daemon-reload && systemctl stop {SERVICE}")
    machine.succeed(f"systemctl enable --now {SERVICE}.socket && systemctl start {SERVICE}")
    url = "https://auth.example.com/.well-known/openid-configuration"
    load = server.background("watch", url, "--seconds", "12")
    time.sleep(2)
    for _ in range(2):
        machine.succeed(f"systemctl restart {SERVICE}")
        time.sleep(1)
    seen = server.answer(load)
    assert set(seen["count"]) == {"200"}, seen
    print(f"      over two restarts: {seen['count']}")


OTHER_SHAPE = """
listen: {public: /run/mas.sock}
routes:
  nginx: true
  caddy: true
  host: matrix.example.com
  path: /auth/
  matrixHost: matrix.example.com
  internal: 127.0.0.1:8480
"""

NGINX = """
ssl_certificate /etc/ssl/test.pem;
ssl_certificate_key /etc/ssl/test.key;
server {
    listen 443 ssl;
    server_name matrix.example.com;
    include snippets/matrix-authentication-service/mas.conf;
    include snippets/matrix-authentication-service/matrix.conf;
}
server {
    listen 443 ssl;
    server_name example.com;
    include snippets/matrix-authentication-service/well-known.conf;
}
"""

CADDY = """
matrix.example.com {
    tls /etc/ssl/test.pem /etc/ssl/test.key
    import matrix-authentication-service/mas.caddy
    import matrix-authentication-service/matrix.caddy
}
example.com {
    tls /etc/ssl/test.pem /etc/ssl/test.key
    import matrix-authentication-service/well-known.caddy
}
"""


def other_shape(server: Homeserver) -> None:
    """MAS behind a Unix socket, below a path of Synapse's name, its database over TCP with a
    password; an entry point for programs on this host."""
    machine = server.machine
    config = (HERE / "homeserver.yaml").read_text()
    config = config[: config.index("routes:")] + OTHER_SHAPE
    config = config.replace("settings:\n", "settings:\n  database: {host: 127.0.0.1}\n")
    machine.copy_from_host(server.render(config, "other"), "/")
    (machine.root / "etc/nginx/conf.d/homeserver.conf").write_text(NGINX)
    machine.succeed(f"systemctl daemon-reload && systemctl stop {SERVICE}.socket {SERVICE}")
    machine.succeed(f"systemctl restart {SERVICE}-secrets {SERVICE}-database")
    machine.succeed(f"systemctl start {SERVICE} && systemctl reload nginx")
    mode = machine.succeed(f"stat --format='%a %U %G' {SECRETS}/database").strip()
    assert mode == f"400 {SERVICE} matrix-synapse", mode
    check_entry_points(server)
    internal = "http://127.0.0.1:8480"
    assert server.status(f"{internal}/_matrix/client/v3/login") == 200
    assert server.status(f"{internal}/_matrix/client/versions") == 200
    assert server.status(f"{internal}/_synapse/admin/v1/server_version") == 404


def behind_caddy(server: Homeserver) -> None:
    """The same behind Caddy."""
    machine = server.machine
    (machine.root / "etc/caddy/Caddyfile").write_text(CADDY)
    machine.succeed("systemctl stop nginx && systemctl restart caddy")
    machine.wait_for_open_port(443)
    check_entry_points(server)


def check_entry_points(server: Homeserver) -> None:
    """Users find MAS below its path, log in, and cannot reach anything internal."""
    matrix = "https://matrix.example.com"
    issuer = server.client("request", f"{matrix}/_matrix/client/v1/auth_metadata")["body"]["issuer"]
    assert issuer == f"{matrix}/auth/", issuer
    found = server.client("request", "https://example.com/.well-known/matrix/client")["body"]
    assert found["org.matrix.msc2965.authentication"]["account"] == f"{matrix}/auth/account/", found
    server.token()
    token = server.client("login-oauth", "alice", "correct horse battery")["access_token"]
    server.client("use", token)
    for path in ("/_synapse/admin/v1/server_version", "/_synapse/mas/query_user", "/auth/health"):
        assert server.status(matrix + path) == 404, path


def role(server: Homeserver) -> None:
    """A host that only processes the queue does not listen."""
    machine = server.machine
    config = (HERE / "homeserver.yaml").read_text() + "role: worker\n"
    machine.copy_from_host(server.render(config, "worker"), "/")
    machine.succeed(f"systemctl daemon-reload && systemctl stop {SERVICE}.socket")
    machine.succeed(f"systemctl restart {SERVICE}")
    machine.wait_for_unit(f"{SERVICE}.service")
    machine.fail("</dev/tcp/127.0.0.1/8081")


def reload(server: Homeserver) -> None:
    """A reload keeps the process."""
    machine = server.machine
    before = machine.succeed(f"systemctl show --value --property=MainPID {SERVICE}")
    machine.succeed(f"systemctl reload {SERVICE}")
    assert machine.succeed(f"systemctl show --value --property=MainPID {SERVICE}") == before
    machine.wait_for_unit(f"{SERVICE}.service")


def run(server: Homeserver, mas: Path | None) -> None:
    """The whole test."""
    machine = server.machine
    server.install(mas)
    services = ["nginx.service", *UNITS[:2]]
    if mas:
        services += [*UNITS[2:5], "matrix-synapse.service", "matrix-synapse-worker.service"]
    with subtest("from an empty disk to running"):
        machine.start()
        wait_running(server, services)
    with subtest("the units pass systemd-analyze verify"):
        verify_units(server)
    with subtest("exposure of the units"):
        exposure(server)
    with subtest("secrets exist, and only their users can read them"):
        before = check_secrets(server)
    with subtest("the database is MAS's own"):
        check_database(server)
    with subtest("a missing secret is named"):
        missing_secret(server)
    with subtest("one database for both is refused"):
        same_database(server)
    with subtest("Synapse agrees on what conflicts with delegation"):
        synapse_agrees(server)
    if not mas:
        for part in NEEDS_MAS:
            skip(part)
        with subtest("a reboot keeps the secrets"):
            machine.shutdown()
            machine.start()
            wait_running(server, services)
            assert check_secrets(server) == before
        return
    with subtest("tools and declared users"):
        check_tools(server)
    with subtest("logins: old, new, through the worker; out again"):
        token = log_in(server)
    with subtest("routes"):
        check_routes(server)
    with subtest("doctor"):
        check_doctor(server)
    with subtest("reload"):
        reload(server)
    with subtest("MAS killed under load"):
        killed(server, token)
    with subtest("PostgreSQL restarted"):
        postgresql_restarted(server, token)
    with subtest("the wrong shared secret"):
        wrong_shared_secret(server)
    with subtest("a reboot keeps secrets, users and sessions"):
        machine.shutdown()
        machine.start()
        wait_running(server, services)
        assert check_secrets(server) == before
        server.client("use", token)
        server.token()
    with subtest("secrets are changed"):
        rotation(server)
    with subtest("restarts behind sockets"):
        sockets(server)
    with subtest("a Unix socket, a path, and a password for the database"):
        other_shape(server)
    with subtest("Caddy"):
        behind_caddy(server)
    with subtest("a worker"):
        role(server)


def main(test: Callable[[Homeserver, Path | None], None], description: str | None) -> None:
    """Runs a test on a machine of its own, which is gone afterwards."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--image", type=Path, required=True)
    parser.add_argument("--programs", type=Path, required=True, help="where cargo put ours")
    parser.add_argument("--keep", action="store_true", help="keep the machine if a test fails")
    arguments = parser.parse_args()
    found = shutil.which("mas-cli")
    mas = Path(found).resolve().parent.parent if found else None
    if mas and not (mas / f"share/{SERVICE}/manifest.json").exists():
        mas = None
    server = Homeserver(arguments.image, arguments.programs)
    try:
        test(server, mas)
    except BaseException:
        if arguments.keep:
            print(f"kept: {server.machine.root}", file=sys.stderr)
            raise
        server.machine.remove()
        raise
    server.machine.remove()


if __name__ == "__main__":
    main(run, __doc__)
