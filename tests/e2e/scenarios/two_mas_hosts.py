"""Two MAS hosts with one database: sessions are valid on both, and one of the hosts can fail."""

LOGOUT = f"{MATRIX}/_matrix/client/v3/logout"

first.start()
with subtest("the first host"):
    wait_running(first, "nginx.service", MAS, SYNAPSE)
    role = "ALTER ROLE \\\"matrix-authentication-service\\\" PASSWORD 'of-mas'"
    first.succeed(f'runuser -u postgres -- psql -Xqc "{role}"')
    first.succeed(f"printf '{PASSWORD}' >/root/password")
    first.succeed("mas-register-user alice --password-file /root/password 2>&1")
with subtest("the second host, with the same database and secrets"):
    second.start()
    wait_running(second, "nginx.service", MAS)
    issuer = client(second, "request", f"{AUTH}/.well-known/openid-configuration")["body"]["issuer"]
    assert issuer == f"{AUTH}/", issuer
with subtest("a login on one host is valid on the other"):
    here, there = log_in(first, "alice"), log_in(second, "alice")
    assert here != there
    for host in (first, second):
        for token in (here, there):
            assert client(host, "use", token)["user_id"] == "@alice:example.com"
    new = client(second, "login-oauth", "alice", PASSWORD)
    assert client(first, "use", new["access_token"])["device_id"] == new["device_id"]
with subtest("a logout on one host is effective on the other"):
    assert client(second, "request", LOGOUT, "--token", here, "--post")["status"] == 200
    assert status(first, WHOAMI, here) == 401
with subtest("the first MAS stops, and logins continue on the second"):
    first.succeed(f"systemctl stop {MAS}")
    meanwhile = client(second, "login-password", "alice", PASSWORD)["access_token"]
    first.succeed(f"systemctl start {MAS}")
    assert status(first, WHOAMI, meanwhile) == 200
with subtest("the second host loses power, and nobody at the first notices"):
    second.crash()
    assert status(first, WHOAMI, there) == 200
    assert status(first, WHOAMI, log_in(first, "alice")) == 200
    second.start()
    wait_running(second, MAS)
    assert status(second, WHOAMI, there) == 200
