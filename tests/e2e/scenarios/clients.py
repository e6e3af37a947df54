"""What clients expect beside logins: login with a QR code, servers for calls, an admin interface."""

UNSTABLE = f"{MATRIX}/_matrix/client/unstable"
ADMIN = "urn:mas:admin urn:synapse:admin:*"

machine.start()
with subtest("everything runs"):
    wait_running(machine, "nginx.service", MAS, SYNAPSE, "matrix-authentication-service-users.service")
    delegated(machine)
    token = client(machine, "login-oauth", "bob", PASSWORD)["access_token"]
with subtest("devices meet at Synapse, logged in or not"):
    found = client(machine, "request", "--post", f"{UNSTABLE}/io.element.msc4388/rendezvous")
    # The body has no `data`.
    assert found["body"].get("errcode") == "M_INVALID_PARAM", found
    found = client(machine, "request", f"{UNSTABLE}/io.element.msc4388/rendezvous")
    assert found == {"status": 200, "body": {"create_available": True}}, found
    # The version of 2024: curl, because the body is text, and the answer is in headers, too.
    post = "curl -sf -i -H 'Content-Type: text/plain' --data hello"
    answer = machine.succeed(f"{post} {UNSTABLE}/org.matrix.msc4108/rendezvous")
    url = json.loads(answer.splitlines()[-1])["url"]
    assert url.startswith(f"{MATRIX}/_synapse/client/rendezvous/"), answer
    assert machine.succeed(f"curl -sf {url}") == "hello"
with subtest("another device confirms the login"):
    login = client(machine, "login-device", "bob", PASSWORD)
    who = client(machine, "use", login["access_token"])
    assert (who["user_id"], who["device_id"]) == ("@bob:example.com", login["device_id"]), who
with subtest("clients find the servers for calls"):
    assert "org.matrix.msc2965.authentication" in well_known(machine)
    transports = f"{UNSTABLE}/org.matrix.msc4143/rtc/transports"
    found = client(machine, "request", transports, "--token", token)["body"]
    assert found["rtc_transports"][0]["livekit_service_url"] == "https://rtc.example.com/livekit/jwt", found
with subtest("an admin interface reaches both admin APIs, with the token of an administrator"):
    users = {
        f"{AUTH}/api/admin/v1/users": ("data", [400, 401, 401]),
        f"{MATRIX}/_synapse/admin/v2/users?guests=false": ("users", [401, 401, 403]),
    }
    admin = client(machine, "login-oauth", "alice", PASSWORD, "--scope", ADMIN)["access_token"]
    for url, (name, refused) in users.items():
        statuses = [status(machine, url, used) for used in ("", "unknown", token)]
        assert statuses == refused, (url, statuses)
        answer = client(machine, "request", url, "--token", admin)["body"]
        assert len(answer.get(name, [])) == 2, answer
    assert status(machine, f"{MATRIX}/_synapse/mas/query_user") == 404
with subtest("a program reaches MAS's admin API, through the proxy and on the host"):
    for base in (AUTH, "http://127.0.0.1:8081"):
        answer = machine.succeed(
            "curl -sf -u 01J44RKQYM4G3TNVANTMTDYTX6:of-the-test -d grant_type=client_credentials"
            f" -d scope=urn:mas:admin {base}/oauth2/token"
        )
        program = json.loads(answer)["access_token"]
        found = client(machine, "request", f"{base}/api/admin/v1/users", "--token", program)["body"]
        admins = [it["attributes"]["username"] for it in found["data"] if it["attributes"]["admin"]]
        assert admins == ["alice"], found
