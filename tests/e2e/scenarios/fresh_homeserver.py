"""A new homeserver, from an empty disk: secrets, units, a declared user, both kinds of login."""

machine.start()
with subtest("everything runs"):
    wait_running(machine, "nginx.service", MAS, SYNAPSE, "matrix-authentication-service-users.service")
    delegated(machine)
with subtest("everything started in order, without a restart"):
    for unit in ("matrix-authentication-service-migrate-database.service", MAS, SYNAPSE):
        restarts = machine.succeed(f"systemctl show {unit} -P NRestarts").strip()
        assert restarts == "0", (unit, restarts, journal(machine, unit))
    ready = int(machine.succeed(f"systemctl show {MAS} -P ActiveEnterTimestampMonotonic"))
    begun = int(machine.succeed(f"systemctl show {SYNAPSE} -P InactiveExitTimestampMonotonic"))
    assert ready <= begun, "Synapse was started before MAS was ready"
with subtest("the declared user logs in, with legacy login and OAuth 2.0"):
    first = client(machine, "login-password", "alice", PASSWORD)["access_token"]
    assert client(machine, "use", first)["user_id"] == "@alice:example.com"
    second = client(machine, "login-oauth", "alice", PASSWORD)
    who = client(machine, "use", second["access_token"])
    assert who["device_id"] == second["device_id"], (who, second)
    machine.fail("python3 /etc/matrix-client.py login-password alice wrong")
with subtest("the login page opens in a browser"):
    see_login_page(machine, "login")
with subtest("what is public, and what is not"):
    for url, expected in {
        f"{MATRIX}/_matrix/client/versions": 200,
        f"{MATRIX}/_synapse/admin/v1/server_version": 404,
        f"{MATRIX}/_synapse/mas/query_user": 404,
        f"{AUTH}/.well-known/openid-configuration": 200,
        f"{AUTH}/health": 404,
        "https://example.com/.well-known/matrix/server": 200,
        "http://127.0.0.1:8081/health": 200,
    }.items():
        found = status(machine, url)
        assert found == expected, (url, found)
with subtest("a reboot changes nothing"):
    machine.shutdown()
    machine.start()
    wait_running(machine, "nginx.service", MAS, SYNAPSE)
    delegated(machine)
    assert status(machine, WHOAMI, first) == 200
