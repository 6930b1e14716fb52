"""Where a request ends: the router and the server behind it never disagree, whatever the client writes.

Each attack carries a request for /smuggled inside another one. It may be refused, or be one request, or (where it is plain
pipelining) be two for both sides; it must never be two for one of them.
"""

from __future__ import annotations

import pytest
from hostile_bench import HOST, KINDS, HostileBench, play

pytestmark = pytest.mark.host

INNER = b"GET /smuggled HTTP/1.1\r\nHost: a.localhost\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def post(headers: bytes, body: bytes, line: bytes = b"POST /outer HTTP/1.1") -> bytes:
    return line + b"\r\n" + HOST + headers + b"\r\n" + body


def length(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n" % len(body)


ATTACKS = {
    "CL and TE, TE counts": post(length(b"0\r\n\r\n" + INNER) + CHUNKED, b"0\r\n\r\n" + INNER),
    "CL and TE, CL counts": post(b"Content-Length: 4\r\n" + CHUNKED, b"%x\r\n%s\r\n0\r\n\r\n" % (len(INNER), INNER)),
    "TE before CL": post(CHUNKED + b"Content-Length: 3\r\n", b"1\r\nA\r\n0\r\n\r\n" + INNER),
    "two lengths": post(b"Content-Length: 0\r\n" + length(INNER), INNER),
    "two lengths in one line": post(b"Content-Length: 0, %d\r\n" % len(INNER), INNER),
    "length with a sign": post(b"Content-Length: +0\r\n", INNER),
    "negative length": post(b"Content-Length: -1\r\n", INNER),
    "length in hex": post(b"Content-Length: 0x5\r\n", INNER),
    "length with a space inside": post(b"Content-Length: 1 0\r\n", INNER),
    "length beyond 64 bits": post(b"Content-Length: 9999999999999999999999\r\n", INNER),
    "length of 2 to the 64": post(b"Content-Length: 18446744073709551616\r\n", INNER),
    "length with an underscore name": post(b"Content_Length: %d\r\n" % len(INNER), INNER),
    "xchunked": post(b"Transfer-Encoding: xchunked\r\n" + length(b"0\r\n\r\n" + INNER), b"0\r\n\r\n" + INNER),
    "chunked twice": post(b"Transfer-Encoding: chunked, chunked\r\n", b"0\r\n\r\n" + INNER),
    "identity and chunked": post(b"Transfer-Encoding: identity\r\n" + CHUNKED, b"0\r\n\r\n" + INNER),
    "space before the colon": post(b"Transfer-Encoding : chunked\r\n" + length(b"0\r\n\r\n" + INNER), b"0\r\n\r\n" + INNER),
    "tab before the value": post(b"Transfer-Encoding:\tchunked\r\n" + length(b"0\r\n\r\n"), b"0\r\n\r\n" + INNER),
    "vertical tab in the value": post(b"Transfer-Encoding: \x0bchunked\r\n" + length(b"0\r\n\r\n"), b"0\r\n\r\n" + INNER),
    "quoted chunked": post(b'Transfer-Encoding: "chunked"\r\n' + length(b"0\r\n\r\n"), b"0\r\n\r\n" + INNER),
    "obs-fold in TE": post(b"Transfer-Encoding:\r\n chunked\r\n" + length(b"0\r\n\r\n" + INNER), b"0\r\n\r\n" + INNER),
    "obs-fold hides a length": post(b"X-Fold: a\r\n Content-Length: 0\r\n" + length(INNER), INNER),
    "header on the fold's line": post(b"X-A: b\r\n\tTransfer-Encoding: chunked\r\n" + length(INNER), INNER),
    "bare LF between headers": b"POST /outer HTTP/1.1\nHost: a.localhost\nContent-Length: %d\n\n%s" % (len(INNER), INNER),
    "bare LF before TE": post(
        b"X-A: b\nTransfer-Encoding: chunked\r\n" + length(b"0\r\n\r\n" + INNER), b"0\r\n\r\n" + INNER
    ),
    "bare CR in a value": post(b"X-A: b\rTransfer-Encoding: chunked\r\n" + length(INNER), INNER),
    "NUL in a value": post(b"X-A: b\x00c\r\n" + length(INNER), INNER),
    "chunk extension": post(CHUNKED, b'5;a="\r\n' + b"hello\r\n0\r\n\r\n" + INNER),
    "chunk extension with LF": post(CHUNKED, b"5;a\nhello\r\n0\r\n\r\n" + INNER),
    "chunk ended by LF": post(CHUNKED, b"5\nhello\n0\n\n" + INNER),
    "chunk size too large": post(CHUNKED, b"fffffffffffffffff\r\n" + INNER),
    "chunk size with a sign": post(CHUNKED, b"+5\r\nhello\r\n0\r\n\r\n" + INNER),
    "chunk size with 0x": post(CHUNKED, b"0x5\r\nhello\r\n0\r\n\r\n" + INNER),
    "chunk longer than said": post(CHUNKED, b"3\r\nhello\r\n0\r\n\r\n" + INNER),
    "trailer that is a length": post(CHUNKED, b"0\r\nContent-Length: 50\r\n\r\n" + INNER),
    "body of a GET": post(length(INNER), INNER, b"GET /outer HTTP/1.1"),
    "body without a length": post(b"", INNER),
    "TE in HTTP/1.0": b"POST /outer HTTP/1.0\r\n" + HOST + CHUNKED + b"\r\n0\r\n\r\n" + INNER,
    "no version": b"GET /outer\r\n" + INNER,
    "version 1.9": post(length(INNER), INNER, b"POST /outer HTTP/1.9"),
    "space in the path": post(length(INNER), INNER, b"POST /outer /x HTTP/1.1"),
    "two hosts": post(b"Host: b.localhost\r\n" + length(INNER), INNER),
    "space before the first header": b"POST /outer HTTP/1.1\r\n Host: x\r\n" + HOST + length(INNER) + b"\r\n" + INNER,
    "Expect": post(b"Expect: 100-continue\r\n" + length(INNER), INNER),
    "Upgrade to h2c": post(b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\n", INNER),
    "CONNECT": post(b"", INNER, b"CONNECT a.localhost:80 HTTP/1.1"),
    "CONNECT to a path": post(b"", INNER, b"CONNECT /outer HTTP/1.1"),
    "Upgrade to anything": post(b"Upgrade: tcp\r\nConnection: Upgrade\r\n", INNER),
    "Connection names the length": post(b"Connection: close, Content-Length\r\n" + length(INNER), INNER),
    "Connection names TE": post(b"Connection: Transfer-Encoding\r\n" + CHUNKED, b"0\r\n\r\n" + INNER),
}
REFUSED = (
    *("two lengths", "two lengths in one line", "length with a sign", "negative length", "length in hex", "NUL in a value"),
    *("length with a space inside", "length beyond 64 bits", "xchunked", "space before the colon", "bare CR in a value"),
    *("CONNECT", "CONNECT to a path"),
    *("chunk size with a sign", "chunk size with 0x", "chunk size too large", "two hosts", "TE in HTTP/1.0"),
)
ENDLESS = ("length of 2 to the 64",)


@pytest.mark.parametrize("kind", KINDS)
def test_router_and_server_agree_on_every_request(kind: str) -> None:
    async def scenario(bench: HostileBench) -> None:
        for name, attack in ATTACKS.items():
            before = len(await bench.seen())
            await bench.send(attack, ends=name not in ENDLESS)
            after = await bench.get("/after")
            assert after.startswith(b"HTTP/1.1 200 ") and after.endswith(b"\r\n\r\nok"), (name, after)  # noqa: PT018
            got = [(request.method, request.path) for request in await bench.seen()]
            passed = await bench.passed(len(got))
            assert sorted(passed[before:]) == sorted(got[before:]), name
        smuggled = [request for request in await bench.seen() if request.path == "/smuggled"]
        assert all(request.all("x-forwarded-for") == ["127.0.0.1"] for request in smuggled), "the router saw each as one"

    play(scenario, kind)


def test_what_is_ambiguous_is_refused() -> None:
    async def scenario(bench: HostileBench) -> None:
        answers = {name: (await bench.send(ATTACKS[name]))[:12] for name in REFUSED}
        assert answers == dict.fromkeys(REFUSED, b"HTTP/1.1 400"), answers

    play(scenario)


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def literal(name: bytes, value: bytes) -> bytes:
    """A header that is not indexed and not compressed."""
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def h2(headers: dict[bytes, bytes], body: bytes = b"") -> bytes:
    """One HTTP/2 request with prior knowledge."""
    pseudo = {b":method": b"POST", b":path": b"/outer", b":scheme": b"http", b":authority": b"a.localhost", **headers}
    block = b"".join(literal(name, value) for name, value in pseudo.items())
    opening = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"")
    return opening + frame(1, 4 | (0 if body else 1), 1, block) + (frame(0, 1, 1, body) if body else b"")


DOWNGRADES = {
    "length too short": h2({b"content-length": b"0"}, INNER),
    "length too long": h2({b"content-length": b"500"}, INNER),
    "transfer-encoding": h2({b"transfer-encoding": b"chunked"}, b"0\r\n\r\n" + INNER),
    "CRLF in a value": h2({b"x-a": b"b\r\ntransfer-encoding: chunked"}, b"0\r\n\r\n" + INNER),
    "CRLF in a name": h2({b"x-a: b\r\ncontent-length": b"0"}, INNER),
    "CRLF in the path": h2({b":path": b"/outer HTTP/1.1\r\nHost: a.localhost\r\n\r\n"}, INNER),
    "space in the method": h2({b":method": b"GET /smuggled HTTP/1.1"}),
    "LF in the authority": h2({b":authority": b"a.localhost\n"}),
    "connection header": h2({b"connection": b"transfer-encoding"}, INNER),
    "upper-case name": h2({b"Content-Length": b"0"}, INNER),
    "colon in a name": h2({b"x:y": b"z"}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_hidden_in_http2_becomes_a_second_request(kind: str) -> None:
    async def scenario(bench: HostileBench) -> None:
        for name, attack in DOWNGRADES.items():
            before = len(await bench.seen())
            await bench.ask_h2(attack)
            assert (await bench.get("/after")).startswith(b"HTTP/1.1 200 "), name
            got = [(request.method, request.path) for request in (await bench.seen())[before:]]
            assert got in ([("GET", "/after")], [("POST", "/outer"), ("GET", "/after")]), (name, got)
            assert (
                name not in ("CRLF in a value", "CRLF in a name", "CRLF in the path", "LF in the authority") or len(got) == 1
            )

    play(scenario, kind)
