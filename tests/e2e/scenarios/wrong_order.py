"""The wrong order is refused before anything is stopped. The right order leads from an existing homeserver
to the final static configuration."""

SYSTEMS = "/run/booted-system"


def switch(name: str) -> str:
    """The output of switching to a configuration."""
    return machine.succeed(f"{SYSTEMS}/specialisation/{name}/bin/switch-to-configuration test 2>&1")


def refuse(command: str) -> str:
    """The message of a refused switch, which stops nothing."""
    since = machine.succeed(f"systemctl show {SYNAPSE} -P ActiveEnterTimestampMonotonic")
    output = machine.fail(f"{command} 2>&1")
    assert machine.succeed(f"systemctl show {SYNAPSE} -P ActiveEnterTimestampMonotonic") == since
    return output


def whoami(token: str) -> str:
    """The owner of a token, without the proxy, which does not exist at first."""
    url = "http://127.0.0.1:8008/_matrix/client/v3/account/whoami"
    return str(client(machine, "request", url, "--token", token)["body"].get("user_id"))


machine.start()
with subtest("an existing homeserver, without MAS"):
    wait_for_synapse(machine)
    register(machine, "alice")
    body = json.dumps(
        {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": "alice"},
            "password": PASSWORD,
        }
    )
    login = f"curl -sf -d {shlex.quote(body)} http://127.0.0.1:8008/_matrix/client/v3/login"
    token = json.loads(machine.succeed(login))["access_token"]
    assert whoami(token) == "@alice:example.com"
with subtest("delegating before migrating is refused"):
    output = refuse(f"{SYSTEMS}/specialisation/delegating/bin/switch-to-configuration test")
    assert "syn2mas migrate" in output, output
    assert whoami(token) == "@alice:example.com"
with subtest("preparing a migration changes nothing for users"):
    switch("migrating")
    legacy(machine)
    assert whoami(token) == "@alice:example.com"
with subtest("migrate"):
    machine.succeed("systemctl start syn2mas-migrate")
    delegated(machine)
    assert status(machine, WHOAMI, token) == 200
with subtest("a configuration without MAS is refused"):
    output = refuse(f"{SYSTEMS}/bin/switch-to-configuration test")
    assert "syn2mas rollback" in output, output
    assert status(machine, WHOAMI, token) == 200
with subtest("a configuration without the old passwords is refused"):
    output = refuse(f"{SYSTEMS}/specialisation/delegating/bin/switch-to-configuration test")
    assert "migration.passwords" in output, output
    assert status(machine, WHOAMI, token) == 200
with subtest("the final static configuration is accepted"):
    switch("settled")
    delegated(machine)
    assert status(machine, WHOAMI, token) == 200
    assert status(machine, WHOAMI, log_in(machine, "alice")) == 200
    machine.fail("systemctl cat syn2mas-migrate 2>&1")
