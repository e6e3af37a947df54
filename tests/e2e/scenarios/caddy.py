"""A migration and a rollback behind Caddy: Caddy sends logins to MAS only in between."""

machine.start()
with subtest("an existing homeserver"):
    wait_running(machine, "caddy.service", SYNAPSE)
    machine.wait_until_succeeds("curl -sf https://matrix.example.com/_matrix/client/versions", 60)
    legacy(machine)
    assert "org.matrix.msc2965.authentication" not in well_known(machine)
    register(machine, "alice")
    alice = Person(machine, "alice", log_in(machine, "alice"))
with subtest("migrate"):
    machine.succeed("systemctl start syn2mas-migrate")
    delegated(machine)
    alice.is_unaffected()
    well_known(machine)
    new = client(machine, "login-oauth", "alice", PASSWORD)
    assert client(machine, "use", new["access_token"])["device_id"] == new["device_id"]
with subtest("what is not public"):
    for url in (f"{MATRIX}/_synapse/admin/v1/server_version", f"{AUTH}/health", f"{AUTH}/metrics"):
        assert status(machine, url) == 404, url
with subtest("roll back"):
    machine.succeed("syn2mas rollback --accept-loss 2>&1")
    legacy(machine)
    alice.has_everything()
