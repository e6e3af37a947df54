"""Users who log in through an OpenID provider are migrated, and keep their accounts."""

CAROL = ["carol@example.com", "carol-password"]

machine.start()
with subtest("an existing homeserver with an OpenID provider"):
    wait_running(machine, "nginx.service", "dex.service", SYNAPSE)
    machine.wait_for_open_port(5556)
    legacy(machine)
    register(machine, "alice")
    before = client(machine, "login-sso", "oidc-dex", *CAROL)
    assert before["user_id"] == "@carol:example.com", before
    carol = Person(machine, "carol", before["access_token"], "alice")
with subtest("migrate"):
    machine.succeed("systemctl start syn2mas-inspect")
    assert "provider" not in journal(machine, "syn2mas-inspect")
    machine.succeed("systemctl start syn2mas-migrate")
    delegated(machine)
with subtest("nobody notices"):
    carol.is_unaffected()
with subtest("the provider leads to the same account"):
    new = client(machine, "login-provider", *CAROL)
    who = client(machine, "use", new["access_token"])
    assert who["user_id"] == "@carol:example.com", who
    assert who["device_id"] == new["device_id"], who
    query = "SELECT count(*) FROM upstream_oauth_links WHERE user_id IS NOT NULL"
    links = machine.succeed(f'runuser -u postgres -- psql -XAtc "{query}" matrix-authentication-service')
    assert links.strip() == "1", links
with subtest("after a rollback, the provider leads to the same account again"):
    machine.succeed("syn2mas rollback --accept-loss 2>&1")
    legacy(machine)
    carol.has_everything()
    again = client(machine, "login-sso", "oidc-dex", *CAROL)
    assert again["user_id"] == "@carol:example.com", again
