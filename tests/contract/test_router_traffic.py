"""Real requests through HAProxy: who answers, in which words, and that no change costs a request."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from router_bench import HAProxyBench, played, until

pytestmark = pytest.mark.host
Scenario = Callable[[HAProxyBench], Awaitable[None]]
NAMES = ("ta-1", "ta-2", "ta-3", "ta-4")


def play(scenario: Scenario, **settings: int) -> None:
    played(lambda: HAProxyBench(**settings), scenario, *NAMES)


async def load(bench: HAProxyBench, going: asyncio.Event, clients: int = 8) -> Counter[str]:
    """Keep-alive clients that ask until told to stop: how often each container, or which failure, answered."""
    seen: Counter[str] = Counter()

    async def one() -> None:
        while going.is_set():
            answer = await bench.get()
            seen[answer.text if answer.status_code == 200 else f"{answer.status_code} {answer.text}"] += 1

    await asyncio.gather(*(one() for _ in range(clients)))
    return seen


async def asked(bench: HAProxyBench, container: str) -> None:
    """Waits for one more request there."""
    served = bench.backends[container].served
    before = served["/id"]

    async def one_more() -> bool:
        return served["/id"] > before

    await until(one_more, f"a request at {container}")


def test_hosts_have_their_own_containers_and_unknown_ones_are_answered_in_words() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        await bench.serve("ta-1")
        await bench.real.apply("ap-2", (bench.route("ta-2", host="b.localhost", app="ap-2"),))
        assert [(await bench.get(host=host)).text for host in ("a.localhost", "B.localhost:8080")] == ["ta-1", "ta-2"]
        unknown = await bench.get(host="c.localhost")
        assert (unknown.status_code, unknown.text) == (
            404,
            "modal-http: no app is deployed at c.localhost; see homeport app list\n",
        )

    play(scenario)


def test_an_empty_pool_answers_503_at_once_and_tells_the_demand() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        told: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        bench.real.on_empty = lambda event: told.put_nowait((event.app_id, event.service_id))
        await bench.serve()
        answer = await bench.get()
        assert (answer.status_code, answer.text) == (503, "modal-http: no container is ready\n")
        assert answer.headers["retry-after"] == "1"
        assert await told.get() == ("ap-1", "fu-ap-1")
        await bench.serve(retry_after_s=7)
        assert (await bench.get()).headers["retry-after"] == "7"
        await bench.serve("ta-1")
        assert (await bench.get()).text == "ta-1"

    play(scenario)


def test_a_stopped_app_says_so_while_its_last_request_ends() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        await bench.serve("ta-1")
        await bench.hold("a.localhost", "ta-1")
        await bench.serve("ta-1~", stopped=True)
        answer = await bench.get()
        assert (answer.status_code, answer.text) == (404, "modal-http: app for invoked web endpoint is stopped\n")
        await bench.release("ta-1")
        assert [held.text for held in await bench.held()] == ["ta-1"]
        await bench.serve(stopped=True)
        assert (await bench.get()).status_code == 404

    play(scenario)


def test_credentials_are_checked_before_the_pool_and_never_reach_the_container() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        told: list[object] = []
        bench.real.on_empty = told.append
        hashed = {name: hashlib.sha256(f"wk-{name}:ws-{name}".encode()).hexdigest() for name in ("one", "any", "prod")}
        await bench.real.set_tokens(
            {hashed["one"]: ("tk-1", ("main",)), hashed["any"]: ("tk-2", ("*",)), hashed["prod"]: ("tk-3", ("prod",))}
        )
        await bench.serve(authenticated=True)
        pair = {"modal_key": "wk-one", "modal_secret": "ws-one"}
        half = [{}, {"modal_key": "wk-one"}, {"modal_secret": "ws-one"}, {"authorization": "Bearer other"}]
        missing = "modal-http: missing credentials for proxy authorization\n"
        assert [await said(bench, **headers) for headers in half] == [(401, missing)] * 4
        wrong = [{**pair, "modal_secret": "ws-x"}, {"authorization": "Bearer wk-one.ws-x"}]
        invalid = "modal-http: invalid credentials for proxy authorization\n"
        assert [await said(bench, **headers) for headers in wrong] == [(401, invalid)] * 2
        assert (await bench.get(modal_key="wk-prod", modal_secret="ws-prod")).status_code == 403
        assert told == [], "refused requests are no demand"
        assert (await bench.get(**pair)).status_code == 503
        await bench.serve("ta-1", authenticated=True)
        bearer = (await bench.get("/headers", authorization="bearer wk-any.ws-any")).json()
        assert not [name for name in bearer if name.startswith("modal-") or name == "authorization"]
        both = (await bench.get("/headers", **pair, authorization="Basic abc")).json()
        assert both["authorization"] == "Basic abc", "the app's own credentials pass"
        await bench.real.set_tokens({hashed["any"]: ("tk-2", ("*",))})
        assert (await bench.get(**pair)).status_code == 401

    play(scenario)


async def said(bench: HAProxyBench, **headers: str) -> tuple[int, str]:
    answer = await bench.get(**headers)
    return answer.status_code, answer.text


def test_a_public_route_passes_headers_on_and_says_who_asked() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        await bench.serve("ta-1")
        trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        forged = {"x_forwarded_for": "6.6.6.6", "x_forwarded_host": "evil"}
        sent = {"authorization": "Bearer of-the.app", "traceparent": trace, **forged}
        seen = (await bench.get("/headers", **sent)).json()
        assert (seen["authorization"], seen["traceparent"]) == (sent["authorization"], trace)
        assert (seen["x-forwarded-for"], seen["x-forwarded-proto"]) == ("127.0.0.1", "http")
        assert seen["host"] == "a.localhost"
        assert "x-forwarded-host" not in seen, "the host that was asked for is in Host"

    play(scenario)


def test_requests_without_a_key_are_spread_by_load() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        await bench.serve(*NAMES)
        held = [asyncio.create_task(bench.get("/hold")) for _ in range(12)]

        async def spread() -> bool:
            return await bench.real.observe() == dict.fromkeys(NAMES, 3)

        await until(spread, "three requests on each container")
        for name in NAMES:
            await bench.release(name)
        assert Counter(answer.text for answer in await asyncio.gather(*held)) == dict.fromkeys(NAMES, 3)

    play(scenario, nbthread=1)


def test_beyond_max_concurrency_is_429() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        await bench.serve("ta-1", "ta-2", max_concurrency=2)
        held = [asyncio.create_task(bench.get("/hold", modal_session_id="s")) for _ in range(2)]
        await until(lambda: _in_flight(bench, 2), "one container is full")
        tied = await bench.get(modal_session_id="s")
        assert (tied.status_code, (await bench.get()).status_code) == (429, 200)
        held += [asyncio.create_task(bench.get("/hold")) for _ in range(2)]
        await until(lambda: _in_flight(bench, 4), "both are full")
        answer = await bench.get()
        assert (answer.status_code, answer.text) == (429, "modal-http: all containers are at max_concurrency\n")
        await bench.serve("ta-1", "ta-2", max_concurrency=3)
        assert (await bench.get()).status_code == 200, "a raised limit counts at once"
        for name in NAMES:
            await bench.release(name)
        assert [answer.status_code for answer in await asyncio.gather(*held)] == [200] * 4

    play(scenario, nbthread=1)


def test_a_websocket_passes_both_ways_and_goes_on_while_its_container_drains() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        await bench.serve("ta-1")
        reader, writer = await _connect(bench, "/ws")
        await bench.serve("ta-1~", "ta-2")
        await bench.facts.told("ta-1", 1)
        for number in range(20):
            writer.write(b"%d," % number)
            assert await reader.readexactly(len(b"%d," % number)) == b"%d," % number
        writer.close()
        await bench.facts.told("ta-1", 0)

    play(scenario)


def test_each_event_of_a_stream_passes_before_the_next_one_is_made() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        await bench.serve("ta-1")
        reader, writer = await _connect(bench, "/sse")
        lags_s, now_s = list[float](), asyncio.get_running_loop().time
        for number in range(100):
            begun_s = now_s()
            for part in (b"data: %d\n" % number, b"\n"):
                bench.backends["ta-1"].events.put_nowait(part)
            assert await reader.readuntil(b"\n\n") == b"data: %d\n\n" % number
            lags_s.append(now_s() - begun_s)
        assert min(lags_s) < 0.2, "as without `http-no-delay`, where each one waits so long"
        bench.backends["ta-1"].events.put_nowait(b"")
        assert await reader.read() == b""
        writer.close()

    play(scenario)


def test_removing_a_container_ends_what_it_still_had() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        await bench.serve("ta-1", "ta-2")
        reader, writer = await _connect(bench, "/ws")
        await bench.serve()
        assert await reader.read() == b""
        writer.close()
        await bench.serve("ta-1", "ta-2")
        assert (await bench.get()).status_code == 200

    play(scenario)


def test_a_container_that_dies_costs_no_further_request() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        await bench.serve("ta-1", "ta-2")
        await bench.backends["ta-1"].die()
        assert {(await bench.get()).text for _ in range(30)} == {"ta-2"}

    play(scenario)


def test_adding_and_taking_out_containers_under_load_loses_no_request() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        await bench.serve("ta-1")
        going = asyncio.Event()
        going.set()
        clients = asyncio.create_task(load(bench, going))
        for turn in range(40):
            old, new = NAMES[turn % 4], NAMES[(turn + 1) % 4]
            await bench.serve(old, new)
            await bench.serve(f"{old}~", new)
            await bench.facts.told(old, 0)
            await bench.serve(new)
            await asked(bench, new)
            bench.facts.all.clear()
        going.clear()
        seen = await clients
        assert set(seen) == set(NAMES), seen

    play(scenario)


def test_a_reload_for_more_slots_under_load_loses_no_request_and_moves_no_session() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        await bench.serve("ta-1", "ta-2")
        homes = {key: (await bench.get(modal_session_id=key)).text for key in map(str, range(10))}
        socket = await _connect(bench, "/ws")
        going = asyncio.Event()
        going.set()
        clients = asyncio.create_task(load(bench, going))
        before = await bench.pid("worker")
        for number in range(5):
            await bench.real.apply(f"ap-x{number}", (bench.route("ta-3", host=f"x{number}", app=f"ap-x{number}"),))
        assert await bench.pid("worker") != before, "four slots were not enough"
        assert (await bench.get(host="x4")).text == "ta-3"
        assert {key: (await bench.get(modal_session_id=key)).text for key in homes} == homes
        assert sum((await bench.real.observe()).values()) >= 1, "the old worker's WebSocket is counted"
        socket[1].write(b"still")
        assert await socket[0].readexactly(5) == b"still"
        await bench.serve("ta-1~", "ta-2~", "ta-3")
        assert {(await bench.get()).text for _ in range(20)} == {"ta-3"}, "old workers follow too"
        going.clear()
        assert set(await clients) <= {"ta-1", "ta-2", "ta-3"}
        socket[1].close()
        await bench.facts.told("ta-1", 0)
        await bench.facts.told("ta-2", 0)

    play(scenario, slots=4)


def test_an_http2_container_is_spoken_to_in_cleartext_http2() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        preface = asyncio.get_running_loop().create_future()

        async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            data = await reader.read(24)
            if data and not preface.done():
                preface.set_result(data)
            writer.close()

        server = await asyncio.start_server(greet, "127.0.0.1", 0)
        bench.backends["ta-1"].address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await bench.serve("ta-1", h2=True)
        await bench.get()
        assert await preface == b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        server.close()

    play(scenario)


def test_every_request_is_recorded() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        seen: list[tuple[str, int, str, str]] = []
        bench.real.on_request.append(lambda records: seen.extend((r.path, r.status, r.container_id, r.why) for r in records))
        await bench.serve("ta-1")
        await asyncio.gather(*(bench.get(f"/n{number}?secret=1") for number in range(300)))
        await bench.get(host="unknown")

        async def all_there() -> bool:
            return len(seen) == 301

        await until(all_there, "301 records")
        assert set(seen) == {(f"/n{n}", 200, "ta-1", "") for n in range(300)} | {("/id", 404, "", "nohost")}

    play(scenario)


def test_a_record_says_what_was_asked_and_by_whom_also_where_it_was_refused() -> None:
    async def scenario(bench: HAProxyBench) -> None:
        seen: list[tuple[int, str, str, str, str]] = []
        bench.real.on_request.append(
            lambda records: seen.extend((r.status, r.method, r.host, r.path, r.token_id) for r in records)
        )
        granted, foreign = (hashlib.sha256(f"wk-{name}:ws".encode()).hexdigest() for name in ("granted", "foreign"))
        await bench.real.set_tokens({granted: ("tk-1", ("main",)), foreign: ("tk-2", ("other",))})
        await bench.serve("ta-1", authenticated=True)
        for name in ("granted", "foreign", "unknown"):
            await bench.get('/a%20"b#c?d', modal_key=f"wk-{name}", modal_secret="ws")
        await bench.get(host="unknown")

        async def all_there() -> bool:
            return len(seen) == 4

        await until(all_there, "4 records")
        path = "/a%20%22b"
        assert seen == [
            (200, "GET", "a.localhost", path, "tk-1"),
            (403, "GET", "a.localhost", path, "tk-2"),
            (401, "GET", "a.localhost", path, ""),
            (404, "GET", "unknown", "/id", ""),
        ]

    play(scenario, nbthread=1)  # so that records come in the order of the requests


async def _in_flight(bench: HAProxyBench, requests: int) -> bool:
    return sum((await bench.real.observe()).values()) == requests


async def _connect(bench: HAProxyBench, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection through the router, once the head of the answer is over."""
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.settings.http_port)
    key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    upgrade = f"Connection: Upgrade\r\nUpgrade: websocket\r\n{key}" if path == "/ws" else ""
    writer.write(f"GET {path} HTTP/1.1\r\nHost: a.localhost\r\n{upgrade}\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.split()[1] in (b"101", b"200"), head
    return reader, writer
