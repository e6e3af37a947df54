"""The commands of docs/migration.md, in its order. What they print is kept below target/tests/walkthrough;
tests/e2e/record puts it into the documents."""

import re

USERS = 5000
# Of the terminal.
COLUMNS = 110
# Three sessions each, and an address for every second user.
POPULATION = f"""
INSERT INTO users (name, password_hash, creation_ts, admin, is_guest, deactivated, locked)
SELECT '@user' || i || ':example.com', '$2b$12$' || left(md5(i::text), 21) || 'e' || left(md5(i::text), 30) || 'a',
  1600000000 + i, 0, 0, 0, false FROM generate_series(1, {USERS}) i;
INSERT INTO user_threepids (user_id, medium, address, validated_at, added_at)
SELECT '@user' || i || ':example.com', 'email', 'user' || i || '@example.com', 1600000000000, 1600000000000
FROM generate_series(1, {USERS}, 2) i;
INSERT INTO devices (user_id, device_id, display_name, last_seen, hidden)
SELECT '@user' || i || ':example.com', 'DEVICE' || d, 'Element', 1700000000000 + i, false
FROM generate_series(1, {USERS}) i, generate_series(1, 3) d;
INSERT INTO access_tokens (id, user_id, device_id, token, last_validated, used)
SELECT 1000 + i * 3 + d, '@user' || i || ':example.com', 'DEVICE' || d, 'syt_' || md5((i * 3 + d)::text),
  1700000000000 + i, true FROM generate_series(1, {USERS}) i, generate_series(1, 3) d;
INSERT INTO user_external_ids (auth_provider, external_id, user_id)
SELECT 'oidc-keycloak', 'subject' || i, '@user' || i || ':example.com' FROM generate_series(1, 12) i;
"""


def sql(statements: str) -> None:
    """Runs statements in Synapse's database."""
    run = "runuser -u postgres -- psql -Xq -v ON_ERROR_STOP=1 matrix-synapse"
    machine.succeed(f"{run} <<<{shlex.quote(statements)} 2>&1")


class Screen:
    """What a terminal shows, with everything that has scrolled away."""

    PART = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|(.)", re.DOTALL)

    def __init__(self, raw: str) -> None:
        self.lines = [""]
        self.continued = {0: False}
        self.row = self.column = 0
        for part in self.PART.finditer(raw):
            if part[2]:
                self.control(part[2], part[1])
            elif part[3] == "\r":
                self.column = 0
            elif part[3] == "\n":
                self.down(False)
            elif part[3].isprintable():
                self.put(part[3])

    def control(self, letter: str, number: str) -> None:
        """Moves up, or deletes the rest of a line or the whole line. Colours do not matter."""
        if letter == "A":
            self.row = max(0, self.row - int(number or 1))
        elif letter == "K":
            self.lines[self.row] = "" if number == "2" else self.lines[self.row][: self.column]

    def down(self, is_continued: bool) -> None:
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append("")
            self.continued[self.row] = is_continued

    def put(self, character: str) -> None:
        if self.column == COLUMNS:
            # Blanks up to the edge stand for a new line.
            self.down(not self.lines[self.row].endswith(" "))
            self.column = 0
        line = self.lines[self.row].ljust(self.column)
        self.lines[self.row] = line[: self.column] + character + line[self.column + 1 :]
        self.column += 1

    def text(self) -> str:
        """The lines, without blanks at their ends and without spinners. Those that the terminal has wrapped
        are whole again."""
        whole: list[str] = []
        for row, line in enumerate(self.lines):
            if self.continued[row]:
                whole[-1] += line
            else:
                whole.append(line)
        whole = [line.rstrip() for line in whole if not re.match(r"[\u2800-\u28ff]", line)]
        return "\n".join(whole).strip("\n")


def keep(name: str, text: str) -> None:
    """Keeps a text for the documents."""
    machine.succeed(f"mkdir -p /tmp/output && printf '%s\\n' {shlex.quote(text)} >/tmp/output/{name}.txt")
    machine.copy_from_machine(f"/tmp/output/{name}.txt", "output")


def record(name: str, command: str, code: int = 0, answer: tuple[str, str] | None = None) -> str:
    """Runs a command on a terminal, answers its question, and keeps what it shows."""
    typed = "true"
    if answer:
        # Not before it asks: the terminal would show it at once.
        typed = f"until grep -qF {shlex.quote(answer[0])} /tmp/typed; do sleep 0.2; done; echo {answer[1]}"
    sized = shlex.quote(f"stty rows 40 cols {COLUMNS}; TERM=xterm {command}")
    terminal = f"script --quiet --flush --return --command {sized} /tmp/typed"
    found, raw = machine.execute(f"rm -f /tmp/typed; touch /tmp/typed; ({typed}) | {terminal}")
    text = Screen(raw).text()
    assert found == code, f"{command}: {found}\n{text}"
    keep(name, f"# {command}\n{text}")
    return text


def wait_for_round() -> None:
    """The prepared migration has caught up with Synapse once."""
    for _ in range(200):
        live = json.loads(machine.succeed("syn2mas status --json"))["live"]
        if live and live["rounds"]:
            return
        machine.succeed("sleep 0.3")
    raise AssertionError(journal(machine, "syn2mas-prepare"))


machine.start()
with subtest("a homeserver with 5,000 users"):
    wait_running(machine, "nginx.service", SYNAPSE)
    legacy(machine)
    register(machine, "alice", admin=True)
    token = log_in(machine, "alice")
    sql(POPULATION)
with subtest("inspect finds a blocker"):
    assert "provider-not-in-mas" in record("inspect-blocked", "syn2mas inspect", 10)
    sql("DELETE FROM user_external_ids WHERE auth_provider = 'oidc-keycloak';")
with subtest("inspect, and rehearse"):
    record("inspect", "syn2mas inspect", 11)
    assert "All data would arrive" in record("rehearse", "syn2mas rehearse")
with subtest("translate"):
    record("translate", "syn2mas translate")
with subtest("migrate, on a terminal"):
    output = record("migrate", "syn2mas migrate", 0, ("[y/N]", "y"))
    assert "The homeserver is migrated." in output, output
    delegated(machine)
    assert client(machine, "use", token)["user_id"] == "@alice:example.com"
    record("status", "syn2mas status")
with subtest("verify"):
    assert "identical" in record("verify", "syn2mas verify")
with subtest("go back, after somebody has logged in through MAS"):
    log_in(machine, "alice")
    assert "--accept-loss" in record("rollback-refused", "syn2mas rollback", 10)
    record("rollback", "syn2mas rollback --accept-loss", 0, ("[y/N]", "y"))
    legacy(machine)
with subtest("prepare, and cut over when told to"):
    machine.succeed("systemctl start syn2mas-prepare")
    wait_for_round()
    record("status-prepared", "syn2mas status")
    record("cutover", "syn2mas cutover")
    machine.wait_until_succeeds("test $(systemctl show syn2mas-prepare -P ActiveState) = inactive", 120)
    delegated(machine)
    keep("prepared", journal(machine, "syn2mas-prepare").strip())
with subtest("clean"):
    record("clean", "syn2mas clean --all --yes")
