"""Sessions in the data plane: who gets through, to whom, and what the container sees of it (semantics 2.5). Real HAProxy."""

from __future__ import annotations

import asyncio
import http.server
import json
import threading
from collections.abc import Awaitable, Callable, Iterator

import pytest
from router_bench import HAProxyBench, played, until

from homeport.router.sessions import Session, hashed

pytestmark = pytest.mark.host
NAMES = ("ta-1", "ta-2", "ta-3")
HOST = "a.localhost"
Scenario = Callable[[HAProxyBench], Awaitable[None]]


class Lobby(http.server.BaseHTTPRequestHandler):
    """Stands for the control plane: answers with what it was asked."""

    def do_POST(self) -> None:
        body = json.dumps([self.path, {name.lower(): value for name, value in self.headers.items()}]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def lobby() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Lobby)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def play(scenario: Scenario, lobby: str = "127.0.0.1:9", **settings: int) -> None:
    played(lambda: HAProxyBench(control_address=lobby, control_secret="cd" * 32, **settings), scenario, *NAMES)


async def begin(bench: HAProxyBench, token: str, container: str, host: str = HOST) -> None:
    await bench.real.sessions.begin(token, Session(host, container, f"sd-{token}", 600))


def bearer(token: str) -> dict[str, str]:
    return {"modal_authorization": f"Bearer {token}"}


def test_a_request_needs_the_token_of_a_session_of_this_server_though_it_is_public() -> None:
    """Check 11.44, at the router."""

    async def scenario(bench: HAProxyBench) -> None:
        await bench.serve(*NAMES, sessioned=True)
        await bench.real.apply("ap-2", (bench.route("ta-3", host="b.localhost", app="ap-2", sessioned=True),))
        await begin(bench, "mine", "ta-2")
        await begin(bench, "other", "ta-3", "b.localhost")
        for headers in ({}, bearer("wrong"), bearer("other"), {"authorization": "Bearer mine"}):
            answer = await bench.get(**headers)
            assert answer.status_code == 401
            assert answer.text == "modal-http: this Server needs the token of a session that has not ended\n"
        assert (await bench.get(host="b.localhost", **bearer("mine"))).status_code == 401
        assert {(await bench.get(**bearer("mine"))).text for _ in range(9)} == {"ta-2"}
        assert (await bench.get(cookie="__Host-modal-session-token=mine")).text == "ta-2"
        assert {(await bench.get(modal_session_id="x", **bearer("mine"))).text for _ in range(9)} == {"ta-2"}

    play(scenario)


def test_a_session_token_stands_for_proxy_credentials_and_no_credentials_reach_the_container() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        await bench.serve(*NAMES, sessioned=True, authenticated=True)
        await begin(bench, "mine", "ta-1")
        cookie = "a=1; __Host-modal-session-token=mine; b=2"
        seen = (await bench.get("/headers", authorization="Basic app", cookie=cookie, **bearer("mine"))).json()
        assert (seen["cookie"], seen["authorization"]) == ("a=1; b=2", "Basic app")
        assert not [name for name in seen if name.startswith("modal-")]
        alone = (await bench.get("/headers", cookie="__Host-modal-session-token=mine")).json()
        assert "cookie" not in alone
        assert (await bench.get("/_modal/sessions/start")).status_code == 401, "who begins one needs proxy credentials"

    play(scenario)


def test_a_token_in_the_query_becomes_a_cookie() -> None:
    """Semantics 2.5.4."""

    async def scenario(bench: HAProxyBench) -> None:
        await bench.serve(*NAMES, sessioned=True)
        await begin(bench, "mine", "ta-1")
        for asked, then in (
            ("/id?modal_session_token=mine", "/id"),
            ("/id?modal_session_token=mine&x=%20y", "/id?x=%20y"),
            ("/a/b?x=1&modal_session_token=mine&y=2", "/a/b?x=1&y=2"),
            ("/a//b?modal_session_token=mine", "/a//b"),
        ):
            answer = await bench.get(asked)
            assert (answer.status_code, answer.headers["location"]) == (307, then)
            said = "__Host-modal-session-token=mine; Path=/; Secure; HttpOnly; SameSite=Lax"
            assert (answer.headers["set-cookie"], answer.headers["cache-control"]) == (said, "no-store")
        assert (await bench.get("/id?modal_session_token=wrong")).status_code == 401

    play(scenario)


@pytest.mark.parametrize(
    ("asked", "then"), [("//b.example/x", "/.//b.example/x"), ("/\\b.example", "/./\\b.example"), ("//", "/.//")]
)
def test_a_token_in_the_query_leads_to_no_other_host(asked: str, then: str) -> None:
    async def scenario(bench: HAProxyBench) -> None:
        await bench.serve(*NAMES, sessioned=True)
        await begin(bench, "mine", "ta-1")
        reader, writer = await asyncio.open_connection("127.0.0.1", bench.settings.http_port)
        asking = f"GET {asked}?modal_session_token=mine HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n\r\n"
        writer.write(asking.encode())  # a client for people would have its own idea of such a path
        head = (await reader.read()).decode().lower()
        writer.close()
        assert head.startswith("http/1.1 307")
        assert f"location: {then}\r\n" in head

    play(scenario)


def test_a_session_keeps_its_container_while_that_drains_and_is_lost_with_it() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        await bench.serve("ta-1", "ta-2", sessioned=True)
        await begin(bench, "mine", "ta-1")
        assert await bench.real.observe() == {"ta-1": 1, "ta-2": 0}, "a session is load, though it asks nothing now"
        await bench.serve("ta-1~", "ta-2", sessioned=True)
        assert (await bench.get(**bearer("mine"))).text == "ta-1"
        await bench.facts.told("ta-1", 1)
        await bench.serve("ta-1~", sessioned=True)
        assert (await bench.get(**bearer("mine"))).text == "ta-1", "also when nobody else gets through"
        await bench.serve("ta-2", sessioned=True)
        assert (await bench.get(**bearer("mine"))).status_code == 503

    play(scenario)


def test_sessions_are_kept_by_reloads_crashes_and_a_new_control_plane_and_end_at_once() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        await bench.serve(*NAMES, sessioned=True)
        await begin(bench, "mine", "ta-2")
        await begin(bench, "late", "ta-3")
        await bench.restart()
        assert (await bench.get(**bearer("mine"))).text == "ta-2"
        for number in range(5):
            await bench.real.apply(f"ap-x{number}", (bench.route("ta-3", host=f"x{number}", app=f"ap-x{number}"),))
        assert {(await bench.get(**bearer("mine"))).text for _ in range(5)} == {"ta-2"}
        uses = await bench.real.sessions.uses()
        assert uses["sd-mine"].in_flight == 0
        assert uses["sd-mine"].ago_ms < 600_000, "not the age of the table"
        await bench.real.sessions.end([hashed("mine")])
        assert (await bench.get(**bearer("mine"))).status_code == 401
        assert (await bench.get(**bearer("late"))).text == "ta-3"

    play(scenario)


def test_requests_in_flight_of_a_session_are_seen() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        await bench.serve(*NAMES, sessioned=True)
        await begin(bench, "mine", "ta-2")
        asking = asyncio.create_task(bench.get("/hold", **bearer("mine")))

        async def seen() -> bool:
            uses = await bench.real.sessions.uses()
            return "sd-mine" in uses and uses["sd-mine"].in_flight == 1

        await until(seen, "a request in flight")
        await bench.release("ta-2")
        assert (await asking).text == "ta-2"

    play(scenario)


def test_who_begins_or_ends_a_session_talks_to_the_control_plane(lobby: str) -> None:
    async def scenario(bench: HAProxyBench) -> None:
        seen: list[tuple[int, str, str]] = []
        bench.real.on_request.append(lambda found: seen.extend((r.status, r.why, r.container_id) for r in found))
        await bench.serve(sessioned=True)
        for path in ("/_modal/sessions/start", "/_modal/sessions/terminate"):
            answer = await bench.client.post(path, headers={"host": HOST, "x-homeport-host": "b.localhost"})
            said, headers = answer.json()
            assert said == path
            assert (headers["x-homeport-router"], headers["x-homeport-host"]) == ("cd" * 32, HOST)
        assert (await bench.get()).status_code == 401

        async def told() -> bool:
            return seen == [(200, "lobby", ""), (200, "lobby", ""), (401, "session", "")]

        await until(told, "records that are none of the Server's")
        await bench.serve("ta-1")
        answer = await bench.client.post("/_modal/sessions/start", headers={"host": HOST})
        assert answer.text == "ta-1", "a Server without sessions has the path for itself"

    play(scenario, lobby, nbthread=1)  # so that records come in the order of the requests
