"""A Matrix client for the tests, using only Python's standard library. Every command prints JSON."""

import argparse
import base64
import hashlib
import html.parser
import http.cookiejar
import json
import secrets
import ssl
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter

MATRIX = "https://matrix.example.com"
CALLBACK = "https://client.example.org/callback"
# Where both NixOS and Debian have the authorities that the machine trusts.
TLS = ssl.create_default_context(cafile="/etc/ssl/certs/ca-certificates.crt")


class Redirected(Exception):
    """The redirect leads back to the client."""

    def __init__(self, url):
        super().__init__(url)
        self.url = url


class StopAtCallback(urllib.request.HTTPRedirectHandler):
    """Follows redirects, except those to the client."""

    def redirect_request(self, request, fp, code, msg, headers, newurl):
        if newurl.startswith(CALLBACK):
            raise Redirected(newurl)
        return super().redirect_request(request, fp, code, msg, headers, newurl)


class Forms(html.parser.HTMLParser):
    """The POST forms of a page: their targets and fields."""

    def __init__(self, page):
        super().__init__()
        self.forms, self.inside = [], False
        # Links to identity providers, and to the client.
        self.providers, self.onward = [], None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        link = attributes.get("href") or ""
        if tag == "a" and "/upstream/authorize/" in link:
            self.providers.append(link)
        if tag == "a" and link.startswith(CALLBACK):
            self.onward = link
        if tag == "form" and attributes.get("method", "").lower() == "post":
            self.forms.append((attributes.get("action") or "", {}))
            self.inside = True
        if self.inside and tag in ("input", "button") and attributes.get("name"):
            self.forms[-1][1].setdefault(attributes["name"], attributes.get("value") or "")

    def handle_endtag(self, tag):
        if tag == "form":
            self.inside = False

    def main(self):
        """The main form of the page, not one for logging out or the like."""
        return min(self.forms, key=lambda form: form[0] != "")


def request(url, body=None, token=None, method=None, headers=None):
    """Status and JSON of a response."""
    headers = dict(headers or {})
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None
    if body is not None:
        headers.setdefault("Content-Type", "application/json")
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
    call = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(call, timeout=30, context=TLS) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    try:
        return status, json.loads(text)
    except ValueError:
        return status, {"text": text.decode(errors="replace")[:500]}


def good(answer):
    """The JSON of a response, which must be successful."""
    status, body = answer
    assert status == 200, (status, body)
    return body


def login_password(user, password):
    """The legacy login: m.login.password."""
    flows = good(request(f"{MATRIX}/_matrix/client/v3/login"))["flows"]
    assert any(flow["type"] == "m.login.password" for flow in flows), flows
    body = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": user},
        "password": password,
    }
    return good(request(f"{MATRIX}/_matrix/client/v3/login", body))


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def discover():
    """MAS's metadata, as a client finds it that knows only the name of the homeserver."""
    base = good(request("https://example.com/.well-known/matrix/client"))
    base = base["m.homeserver"]["base_url"].rstrip("/")
    return good(request(f"{base}/_matrix/client/v1/auth_metadata"))


def client_scope(device):
    """The scope of a Matrix client."""
    client = "urn:matrix:org.matrix.msc2967.client"
    return f"{client}:api:* {client}:device:{device}"


def login_oauth(user, password, through_provider=False, scope=""):
    """The OAuth 2.0 login, as in Element X: discovery, registration, authorization code with PKCE."""
    metadata = discover()
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
        "scope": f"{client_scope(device)} {scope}".strip(),
        "state": "state",
        "code_challenge": challenge.rstrip("="),
        "code_challenge_method": "S256",
    }
    url = f"{metadata['authorization_endpoint']}?{urllib.parse.urlencode(query)}"
    answers = {"login": user, "username": user, "password": password}
    code = walk(url, answers, through_provider)["code"][0]
    body = urllib.parse.urlencode(
        {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "client_id": client["client_id"],
            "code_verifier": verifier,
        }
    ).encode()
    tokens = good(request(metadata["token_endpoint"], body, headers=FORM))
    return {**tokens, "device_id": device, "revocation": metadata["revocation_endpoint"]}


def login_device(user, password):
    """The device code grant, with which a login with a QR code ends: the new device gets a code, and another
    device of the user confirms it in a browser."""
    metadata = discover()
    grant = "urn:ietf:params:oauth:grant-type:device_code"
    assert grant in metadata["grant_types_supported"], metadata
    client = {
        "client_name": "test",
        "client_uri": "https://client.example.org/",
        "grant_types": [grant, "refresh_token"],
        "token_endpoint_auth_method": "none",
        "application_type": "native",
    }
    status, client = request(metadata["registration_endpoint"], client)
    assert status in (200, 201), (status, client)
    device = secrets.token_hex(5).upper()
    body = {"client_id": client["client_id"], "scope": client_scope(device)}
    body = urllib.parse.urlencode(body).encode()
    begun = good(request(metadata["device_authorization_endpoint"], body, headers=FORM))
    ask = {"grant_type": grant, "device_code": begun["device_code"], "client_id": client["client_id"]}
    ask = urllib.parse.urlencode(ask).encode()
    status, waiting = request(metadata["token_endpoint"], ask, headers=FORM)
    assert waiting.get("error") == "authorization_pending", (status, waiting)

    opener = browser()
    answers = {
        "code": begun["user_code"],
        "username": user,
        "password": password,
        "confirm_device": "on",
        "action": "consent",
    }
    answer = opener.open(begun["verification_uri"], timeout=30)
    for _ in range(5):
        page = answer.read().decode()
        forms = Forms(page)
        asked = [form for form in forms.forms if set(form[1]) & set(answers)]
        if not asked:
            break
        action, fields = asked[0]
        fields.update({name: value for name, value in answers.items() if name in fields})
        target = urllib.parse.urljoin(answer.url, action or answer.url)
        answer = opener.open(target, urllib.parse.urlencode(fields).encode(), timeout=30)
    tokens = good(request(metadata["token_endpoint"], ask, headers=FORM))
    return {**tokens, "device_id": device}


def browser():
    """A browser that stops at the redirect to the client."""
    return urllib.request.build_opener(
        StopAtCallback,
        urllib.request.HTTPSHandler(context=TLS),
        urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
    )


def walk(url, answers, through_provider=False):
    """Goes through pages like a browser until the redirect to the client; returns its parameters."""
    opener = browser()
    try:
        answer = opener.open(url, timeout=30)
        for _ in range(10):
            page = answer.read().decode()
            forms = Forms(page)
            on_mas = urllib.parse.urlparse(answer.url).hostname == "auth.example.com"
            if through_provider and on_mas and forms.providers:
                link = urllib.parse.urljoin(answer.url, forms.providers[0])
                answer = opener.open(link, timeout=30)
            elif forms.onward and not forms.forms:
                raise Redirected(forms.onward)
            else:
                assert forms.forms, f"no form at {answer.url}:\n{page[:3000]}"
                action, fields = forms.main()
                fields.update({name: value for name, value in answers.items() if name in fields})
                target = urllib.parse.urljoin(answer.url, action or answer.url)
                body = urllib.parse.urlencode(fields).encode()
                sent = urllib.request.Request(target, body, {"Referer": answer.url})
                answer = opener.open(sent, timeout=30)
    except Redirected as redirected:
        return urllib.parse.parse_qs(urllib.parse.urlparse(redirected.url).query)
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{error.url}: {error}:\n{error.read().decode()[:3000]}") from error
    raise AssertionError(f"still not called back, at {answer.url}")


def login_provider(user, password):
    """The OAuth 2.0 login through an OpenID provider: MAS's pages lead there and back."""
    return login_oauth(user, password, through_provider=True)


def login_sso(provider, user, password):
    """The legacy login through an OpenID provider: Synapse's own single sign-on, before MAS."""
    query = urllib.parse.urlencode({"redirectUrl": CALLBACK})
    url = f"{MATRIX}/_matrix/client/v3/login/sso/redirect/{provider}?{query}"
    called = walk(url, {"login": user, "password": password})
    body = {"type": "m.login.token", "token": called["loginToken"][0]}
    return good(request(f"{MATRIX}/_matrix/client/v3/login", body))


def start_encrypting(token, base, members):
    """Gives the device keys, and makes an encrypted room with others."""
    api = f"{base}/_matrix/client/v3"
    who = good(request(f"{api}/account/whoami", token=token))
    user, device = who["user_id"], who["device_id"]
    name = base64.b64encode(secrets.token_bytes(32)).decode().rstrip("=")
    keys = {
        "user_id": user,
        "device_id": device,
        "algorithms": ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
        "keys": {f"curve25519:{device}": name, f"ed25519:{device}": name},
        "signatures": {user: {f"ed25519:{device}": name}},
    }
    good(request(f"{api}/keys/upload", {"device_keys": keys}, token))
    encryption = {"algorithm": "m.megolm.v1.aes-sha2"}
    room = {
        "invite": members,
        "initial_state": [{"type": "m.room.encryption", "state_key": "", "content": encryption}],
    }
    return good(request(f"{api}/createRoom", room, token))


def devices(token, base, users):
    """The keys and names of users' devices, as seen by everyone who shares a room with them."""
    body = {"device_keys": {user: [] for user in users}}
    answer = good(request(f"{base}/_matrix/client/v3/keys/query", body, token))
    return {"keys": answer["device_keys"]}


def sync(token, base, since):
    """The sync position of a client, and the users whose devices have changed since."""
    query = urllib.parse.urlencode({"timeout": 0, **({"since": since} if since else {})})
    answer = good(request(f"{base}/_matrix/client/v3/sync?{query}", token=token))
    lists = answer.get("device_lists", {})
    rooms = sorted(answer.get("rooms", {}).get("join", {}))
    return {"since": answer["next_batch"], "changed": sorted(lists.get("changed", [])), "rooms": rooms}


def use(token, base):
    """Typical requests: whoami, creating a room, sending a message."""
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
    """Requests continuously; counts the statuses, in time slices."""
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
    """Requests continuously, like an active client: returns the longest time without a successful
    response, and the number of responses by status."""
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
    for name in ("login-password", "login-oauth", "login-provider", "login-device"):
        login = commands.add_parser(name)
        login.add_argument("user")
        login.add_argument("password")
        if name == "login-oauth":
            login.add_argument("--scope", default="")
    sso = commands.add_parser("login-sso")
    for name in ("provider", "user", "password"):
        sso.add_argument(name)
    for name in ("use", "start-encrypting", "devices", "sync"):
        with_token = commands.add_parser(name)
        with_token.add_argument("token")
        with_token.add_argument("--base", default=MATRIX)
        if name in ("start-encrypting", "devices"):
            with_token.add_argument("users", nargs="*")
        if name == "sync":
            with_token.add_argument("--since")
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
    given = parser.parse_args()
    match given.command:
        case "login-password":
            found = login_password(given.user, given.password)
        case "login-oauth":
            found = login_oauth(given.user, given.password, scope=given.scope)
        case "login-device":
            found = login_device(given.user, given.password)
        case "login-provider":
            found = login_provider(given.user, given.password)
        case "login-sso":
            found = login_sso(given.provider, given.user, given.password)
        case "use":
            found = use(given.token, given.base)
        case "start-encrypting":
            found = start_encrypting(given.token, given.base, given.users)
        case "devices":
            found = devices(given.token, given.base, given.users)
        case "sync":
            found = sync(given.token, given.base, given.since)
        case "request":
            body = {} if given.post else None
            status, body = request(given.url, body, given.token)
            found = {"status": status, "body": body}
        case "poll":
            found = poll(given.url, given.token, given.seconds)
        case "watch":
            found = watch(given.url, given.seconds, given.threads, given.unknown_tokens)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
