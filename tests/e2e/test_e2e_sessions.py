"""Sessioned Servers: a session begins and ends on the Server's own URL, and keeps one container (semantics 2.5)."""

from __future__ import annotations

import hashlib
import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from e2e_harness import REQUEST_LIMIT_S, Box, connect, wait_until
from e2e_sources import server

START, TERMINATE = "/_modal/sessions/start", "/_modal/sessions/terminate"


def sessioned(name: str, options: str = "") -> str:
    return server(name, options=options).replace("class Server:", "@homeport.sessioned()\nclass Server:")


def post(url: str, path: str, **headers: str) -> http.client.HTTPResponse:
    connection = connect(url)
    connection.request("POST", path, headers={"Host": urlsplit(url).netloc, **_named(headers)})
    return connection.getresponse()


def begin(url: str, **headers: str) -> dict[str, Any]:
    answer = post(url, START, **headers)
    said = answer.read()
    assert answer.status == 200, said
    session: dict[str, Any] = json.loads(said)
    return session


def who(box: Box, url: str, session: dict[str, Any]) -> str:
    answer = box.get(url, "/who", Modal_Authorization=f"Bearer {session['token']}")
    return answer.text if answer.status == 200 else str(answer.status)


def test_a_request_without_a_session_is_refused_though_the_server_is_public(box: Box) -> None:
    """Check 11.44."""
    url = box.deploy("rooms", sessioned("rooms", "min_containers=2"))
    refused = box.get(url)
    assert (refused.status, refused.text) == (401, "modal-http: this Server needs the token of a session that has not ended")
    sessions = [begin(url) for _ in range(4)]
    assert {session["session_id"][:3] for session in sessions} == {"sd-"}
    homes = [who(box, url, session) for session in sessions]
    assert sorted(homes.count(c["container_id"]) for c in box.containers("rooms")) == [2, 2], "least sessions first"
    assert [who(box, url, session) for session in sessions for _ in range(3)] == [home for home in homes for _ in range(3)]
    same = {begin(url, x_idempotency_key="0123456789abcdef01234567")["session_id"] for _ in range(2)}
    assert len(same) == 1, "who asks again gets the same one"

    first = sessions[0]
    other = box.deploy("elsewhere", sessioned("elsewhere"))
    assert who(box, other, first) == "401"
    assert post(other, TERMINATE, x_modal_server_session_token=first["token"]).status == 404
    assert post(url, TERMINATE, x_modal_server_session_token=first["token"]).status == 200
    assert who(box, url, first) == "401"
    assert post(url, TERMINATE, x_modal_server_session_token=first["token"]).status == 404

    box.kill_control_plane()
    assert [who(box, url, session) for session in sessions[1:]] == homes[1:], "nobody of us is asked"
    box.up()
    assert [who(box, url, session) for session in sessions[1:]] == homes[1:]


def test_an_idle_session_ends_and_one_of_a_container_that_leaves_is_lost(box: Box) -> None:
    url = box.deploy("short", sessioned("short"))
    idle = begin(url, x_modal_server_session_idle_timeout="1")
    kept = begin(url)
    wait_until(lambda: (is_kept(box, idle), is_kept(box, kept)) == (False, True), "the end of the idle one")
    wait_until(lambda: who(box, url, idle) == "401", "the router to follow")
    home = who(box, url, kept)
    box.ok("container", "stop", home, "--yes")
    wait_until(lambda: who(box, url, kept) in ("401", "503"), "its end")
    assert begin(url)["session_id"] != kept["session_id"]
    assert post(url, START, x_modal_server_session_idle_timeout="soon").status == 400


def test_a_session_waits_for_room_and_asks_for_it(box: Box) -> None:
    """Semantics 2.5.7. One session per container: the second one makes the platform start another container."""
    url = box.deploy("single", sessioned("single", "max_concurrency=1"))
    first, second = begin(url), begin(url)
    assert who(box, url, first) != who(box, url, second)


def test_who_begins_a_session_of_an_authenticated_server_needs_proxy_credentials(box: Box) -> None:
    text = sessioned("guarded").replace("unauthenticated=True, ", "")
    url = box.deploy("guarded", text)
    assert post(url, START).status == 401
    token = json.loads(box.ok("workspace", "proxy-tokens", "create", "--json"))
    session = begin(url, Modal_Key=token["Modal-Key"], Modal_Secret=token["Modal-Secret"])
    assert who(box, url, session).startswith("ta-"), "and then the session's token is enough"


def test_sessions_begin_and_end_from_python(box: Box) -> None:
    """Semantics 2.4.10."""
    url = box.deploy("scripted", sessioned("scripted"))
    program = """
import homeport
sessions = homeport.Server.from_name("scripted", "Server").sessions
session = sessions.start(idle_timeout=60)
if ENDING:
    sessions.terminate(session["token"])
    sessions.terminate(session["token"])
try:
    sessions.start(idle_timeout=0)
except homeport.exception.ExecutionError as error:
    print(error)
print(session["token"])
"""
    refused, token = box.python(program.replace("ENDING", "False")).split("\n")[:2]
    assert refused == "Failed to start session: status 400 Bad Request"
    assert who(box, url, {"token": token}).startswith("ta-")
    ended = box.python(program.replace("ENDING", "True")).split("\n")[1]
    assert who(box, url, {"token": ended}) == "401"


def test_the_api_port_begins_no_session(box: Box) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", box.api_port, timeout=REQUEST_LIMIT_S)
    connection.request("POST", START, headers={"x-homeport-host": "a", "x-homeport-router": "guessed"})
    assert connection.getresponse().status == 404


@pytest.mark.parametrize("options", ["max_concurrency=1001"])
def test_more_sessions_than_there_can_be_are_refused(box: Box, options: str) -> None:
    done = box.run("deploy", str(box.write("much.py", sessioned("much", options))))
    assert done.code == 1
    assert "1000 sessions per container at most" in done.err


def is_kept(box: Box, session: dict[str, Any]) -> bool:
    """As the router's file has it: asking the Server would keep it alive."""
    return hashlib.sha256(session["token"].encode()).hexdigest() in (box.data_dir / "router" / "sessions.map").read_text()


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
