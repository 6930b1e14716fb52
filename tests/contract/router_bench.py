"""The routers that the contract suite runs on: the fake, and HAProxy in front of small HTTP servers on loopback."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import httpx

from free_ports import free_ports
from homeport.core.facts import ContainerDrained, Fact
from homeport.core.routes import Route, Target
from homeport.ports import Router
from homeport.router.haproxy import HAProxyRouter
from homeport.router.settings import RouterSettings
from homeport.testing.router import FakeRouter

DEADLINE_S = 60.0  # a test that passes never waits for it; a slow machine may need it
SCENARIO_LIMIT_S = 300
SWITCHING = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


async def until(true: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait for it, or fail saying what did not happen."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + DEADLINE_S
    while not await true():
        assert loop.time() < deadline, f"did not happen within {DEADLINE_S:.0f} s: {what}"
        await asyncio.sleep(0.01)


class DrainFacts:
    """Everything that one router told."""

    def __init__(self, router: Router) -> None:
        self.all: list[Fact] = []
        self._task = asyncio.create_task(self._collect(router))

    def counts(self, container_id: str) -> list[int]:
        """In-flight counts told for this container, without repetitions."""
        told = [f.in_flight for f in self.all if isinstance(f, ContainerDrained) and f.container_id == container_id]
        return [count for index, count in enumerate(told) if index == 0 or told[index - 1] != count]

    async def told(self, container_id: str, in_flight: int) -> None:
        async def seen() -> bool:
            return self.counts(container_id)[-1:] == [in_flight]

        await until(seen, f"{container_id} drains with {in_flight} in flight")

    async def close(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _collect(self, router: Router) -> None:
        async for fact in router.facts():
            self.all.append(fact)


class Bench(Protocol):
    """A router, its facts, and a way to have requests in flight."""

    router: Router
    facts: DrainFacts

    def target(self, container_id: str, draining: bool = False) -> Target: ...

    async def hold(self, host: str, container_id: str) -> None:
        """Start one more request that stays in flight on this container, the only one open behind the host."""
        ...

    async def release(self, container_id: str) -> None:
        """Let all requests of this container end."""
        ...

    async def clean(self) -> None: ...


class FakeBench:
    def __init__(self) -> None:
        self.fake = FakeRouter()
        self.router: Router = self.fake
        self.facts = DrainFacts(self.fake)
        self._held: Counter[str] = Counter()

    def target(self, container_id: str, draining: bool = False) -> Target:
        return Target(container_id, "10.3.0.1:8000", draining)

    async def hold(self, host: str, container_id: str) -> None:
        assert self.fake.pick(host) == container_id
        self._held[container_id] += 1
        self.fake.set_in_flight(container_id, self._held[container_id])

    async def release(self, container_id: str) -> None:
        del self._held[container_id]
        self.fake.set_in_flight(container_id, 0)

    async def clean(self) -> None:
        await self.facts.close()
        await self.fake.close()


class Backend:
    """A container's stand-in: /id says its name, /hold waits for `gate`, /sse sends `events`, /ws echoes, /headers shows."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.served: Counter[str] = Counter()
        self.gate = asyncio.Event()
        self.events: asyncio.Queue[bytes] = asyncio.Queue()  # an empty one ends the stream
        self.address = ""
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self, port: int = 0) -> Backend:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, backlog=512)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def die(self) -> None:
        if self._server:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                path = head.split()[1].partition("?")[0]
                self.served[path] += 1
                await self._answer(path, head, reader, writer)
        except (OSError, EOFError):
            writer.close()
        finally:
            self._writers.discard(writer)

    async def _answer(self, path: str, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if path == "/ws":
            writer.write(SWITCHING)
            while data := await reader.read(1000):
                writer.write(data)
            raise EOFError
        if path == "/sse":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
            while event := await self.events.get():
                writer.write(event)
            raise EOFError
        if path == "/hold":
            await self.gate.wait()
        text = self.name if path != "/headers" else json.dumps(_headers(head))
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode())
        await writer.drain()


class HAProxyBench:
    """`directory` is short, so that the sockets lie in it. `restart` is a new control plane on the same data plane."""

    def __init__(self, **settings: Any) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="hp-router-", dir="/tmp"))
        self.settings = RouterSettings(self.directory / "r", "127.0.0.1", free_port(), **settings)
        self.real = HAProxyRouter(self.settings)
        self.router: Router = self.real
        self.backends: dict[str, Backend] = {}
        self._held: set[asyncio.Task[httpx.Response]] = set()

    async def open(self, *containers: str) -> HAProxyBench:
        self.client = httpx.AsyncClient(base_url=self.url, timeout=DEADLINE_S, limits=httpx.Limits(max_connections=500))
        await self.real.start()
        self.facts = DrainFacts(self.real)
        for name in containers:
            self.backends[name] = await Backend(name).open()
        return self

    async def restart(self) -> None:
        await self.real.close()
        await self.facts.close()
        self.real = self.router = HAProxyRouter(self.settings)
        await self.real.start()
        self.facts = DrainFacts(self.real)

    async def up(self, but: object = 0) -> dict[str, object]:
        """The status, once a worker serves that is another one than `but`. A busy one may not answer a single look."""
        found: dict[str, object] = {}

        async def serves() -> bool:
            found.update(await self.real.status())
            return found["state"] == "up" and found["worker"] not in (0, but)

        await until(serves, "a worker")
        return found

    async def pid(self, name: str) -> int:
        """Of "supervisor", "master", "sidecar" or "worker", once they all run."""
        pids: list[int] = []

        async def runs() -> bool:
            pids[:] = [int(str((await self.up())[name]))]
            return pids != [0]

        await until(runs, f"a {name}")
        return pids[0]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.http_port}"

    def target(self, container_id: str, draining: bool = False) -> Target:
        return Target(container_id, self.backends[container_id].address, draining)

    def route(self, *containers: str, host: str = "a.localhost", app: str = "ap-1", **more: object) -> Route:
        """A public route; a container with `~` behind its name drains."""
        targets = tuple(self.target(name.rstrip("~"), name.endswith("~")) for name in sorted(containers))
        fields = {"environment": "main", "authenticated": False, "targets": targets, **more}
        return Route(host=host, app_id=app, service_id=f"fu-{app}", **fields)  # type: ignore[arg-type] # by name

    async def serve(self, *containers: str, **more: object) -> None:
        await self.real.apply("ap-1", (self.route(*containers, **more),))  # type: ignore[arg-type] # by name

    async def get(self, path: str = "/id", host: str = "a.localhost", **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.get(path, headers={"host": host, **named})

    async def hold(self, host: str, container_id: str) -> None:
        backend = self.backends[container_id]
        before = backend.served["/hold"]
        self._held.add(asyncio.create_task(self.get("/hold", host)))

        async def arrived() -> bool:
            return backend.served["/hold"] > before

        await until(arrived, f"a request arrives at {container_id}")

    async def release(self, container_id: str) -> None:
        self.backends[container_id].gate.set()

    async def held(self) -> list[httpx.Response]:
        """The answers to all held requests."""
        return await asyncio.gather(*self._held)

    async def clean(self) -> None:
        for backend in self.backends.values():
            backend.gate.set()
        await self.real.stop()
        await self.facts.close()
        await self.client.aclose()
        for backend in self.backends.values():
            await backend.die()
        shutil.rmtree(self.directory)


def played(make: Callable[[], HAProxyBench], scenario: Callable[[HAProxyBench], Awaitable[None]], *names: str) -> None:
    """Runs a scenario on a fresh data plane with servers of these names behind it, and removes what it left."""

    async def run() -> None:
        bench = await make().open(*names)
        try:
            async with asyncio.timeout(SCENARIO_LIMIT_S):
                await scenario(bench)
        finally:
            await bench.clean()

    asyncio.run(run())


def free_port() -> int:
    return free_ports(1)[0]


def _headers(head: str) -> dict[str, str]:
    lines = [line.partition(": ") for line in head.splitlines()[1:] if line]
    return {name.lower(): value for name, _, value in lines}
