"""What a client claims to be: neither its address nor who it is can be forged towards a container."""

from __future__ import annotations

import pytest
from hostile_bench import KINDS, HostileBench, Seen, play

pytestmark = pytest.mark.host

FORGED = (
    b"X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 7.7.7.7\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Proto: https\r\n"
    b"X-Forwarded-Port: 443\r\nX-Forwarded-Prefix: /evil\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n"
    b"X_Forwarded_For: 6.6.6.6\r\nX-Forwarded_For: 6.6.6.6\r\nX_Real_IP: 6.6.6.6\r\nProxy: http://evil\r\n"
)


async def last(bench: HostileBench, headers: bytes) -> Seen:
    answer = await bench.get("/asked", headers)
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    return (await bench.seen())[-1]


@pytest.mark.parametrize("kind", KINDS)
def test_who_asked_and_how_only_the_router_says(kind: str) -> None:
    async def scenario(bench: HostileBench) -> None:
        request = await last(bench, FORGED)
        assert not [value for _, value in request.headers if "6.6.6.6" in value or "evil" in value]
        said = {name: request.all(f"x-forwarded-{name}") for name in ("for", "host", "proto", "port", "prefix")}
        assert said == {"for": ["127.0.0.1"], "host": [], "proto": ["http"], "port": [], "prefix": []}

    play(scenario, kind)


@pytest.mark.parametrize("named", [b"X-Forwarded-For", b"close, X-Forwarded-For, Cookie", b"keep-alive, Host"])
def test_a_header_can_not_be_taken_off_by_naming_it_in_connection(named: bytes) -> None:
    async def scenario(bench: HostileBench) -> None:
        request = await last(bench, b"Connection: " + named + b"\r\nCookie: a=b\r\n")
        assert (request.all("x-forwarded-for"), request.all("cookie"), request.all("host")) == (
            ["127.0.0.1"],
            ["a=b"],
            ["a.localhost"],
        )
        assert not [
            value for value in request.all("connection") if "x-forwarded" in value.lower() or "host" in value.lower()
        ]

    play(scenario)


def test_credentials_and_their_look_alikes_never_arrive_and_other_headers_do() -> None:
    async def scenario(bench: HostileBench) -> None:
        request = await last(
            bench,
            b"Modal-Key: wk-a\r\nmodal-KEY: wk-b\r\nModal-Secret: ws-a\r\nModal_Key: wk-a\r\nModal-Session-ID: s1\r\n"
            b"Authorization: Basic own\r\nTraceparent: 00-1\r\n",
        )
        assert not [value for _, value in request.headers if "wk-" in value or "ws-" in value]
        assert [request.all(name) for name in ("authorization", "traceparent", "modal-session-id")] == [
            ["Basic own"],
            ["00-1"],
            ["s1"],
        ]

    play(scenario)


@pytest.mark.parametrize(
    "headers",
    [
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
        b"Connection: Upgrade\r\nUpgrade: tcp\r\n",
        b"Connection: Upgrade\r\nUpgrade: tcp, websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        b"Connection: Upgrade\r\nUpgrade: tcp\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    ],
)
def test_a_connection_becomes_nothing_but_a_websocket(headers: bytes) -> None:
    """Behind any other change of protocols the client could say whatever it likes, and nobody would look at it."""

    async def scenario(bench: HostileBench) -> None:
        request = await last(bench, headers)
        assert [request.all(name) for name in ("upgrade", "connection", "http2-settings")] == [[], [], []]

    play(scenario)


def test_a_token_for_closed_servers_is_not_shown_to_an_open_one() -> None:
    async def scenario(bench: HostileBench) -> None:
        request = await last(bench, b"Authorization: Bearer wk-a.ws-b\r\n")
        assert request.all("authorization") == []

    play(scenario)
