"""docs/debian.md, command by command: a Debian with Synapse, a worker, PostgreSQL, nginx and an identity
provider, on which the commands of the page are run in their order. The machine has no network, so it starts
with what the page lets people download: the package of mas2nix, and MAS's tarball."""

import argparse
import contextlib
import json
import re
import shlex
import shutil
import sys
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
DRIVER = HERE.parent / "driver"
PAGE = ROOT / "docs/debian.md"
sys.path.insert(0, str(DRIVER))

from machine import Machine  # noqa: E402

MATRIX = "https://matrix.example.com"
LOGIN = f"{MATRIX}/_matrix/client/v3/login"
WHOAMI = f"{MATRIX}/_matrix/client/v3/account/whoami"
CAROL = ["carol", "carol-password"]
USERS = 5000
# Commands that say by another code that there is something to read, and these codes.
CODES = {"syn2mas inspect": 11, "syn2mas rollback": 10}


@dataclass
class Block:
    """A block of code on the page, with the output that the page shows after it."""

    section: str
    commands: str
    output: str = ""


def blocks(page: str) -> list[Block]:
    """The blocks `sh`, which are run, each with the block `text` after it, if there is one."""
    found: list[Block] = []
    section = ""
    for match in re.finditer(r"^## ([^\n]+)$|^```(\w+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        title, language, content = match.groups()
        if title:
            section = title
        elif language == "sh":
            found.append(Block(section, content))
        elif language == "text":
            found[-1].output = content
        else:
            assert language == "console", f"a block of {language} in {section}"
    return found


@contextlib.contextmanager
def subtest(name: str) -> Iterator[None]:
    """A part of the test, with its name and duration."""
    start = time.monotonic()
    yield
    print(f"  ok  {name} ({time.monotonic() - start:.1f} s)", flush=True)


class Host:
    """The host of the page."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        # Tokens from before the migration.
        self.tokens: list[str] = []
        self.redirect_uri = ""

    def install(self, deb: Path, mas: Path) -> None:
        """What is there before the page begins."""
        machine = self.machine
        machine.copy_from_host(str(HERE / "fixture"), "/")
        machine.copy_from_host(str(HERE.parent / "scenarios/client.py"), "/opt/client.py")
        machine.copy_from_host(str(deb), f"/root/{deb.name}")
        self.put_tarball(mas)
        (machine.root / "opt/venvs").mkdir()
        (machine.root / "opt/venvs/matrix-synapse").symlink_to("/opt/synapse")
        for site in ("matrix", "id"):
            link = machine.root / f"etc/nginx/sites-enabled/{site}"
            link.symlink_to(f"../sites-available/{site}")
        self.machine.while_off("systemd-sysusers")
        own = "install -d -o matrix-synapse -g matrix-synapse /var/lib/matrix-synapse".split()
        self.machine.while_off(*own, "/etc/matrix-synapse")
        self.put_certificate()
        self.put_identity_provider()
        worker = "matrix-synapse-worker@generic_worker"
        units = ["redis-server", "nginx", "identity-provider", "matrix-synapse.target"]
        self.machine.while_off("systemctl", "enable", *units, "matrix-synapse", worker)

    def put_tarball(self, mas: Path) -> None:
        """MAS's release: `mas-cli` at the top, `share` beside it."""
        share = self.machine.root / "root/share"
        shutil.copytree(mas / "share/matrix-authentication-service", share)
        if not (share / "policy.wasm").exists():
            self.machine.copy_from_host(str(DRIVER / "policy.wat"), "/root/policy.wat")
            self.machine.while_off("wat2wasm", "/root/policy.wat", "-o", "/root/share/policy.wasm")
        archive = self.machine.root / "root/mas-cli-x86_64-linux.tar.gz"
        with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
            tar.add(mas / "bin/mas-cli", "mas-cli")
            tar.add(share, "share")
        shutil.rmtree(share)

    def put_certificate(self) -> None:
        """A certificate for all names, of an authority that the machine trusts."""
        at = "/etc/letsencrypt/live/example.com"
        (self.machine.root / at.lstrip("/")).mkdir(parents=True)
        names = "DNS:example.com,DNS:auth.example.com,DNS:id.example.com,DNS:matrix.example.com"
        make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
        trusted = "/usr/local/share/ca-certificates/test.crt"
        self.machine.while_off(
            *f"{make} -keyout /root/ca.key -out {trusted} -subj /CN=authority".split(),
            *"-addext keyUsage=critical,keyCertSign,cRLSign".split(),
        )
        self.machine.while_off(
            *f"{make} -CA {trusted} -CAkey /root/ca.key -subj /CN=test".split(),
            *f"-keyout {at}/privkey.pem -out {at}/fullchain.pem".split(),
            *f"-addext basicConstraints=critical,CA:FALSE -addext subjectAltName={names}".split(),
        )
        self.machine.while_off("update-ca-certificates")

    def put_identity_provider(self) -> None:
        """Canaille in place of Keycloak, with the client `synapse` and the user carol."""
        directory = self.machine.root / "var/lib/canaille"
        directory.mkdir()
        configuration = (HERE / "canaille.toml").read_text()
        (directory / "canaille.toml").write_text(configuration)
        redirect = f"{MATRIX}/_synapse/client/oidc/callback"
        script = f"""
            key=$({self.canaille("jwk create rsa")} | sed 's/": /"=/g')
            echo "ACTIVE_JWKS = [ $key ]" >>/var/lib/canaille/canaille.toml
            {self.canaille("install")}
            {
            self.canaille(
                "create client --client-id synapse --client-secret of-the-client "
                "--client-name synapse --client-uri https://id.example.com "
                "--token-endpoint-auth-method client_secret_basic "
                "--id-token-signed-response-alg RS256 --grant-types authorization_code "
                "--response-types code --scope openid --scope profile --scope email "
                f"--redirect-uris {redirect}"
            )
        }
            {self.canaille("set client synapse --audience synapse")}
            {
            self.canaille(
                "create user --user-name carol --password carol-password --display-name carol "
                "--emails carol@example.com --family-name Carol --formatted-name Carol"
            )
        }
        """
        self.machine.while_off("bash", "-euc", script)

    def canaille(self, arguments: str) -> str:
        environment = "CANAILLE_CONFIG=/var/lib/canaille/canaille.toml HOME=/var/lib/canaille"
        return f"env --chdir=/var/lib/canaille {environment} /opt/canaille/bin/canaille {arguments}"

    def client(self, *arguments: str) -> dict:
        """The output of the Matrix client."""
        command = shlex.join(["python3", "/opt/client.py", *arguments])
        return json.loads(self.machine.succeed(f"{command} 2>&1"))

    def start(self) -> None:
        """Boots, and starts with users and their sessions."""
        machine = self.machine
        machine.start()
        machine.wait_until_succeeds("runuser -u postgres -- psql -c 'SELECT 1'")
        machine.succeed(
            "runuser -u postgres -- psql -c \"CREATE ROLE synapse_user LOGIN PASSWORD 'of-synapse'\"",
            "runuser -u postgres -- createdb --encoding=UTF8 --locale=C --template=template0 "
            "--owner=synapse_user synapse",
            "systemctl restart matrix-synapse.target matrix-synapse",
        )
        for port in (8008, 8083):
            versions = f"http://127.0.0.1:{port}/_matrix/client/versions"
            machine.wait_until_succeeds(f"curl --silent --fail {versions}", 120)
        register = "/opt/synapse/bin/register_new_matrix_user -c /etc/matrix-synapse/homeserver.yaml"
        machine.succeed(f"{register} -u alice -p alice-password --no-admin http://127.0.0.1:8008")
        self.add_users()
        alice = self.client("login-password", "alice", "alice-password")
        carol = self.client("login-sso", "oidc-keycloak", *CAROL)
        assert carol["user_id"] == "@carol:example.com", carol
        self.tokens = [alice["access_token"], carol["access_token"]]

    def add_users(self) -> None:
        """More users, each with a password, a device and a session."""
        name = "'@user' || i || ':example.com'"
        now = int(time.time())
        statements = f"""
            INSERT INTO users (name, password_hash, creation_ts, admin, is_guest)
              SELECT {name}, h, {now}, 0, 0 FROM generate_series(1, {USERS}) i,
                (SELECT password_hash h FROM users WHERE name = '@alice:example.com') alice;
            INSERT INTO devices (user_id, device_id, hidden, last_seen)
              SELECT {name}, 'D' || i, false, {now}000 FROM generate_series(1, {USERS}) i;
            INSERT INTO access_tokens (id, user_id, device_id, token)
              SELECT 1000000 + i, {name}, 'D' || i, 'syt_' || i FROM generate_series(1, {USERS}) i;
        """
        (self.machine.root / "root/users.sql").write_text(statements)
        psql = "psql --quiet --set=ON_ERROR_STOP=1 --file=- synapse"
        self.machine.succeed(f"runuser -u postgres -- {psql} </root/users.sql")

    def answered_by_worker(self, url: str) -> bool:
        """Whether the worker answers, as nginx says."""
        headers = self.machine.succeed(f"curl --silent --head {url}")
        return "x-answered-by: worker" in headers.lower()

    def legacy(self) -> None:
        """Synapse logs people in, at its worker."""
        self.machine.fail("systemctl is-active matrix-authentication-service")
        assert self.answered_by_worker(LOGIN)
        flows = self.client("request", LOGIN)["body"]["flows"]
        assert "m.login.sso" in [flow["type"] for flow in flows], flows
        self.keeps_sessions()
        self.client("login-sso", "oidc-keycloak", *CAROL)

    def delegates(self) -> None:
        """MAS logs people in, and the worker answers everything else."""
        assert not self.answered_by_worker(LOGIN)
        assert self.answered_by_worker(f"{MATRIX}/_matrix/client/v3/sync")
        metadata = self.client("request", f"{MATRIX}/_matrix/client/v1/auth_metadata")
        assert metadata["body"]["issuer"] == "https://auth.example.com/", metadata
        self.keeps_sessions()
        password = self.client("login-password", "user7", "alice-password")
        assert password["user_id"] == "@user7:example.com", password
        token = self.client("login-provider", *CAROL)["access_token"]
        who = self.client("use", token)
        assert who["user_id"] == "@carol:example.com", who

    def keeps_sessions(self) -> None:
        """Tokens from before are valid, at the main process and at the worker."""
        for token in [*self.tokens, f"syt_{USERS}"]:
            for base in (MATRIX, "http://127.0.0.1:8008", "http://127.0.0.1:8083"):
                url = f"{base}/_matrix/client/v3/account/whoami"
                answer = self.client("request", url, "--token", token)
                assert answer["status"] == 200, (base, answer)

    # What a reader does between the blocks, and what is so before and after them.

    def before(self, block: Block) -> None:
        if "syn2mas cutover" in block.commands:
            self.wait_for_round()

    def after(self, block: Block, output: str) -> None:
        commands = block.commands
        if "apt-get install" in commands:
            self.follow_links()
        elif "syn2mas translate" in commands:
            found = re.search(r"https://auth\S+/upstream/callback/\S+", output)
            assert found, output
            self.redirect_uri = found[0]
        elif "syn2mas inspect" in commands:
            ids = re.findall(r"^(?:BLOCKER|warning|note): (\S+)", output, re.MULTILINE)
            wrong = {"overlay-not-read", "process-not-named", "process-unknown", "login-not-answered"}
            assert not wrong & set(ids), output
            assert "BLOCKER" not in output, output
            # What explains them is where the package has it.
            assert not ids or "see /usr/share/doc/mas2nix/troubleshooting.md#" in output, output
        elif "syn2mas cutover" in commands:
            inactive = "test $(systemctl show syn2mas-prepare -P ActiveState) = inactive"
            self.machine.wait_until_succeeds(inactive)
            journal = self.machine.succeed("journalctl --output=cat --unit=syn2mas-prepare")
            assert "The homeserver is migrated." in journal, journal
            print(f"      {journal.strip().splitlines()[-1]}")

    def follow_links(self) -> None:
        """The package has everything that its pages have links to."""
        pages = self.machine.root / "usr/share/doc/mas2nix"
        links = {
            page.parent / link
            for page in pages.glob("*.md")
            for link in re.findall(r"\]\(([^()\s:#]+)(?:#[^()\s]*)?\)", page.read_text())
        }
        assert len(links) > 20, links
        missing = [str(link) for link in links if not link.exists()]
        assert not missing, missing

    def wait_for_round(self) -> None:
        """Until the migration is catching up."""
        deadline = time.monotonic() + 120
        while True:
            live = json.loads(self.machine.succeed("syn2mas status --json"))["live"]
            if live and live["step"] == "catch-up" and live["rounds"]:
                return
            assert time.monotonic() < deadline, live
            self.machine.succeed("systemctl is-active syn2mas-prepare; sleep 0.5")

    def tell_provider(self) -> None:
        """Step 6, in Canaille."""
        own = f"{MATRIX}/_synapse/client/oidc/callback"
        uris = f"--redirect-uris {own} --redirect-uris {self.redirect_uri}"
        self.machine.succeed(self.canaille(f"set client synapse {uris}"))

    def run(self, block: Block) -> None:
        """Runs a block, and compares what it prints with what the page shows."""
        self.before(block)
        code, output = self.machine.execute(f"cd /root\nexec 2>&1\n{block.commands}")
        allowed = [0, CODES.get(block.commands.strip(), 0)]
        assert code in allowed, f"{block.section}: {block.commands}ended with {code}:\n{output}"
        print("".join(f"      | {line}\n" for line in output.splitlines()[-12:]), end="")
        assert block.output in output, f"the page shows:\n{block.output}\nbut it is:\n{output}"
        self.after(block, output)


def sections(found: list[Block]) -> dict[str, list[Block]]:
    """The blocks of each section, in order."""
    by_section: dict[str, list[Block]] = {}
    for block in found:
        by_section.setdefault(block.section, []).append(block)
    return by_section


def test(host: Host) -> None:
    """The whole page. After going back, the homeserver is migrated again, to stay."""
    page = sections(blocks(PAGE.read_text()))
    names = {name.split(".")[0]: name for name in page}
    expected = [str(number) for number in range(1, 12) if number != 6]
    assert list(names) == expected, list(names)

    def follow(number: str) -> None:
        with subtest(names[number]):
            for block in page[names[number]]:
                host.run(block)

    with subtest(f"a homeserver with {USERS} users"):
        host.start()
        host.legacy()
    for number in ["1", "2", "3", "4", "5"]:
        follow(number)
    with subtest("6. the identity provider"):
        host.tell_provider()
    follow("7")
    with subtest("nothing has changed for users"):
        host.legacy()
    follow("8")
    with subtest("everybody keeps sessions, and logs in through MAS"):
        host.delegates()
    follow("9")
    follow("10")
    with subtest("everything is as before"):
        host.legacy()
    for number in ["8", "9", "11"]:
        follow(number)
    with subtest("it stays so, also after a reboot"):
        host.delegates()
        host.machine.shutdown()
        host.machine.start()
        for port in (8008, 8083):
            versions = f"http://127.0.0.1:{port}/_matrix/client/versions"
            host.machine.wait_until_succeeds(f"curl --silent --fail {versions}", 120)
        host.delegates()
        state = host.machine.execute("systemctl is-system-running --wait")[1].strip()
        failed = host.machine.execute("systemctl --failed --no-legend --plain")[1]
        assert state == "running", f"{state}\n{failed}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", type=Path, required=True)
    parser.add_argument("--mas", type=Path, required=True, help="above MAS's bin")
    parser.add_argument("--deb", type=Path, required=True, help="the package of mas2nix")
    parser.add_argument("--keep", action="store_true", help="keep the machine if the test fails")
    arguments = parser.parse_args()
    host = Host(Machine(arguments.image))
    start = time.monotonic()
    try:
        host.install(arguments.deb, arguments.mas)
        test(host)
    except BaseException:
        if arguments.keep:
            print(f"kept: {host.machine.root}", file=sys.stderr)
        else:
            host.machine.remove()
        raise
    host.machine.remove()
    seconds = time.monotonic() - start
    print(f"docs/debian.md: {seconds:.0f} s")


if __name__ == "__main__":
    main()
