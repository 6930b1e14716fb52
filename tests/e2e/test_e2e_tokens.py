"""Credentials for Servers and for the API, with real containers: checks 11.23, 11.24, 11.45; and who is named."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from e2e_harness import Answer, Box, connect, kill, running, wait_until

SHOWS_HEADERS = """
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import homeport

app = homeport.App("{name}")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = json.dumps(dict(self.headers.items())).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@app.server(cpu=0.05)
class Server:
    @homeport.enter()
    def start(self):
        threading.Thread(target=ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever, daemon=True).start()
"""
MISSING = Answer(401, "modal-http: missing credentials for proxy authorization")
INVALID = Answer(401, "modal-http: invalid credentials for proxy authorization")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A platform whose workspace these tests may change."""
    with running(tmp_path_factory.mktemp("people")) as started:
        yield started


@pytest.fixture(scope="module")
def url(own: Box) -> str:
    """That of a Server that wants credentials, and answers with the headers it was sent."""
    return own.deploy("closed", SHOWS_HEADERS.format(name="closed"))


def line_of(box: Box, token: dict[str, str]) -> list[dict[str, Any]]:
    return [line for line in box.json("workspace", "proxy-tokens", "list") if line["token_id"] == token["Modal-Key"]]


def create(box: Box, *options: str) -> dict[str, str]:
    made: dict[str, str] = box.json("workspace", "proxy-tokens", "create", *options)
    return made


def ask(url: str, headers: dict[str, str], connection: http.client.HTTPConnection | None = None) -> Answer:
    asked = connection or connect(url)
    asked.request("GET", "/", headers={"Host": urlsplit(url).netloc, **headers})
    response = asked.getresponse()
    answer = Answer(response.status, response.read().decode().strip())
    if connection is None:
        asked.close()
    return answer


def pair(token: dict[str, str]) -> dict[str, str]:
    return {name: token[name] for name in ("Modal-Key", "Modal-Secret")}


def test_both_forms_of_credentials_let_in_and_neither_reaches_the_container(own: Box, url: str) -> None:
    """Check 11.45."""
    token = create(own, "--name", "front")
    assert sorted(token) == ["Authorization", "Modal-Key", "Modal-Secret"]
    forms = [pair(token), {"Authorization": token["Authorization"]}, {**pair(token), "Authorization": "Basic app's own"}]
    seen = [json.loads(ask(url, headers).text) for headers in forms]
    names = [sorted(name.lower() for name in headers) for headers in seen]
    assert not [name for each in names[:2] for name in each if name.startswith("modal-") or name == "authorization"]
    assert {name.lower(): value for name, value in seen[2].items()}["authorization"] == "Basic app's own"
    secrets = (token["Modal-Secret"], token["Modal-Key"])
    assert not [text for text in map(str, seen) if any(secret in text for secret in secrets)]
    (line,) = line_of(own, token)
    assert (line["name"], line["token_id"], line["created_by"]) == ("front", token["Modal-Key"], "admin")
    assert token["Modal-Secret"] not in str(own.json("audit", "list")) + str(line)


def test_who_is_refused_reaches_no_container_and_starts_none(own: Box, url: str) -> None:
    """Checks 11.23 and 11.24, where a container runs; that a refusal is no demand, the router's contract says."""
    before = own.containers("closed", "--all")
    token = create(own)
    wrong = {**pair(token), "Modal-Secret": "ws-wrong"}
    assert [ask(url, headers) for headers in ({}, {"Modal-Key": token["Modal-Key"]}, wrong)] == [MISSING, MISSING, INVALID]
    assert ask(url, pair(token)).status == 200
    own.ok("environment", "create", "dev")
    own.ok("workspace", "rbac", "on")
    assert ask(url, pair(token)).status == 403
    own.ok("workspace", "proxy-tokens", "allow", token["Modal-Key"], "dev")
    assert ask(url, pair(token)) == Answer(403, "modal-http: this token is not valid for the environment of this app")
    own.ok("workspace", "proxy-tokens", "allow", token["Modal-Key"], "main")
    assert ask(url, pair(token)).status == 200
    assert own.containers("closed", "--all") == before
    own.ok("workspace", "rbac", "off")


def test_a_deletion_holds_on_open_connections_without_a_control_plane_and_after_restarts(own: Box, url: str) -> None:
    token, other = create(own), create(own)
    kept = connect(url)
    assert [ask(url, pair(token), kept).status for _ in range(3)] == [200] * 3
    own.ok("workspace", "proxy-tokens", "delete", token["Modal-Key"], "-y")
    assert ask(url, pair(token), kept) == INVALID
    pids = own.pids()
    kill(pids["control"])
    assert (ask(url, pair(token)), ask(url, pair(other)).status) == (INVALID, 200)
    kill(pids["worker"])
    wait_until(lambda: answered(url, pair(other)) == 200, "the router to be back without a control plane")
    assert (ask(url, pair(token)), ask(url, {})) == (INVALID, MISSING)
    own.up()
    assert (ask(url, pair(token)), ask(url, pair(other)).status) == (INVALID, 200)
    assert (len(line_of(own, token)), len(line_of(own, other))) == (0, 1)


def answered(url: str, headers: dict[str, str]) -> int:
    try:
        return ask(url, headers).status
    except (OSError, http.client.HTTPException):
        return 0


def as_token(box: Box, made: dict[str, Any]) -> dict[str, str]:
    """The environment of somebody who has only this token."""
    url = f"http://127.0.0.1:{box.api_port}"
    token = {"HOMEPORT_TOKEN_ID": made["token_id"], "HOMEPORT_TOKEN_SECRET": made["token_secret"]}
    return {"HOMEPORT_DATA_DIR": "", "HOMEPORT_SERVER_URL": url, **token}


def test_a_service_user_works_where_it_has_a_role_and_is_named_for_it(own: Box) -> None:
    robot = as_token(own, own.json("workspace", "service-users", "create", "ci"))
    path = str(own.write("robots.py", SHOWS_HEADERS.format(name="robots")))
    refused = own.run("deploy", path, **robot)
    assert refused.code == 1
    assert "Service user 'ci'" in refused.err.splitlines()[-1] or "'ci' has no write access" in refused.err.splitlines()[-1]
    own.ok("workspace", "service-users", "set-role", "ci", "main", "contributor")
    done = own.run("deploy", path, **robot)
    assert done.code == 0, done
    assert own.json("app", "history", "robots")[0]["deployed_by"] == "ci"
    assert next(act["actor"] for act in own.json("audit", "list") if act["action"] == "app.deploy") == "ci"
    own.ok("workspace", "service-users", "set-role", "ci", "main", "viewer")
    assert own.run("app", "list", **robot).code == 0
    stop = own.run("app", "stop", "robots", "-y", **robot)
    assert (stop.code, stop.err.startswith("Error: Service user 'ci' has the role viewer in the environment 'main'")) == (
        1,
        True,
    )
    assert own.run("workspace", "proxy-tokens", "list", **robot).code == 1
    own.ok("workspace", "service-users", "delete", "ci", "-y")
    gone = own.run("app", "list", **robot)
    assert (gone.code, "was revoked" in gone.err) == (1, True), gone
