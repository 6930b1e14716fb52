"""Clients that are slow on purpose, or large: each is cut off with an answer, and nobody else notices."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from hostile_bench import HOST, HostileBench, play, statuses, until

pytestmark = pytest.mark.host

SLOW = 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (b"".join(b"X-%d: a\r\n" % number for number in range(200)), 400),
        (b"X-Large: " + b"a" * 20_000 + b"\r\n", 400),
        (b"a" * 20_000 + b": x\r\n", 400),
        (b"Cookie: " + b"a" * 12_000 + b"\r\n", 200),
        (b"".join(b"X-%d: a\r\n" % number for number in range(80)), 200),
    ],
    ids=["200 headers", "a header of 20 kB", "a name of 20 kB", "a cookie of 12 kB", "80 headers"],
)
def test_headers_have_a_size_and_a_number(headers: bytes, status: int) -> None:
    async def scenario(bench: HostileBench) -> None:
        assert statuses(await bench.get("/headers", headers)) == [status]
        assert len(await bench.seen()) == (status == 200)

    play(scenario)


def test_a_path_that_is_too_long_is_refused() -> None:
    async def scenario(bench: HostileBench) -> None:
        assert statuses(await bench.get("/" + "a" * 20_000)) == [400]
        assert await bench.seen() == []

    play(scenario)


def test_slow_headers_are_cut_off_while_others_are_served() -> None:
    """Slowloris: a header line now and then must not keep a connection for longer than the limit for the whole request."""

    async def scenario(bench: HostileBench) -> None:
        clients = [asyncio.create_task(slowly(bench)) for _ in range(SLOW)]
        await asyncio.sleep(0)
        for _ in range(20):
            assert statuses(await bench.get("/normal")) == [200]
        answers = await asyncio.gather(*clients)
        assert {tuple(statuses(answer)) for answer in answers} == {(408,)}
        assert {request.path for request in await bench.seen()} == {"/normal"}

    play(scenario)


async def slowly(bench: HostileBench) -> bytes:
    """A header line each second, until the router has had enough."""
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.port)
    reading = asyncio.create_task(reader.read(65536))  # not more: who writes to a connection that is closed ends its reading
    with suppress(OSError):
        writer.write(b"GET /slow HTTP/1.1\r\n" + HOST)
        while not reading.done():
            writer.write(b"X-More: a\r\n")
            await writer.drain()
            await asyncio.wait([reading], timeout=1)
    answer = await reading
    writer.close()
    return answer


def test_a_flood_of_streams_that_are_reset_does_not_stop_others() -> None:
    """HTTP/2 rapid reset."""

    async def scenario(bench: HostileBench) -> None:
        block = b"".join(_literal(*pair) for pair in _PSEUDO)
        opening = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(4, 0, 0, b"")
        flood = b"".join(_frame(1, 5, n, block) + _frame(3, 0, n, b"\x00\x00\x00\x08") for n in range(1, 4001, 2))
        attackers = [asyncio.create_task(bench.send(opening, flood)) for _ in range(4)]
        for _ in range(10):
            assert statuses(await bench.get("/normal")) == [200]
        await asyncio.gather(*attackers)
        assert statuses(await bench.get("/normal")) == [200]

    play(scenario)


def test_pipelined_requests_are_answered_in_order_and_counted_one_by_one() -> None:
    async def scenario(bench: HostileBench) -> None:
        many = b"".join(b"GET /n%d HTTP/1.1\r\n%s\r\n" % (number, HOST) for number in range(49))
        last = b"GET /n49 HTTP/1.1\r\n%sConnection: close\r\n\r\n" % HOST
        assert statuses(await bench.ask(many + last)) == [200] * 50
        assert [request.path for request in await bench.seen()] == [f"/n{number}" for number in range(50)]
        await until(lambda: len(bench.records) == 50, "50 records")

    play(scenario)


_PSEUDO = ((b":method", b"GET"), (b":path", b"/reset"), (b":scheme", b"http"), (b":authority", b"a.localhost"))


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def _literal(name: bytes, value: bytes) -> bytes:
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value
