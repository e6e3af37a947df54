"""A Matrix client for the tests, with nothing but Python's own library: every command prints JSON."""

import argparse
import base64
import hashlib
import html.parser
import http.cookiejar
import json
import secrets
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter

MATRIX = "https://matrix.example.com"
CALLBACK = "https://client.example.org/callback"


class Redirected(Exception):
    """The client itself is to be called back."""

    def __init__(self, url):
        super().__init__(url)
        self.url = url


class StopAtCallback(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but not to the client."""

    def redirect_request(self, request, fp, code, msg, headers, newurl):
        if newurl.startswith(CALLBACK):
            raise Redirected(newurl)
        return super().redirect_request(request, fp, code, msg, headers, newurl)


class Forms(html.parser.HTMLParser):
    """The forms of a page that are sent by POST: where to, and their fields."""

    def __init__(self, page):
        super().__init__()
        self.forms, self.inside = [], False
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form" and attributes.get("method", "").lower() == "post":
            self.forms.append((attributes.get("action") or "", {}))
            self.inside = True
        if self.inside and tag in ("input", "button") and attributes.get("name"):
            self.forms[-1][1].setdefault(attributes["name"], attributes.get("value") or "")

    def handle_endtag(self, tag):
        if tag == "form":
            self.inside = False

    def main(self):
        """The form that belongs to the page itself, and not to something like logging out."""
        return min(self.forms, key=lambda form: form[0] != "")


def request(url, body=None, token=None, method=None, headers=None):
    """Status and JSON of an answer."""
    headers = dict(headers or {})
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None
    if body is not None:
        headers.setdefault("Content-Type", "application/json")
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
    call = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(call, timeout=30) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    try:
        return status, json.loads(text)
    except ValueError:
        return status, {"text": text.decode(errors="replace")[:500]}


def good(answer):
    """The JSON of an answer that has to be good."""
    status, body = answer
    assert status == 200, (status, body)
    return body


def login_password(user, password):
    """The old way: m.login.password."""
    flows = good(request(f"{MATRIX}/_matrix/client/v3/login"))["flows"]
    assert any(flow["type"] == "m.login.password" for flow in flows), flows
    body = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": user},
        "password": password,
    }
    return good(request(f"{MATRIX}/_matrix/client/v3/login", body))


def login_oauth(user, password):
    """The new way, as Element X does it: discovery, registration, authorization code with PKCE."""
    base = good(request("https://example.com/.well-known/matrix/client"))
    base = base["m.homeserver"]["base_url"].rstrip("/")
    metadata = good(request(f"{base}/_matrix/client/v1/auth_metadata"))
    client = {
        "client_name": "test",
        "client_uri": "https://client.example.org/",
        "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "application_type": "web",
    }
    status, client = request(metadata["registration_endpoint"], client)
    assert status in (200, 201), (status, client)
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode()
    device = secrets.token_hex(5).upper()
    query = {
        "client_id": client["client_id"],
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "response_mode": "query",
        "scope": "urn:matrix:org.matrix.msc2967.client:api:* "
        f"urn:matrix:org.matrix.msc2967.client:device:{device}",
        "state": "state",
        "code_challenge": challenge.rstrip("="),
        "code_challenge_method": "S256",
    }
    url = f"{metadata['authorization_endpoint']}?{urllib.parse.urlencode(query)}"
    code = authorize(url, {"username": user, "password": password})
    body = urllib.parse.urlencode(
        {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "client_id": client["client_id"],
            "code_verifier": verifier,
        }
    ).encode()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    tokens = good(request(metadata["token_endpoint"], body, headers=form))
    return {**tokens, "device_id": device, "revocation": metadata["revocation_endpoint"]}


def authorize(url, answers):
    """Goes through MAS's pages as a browser would; the authorization code."""
    browser = urllib.request.build_opener(
        StopAtCallback, urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    )
    try:
        answer = browser.open(url, timeout=30)
        for _ in range(5):
            page = answer.read().decode()
            forms = Forms(page)
            assert forms.forms, f"no form at {answer.url}:\n{page[:2000]}"
            action, fields = forms.main()
            fields.update({name: value for name, value in answers.items() if name in fields})
            target = urllib.parse.urljoin(answer.url, action or answer.url)
            answer = browser.open(target, urllib.parse.urlencode(fields).encode(), timeout=30)
    except Redirected as redirected:
        query = urllib.parse.parse_qs(urllib.parse.urlparse(redirected.url).query)
        assert query["state"] == ["state"], query
        return query["code"][0]
    raise AssertionError(f"still no code, at {answer.url}")


def use(token, base):
    """Does what people do: who am I, a room, a message."""
    api = f"{base}/_matrix/client/v3"
    who = good(request(f"{api}/account/whoami", token=token))
    room = good(request(f"{api}/createRoom", {"name": "test"}, token))["room_id"]
    room = urllib.parse.quote(room)
    message = {"msgtype": "m.text", "body": "hello"}
    event = f"{api}/rooms/{room}/send/m.room.message/{secrets.token_hex(4)}"
    good(request(event, message, token, method="PUT"))
    found = good(request(f"{api}/rooms/{room}/messages?dir=b&limit=1", token=token))
    assert found["chunk"][0]["content"]["body"] == "hello", found
    return who


def watch(url, seconds, threads, unknown_tokens):
    """Asks again and again; how often which status came, in time slices of their order."""
    end = time.monotonic() + seconds
    lock, seen = threading.Lock(), []

    def ask():
        while time.monotonic() < end:
            token = secrets.token_hex(16) if unknown_tokens else None
            try:
                status = str(request(url, token=token)[0])
            except Exception as error:
                status = type(error).__name__
            with lock:
                seen.append(status)

    workers = [threading.Thread(target=ask) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    order = [status for i, status in enumerate(seen) if i == 0 or seen[i - 1] != status]
    return {"count": Counter(seen), "first": order[0], "last": order[-1]}


def poll(url, token, seconds):
    """Asks as a client does that somebody uses all the time: the longest time without an answer that
    is good, and how often which status came."""
    end = time.monotonic() + seconds
    seen, longest, good_at = Counter(), 0.0, time.monotonic()
    while time.monotonic() < end:
        try:
            status = request(url, token=token)[0]
        except Exception as error:
            status = type(error).__name__
        seen[str(status)] += 1
        if status == 200:
            longest = max(longest, time.monotonic() - good_at)
            good_at = time.monotonic()
        time.sleep(0.02)
    return {"count": seen, "longest": max(longest, time.monotonic() - good_at)}


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("login-password", "login-oauth"):
        login = commands.add_parser(name)
        login.add_argument("user")
        login.add_argument("password")
    use_it = commands.add_parser("use")
    use_it.add_argument("token")
    use_it.add_argument("--base", default=MATRIX)
    ask = commands.add_parser("request")
    ask.add_argument("url")
    ask.add_argument("--token")
    ask.add_argument("--post", action="store_true")
    watching = commands.add_parser("watch")
    watching.add_argument("url")
    watching.add_argument("--seconds", type=float, default=10)
    watching.add_argument("--threads", type=int, default=4)
    watching.add_argument("--unknown-tokens", action="store_true")
    polling = commands.add_parser("poll")
    polling.add_argument("url")
    polling.add_argument("token")
    polling.add_argument("--seconds", type=float, default=10)
    arguments = parser.parse_args()
    match arguments.command:
        case "login-password":
            found = login_password(arguments.user, arguments.password)
        case "login-oauth":
            found = login_oauth(arguments.user, arguments.password)
        case "use":
            found = use(arguments.token, arguments.base)
        case "request":
            body = {} if arguments.post else None
            status, body = request(arguments.url, body, arguments.token)
            found = {"status": status, "body": body}
        case "poll":
            found = poll(arguments.url, arguments.token, arguments.seconds)
        case "watch":
            found = watch(
                arguments.url, arguments.seconds, arguments.threads, arguments.unknown_tokens
            )
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
