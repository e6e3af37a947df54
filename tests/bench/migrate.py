#!/usr/bin/env python3
"""What verifying costs beside the import itself: a synthetic homeserver, `mas-cli syn2mas migrate`, and
`syn2mas verify`, in one run. Run it as `tests/postgres tests/bench/migrate.py [USERS…]` (default 20000
200000); it needs `mas-cli` on PATH, `tests/synapse` run before, and `cargo build --release`."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOST = os.environ["PGHOST"]

ROWS = """
INSERT INTO users (name, password_hash, creation_ts, admin, is_guest, deactivated, locked)
SELECT '@user' || i || ':example.com', '$2b$12$' || md5(i::text) || substr(md5((i * 7)::text), 1, 21),
  1500000000 + i, 0, 0, 0, false FROM generate_series(1, {n}) i;
INSERT INTO user_threepids (user_id, medium, address, validated_at, added_at)
SELECT '@user' || i || ':example.com', 'email', 'user' || i || '@example.com', 1500000000000 + i,
  1500000000000 + i FROM generate_series(1, {n}) i WHERE i % 3 <> 0;
INSERT INTO user_external_ids (auth_provider, external_id, user_id)
SELECT 'oidc-one', 'subject' || i, '@user' || i || ':example.com' FROM generate_series(1, {n}) i
WHERE i % 4 = 0;
INSERT INTO devices (user_id, device_id, display_name, last_seen, ip, user_agent, hidden)
SELECT '@user' || i || ':example.com', 'DEVICE' || d, 'Element on device ' || d, 1600000000000 + i,
  CASE d WHEN 2 THEN '2001:db8::' || to_hex(1 + i % 65535) ELSE '192.0.2.' || (i % 256) END,
  'Mozilla/5.0 (X11; Linux x86_64)', false FROM generate_series(1, {n}) i, generate_series(1, 3) d;
INSERT INTO access_tokens (id, user_id, device_id, token, last_validated, used)
SELECT i * 3 + d, '@user' || i || ':example.com', 'DEVICE' || d, 'syt_' || md5((i * 3 + d)::text),
  1600000000000 + i, true FROM generate_series(1, {n}) i, generate_series(1, 3) d;
ANALYZE;
"""


def timed(command: list[str]) -> tuple[float, float]:
    """Seconds and peak memory in MB of a command that has to succeed."""
    before = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    error = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, error.decode()[-2000:]
    return time.monotonic() - before, usage.ru_maxrss / 1024


def psql(database: str, *arguments: str) -> None:
    subprocess.run(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", database, *arguments], check=True)


def measure(users: int) -> None:
    for name in ("synapse", "mas"):
        psql("postgres", "-c", f"CREATE DATABASE {name} TEMPLATE template0 LOCALE 'C'")
    subprocess.run(
        ["psql", "-Xq", "-d", "synapse", "-f", ROOT / "target/synapse/schema.sql"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    psql("synapse", "-c", ROWS.format(n=users))
    directory = Path(tempfile.mkdtemp())
    (directory / "homeserver.yaml").write_text(
        "server_name: example.com\n"
        f"database: {{name: psycopg2, args: {{user: postgres, database: synapse, host: {HOST}}}}}\n"
        "oidc_providers: [{idp_id: one, idp_name: One, issuer: 'https://one/', client_id: a}]\n"
    )
    (directory / "mas.yaml").write_text(
        "matrix: {homeserver: example.com, secret: a}\n"
        f"secrets: {{encryption: '{'0' * 64}'}}\n"
        f"database: {{uri: 'postgresql://postgres@{HOST.replace('/', '%2F')}/mas'}}\n"
        "passwords: {schemes: [{version: 1, algorithm: bcrypt, unicode_normalization: true}]}\n"
        "upstream_oauth2: {providers: [{id: 01HFVBY12TMNTYTBV8W921M5FA, synapse_idp_id: oidc-one, "
        "issuer: 'https://one/', client_id: a, token_endpoint_auth_method: none}]}\n"
    )
    synapse = ["--synapse-config", str(directory / "homeserver.yaml")]
    mas = str(directory / "mas.yaml")
    migrate, _ = timed(["mas-cli", "--config", mas, "syn2mas", "migrate", *synapse])
    syn2mas = str(ROOT / "target/release/syn2mas")
    verify, memory = timed([syn2mas, "verify", *synapse, "--mas-config", mas])
    print(f"{users:>10}{migrate:>12.1f}{verify:>12.2f}{verify / migrate:>10.0%}{memory:>14.0f}")
    for name in ("synapse", "mas"):
        psql("postgres", "-c", f"DROP DATABASE {name}")


def main() -> None:
    print(f"{'users':>10}{'migrate, s':>12}{'verify, s':>12}{'ratio':>10}{'verify, MB':>14}")
    for users in [int(argument) for argument in sys.argv[1:]] or [20_000, 200_000]:
        measure(users)


if __name__ == "__main__":
    main()
