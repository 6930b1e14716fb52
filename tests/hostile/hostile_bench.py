"""HAProxy as we configure it in front of real HTTP servers, and clients that write whatever bytes they like.

What both sides understood is compared: the router's request records, and what the server behind it kept of each request.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from free_ports import free_ports
from homeport.core.routes import Route, Target
from homeport.router.haproxy import HAProxyRouter
from homeport.router.records import RequestRecord
from homeport.router.settings import RouterSettings

APPS = Path(__file__).parent / "apps"
HOST = b"Host: a.localhost\r\n"
DEADLINE_S = 60.0  # a test that passes never waits for it; a slow machine may need it
QUIET_S = 0.15
DATA, HEADERS, RST_STREAM, GOAWAY = 0, 1, 3, 7  # frames of HTTP/2
KINDS = ("uvicorn", "gunicorn", "aiohttp", "node")


@dataclass(frozen=True)
class Seen:
    """A request as a server understood it; names of headers in lower case."""

    method: str
    path: str
    body: str
    headers: tuple[tuple[str, str], ...]

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


async def until(true: Callable[[], bool], what: str, seconds: float = DEADLINE_S) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not true():
        assert loop.time() < deadline, f"did not happen within {seconds:.0f} s: {what}"
        await asyncio.sleep(0.01)


class HostileBench:
    def __init__(self, kind: str) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="hp-hostile-", dir="/tmp"))
        self.port, self.server_port = free_ports(2)
        self.records: list[RequestRecord] = []
        self._server = subprocess.Popen(_command(kind, self.server_port), cwd=APPS, stderr=subprocess.DEVNULL)
        self._router = HAProxyRouter(RouterSettings(self.directory / "r", "127.0.0.1", self.port, slots=4))
        self._router.on_request.append(self.records.extend)

    async def open(self) -> HostileBench:
        await until(lambda: _listens(self.server_port), "the server listens")
        await self._router.start()
        target = Target("ta-1", f"127.0.0.1:{self.server_port}")
        await self._router.apply("ap-1", (Route("a.localhost", "ap-1", "fu-1", "main", False, targets=(target,)),))
        return self

    async def close(self) -> None:
        await self._router.stop()
        self._server.kill()
        self._server.wait()
        shutil.rmtree(self.directory)

    async def send(self, *parts: bytes, ends: bool = True) -> bytes:
        """All that comes back on a connection of its own. It says no more once it was quiet for a while; whatever was begun
        by then is carried to its end. With `ends=False` nobody waits for that: the server waits for the client.
        """
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        got = b""
        with suppress(OSError):
            for part in parts:
                writer.write(part)
                await writer.drain()
            with suppress(TimeoutError):
                while not reader.at_eof():
                    async with asyncio.timeout(QUIET_S):
                        got += await reader.read(65536)
            if ends:
                writer.write_eof()
                async with asyncio.timeout(DEADLINE_S):
                    while data := await reader.read(65536):
                        got += data
        writer.close()
        return got

    async def ask(self, request: bytes) -> bytes:
        """All that comes back until the router closes the connection, as it was asked to."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        async with asyncio.timeout(DEADLINE_S):
            got = await reader.read()
        writer.close()
        return got

    async def ask_h2(self, request: bytes) -> None:
        """Waits for the end of stream 1, or of the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        with suppress(OSError, EOFError):
            async with asyncio.timeout(DEADLINE_S):
                while True:
                    head = await reader.readexactly(9)
                    await reader.readexactly(int.from_bytes(head[:3], "big"))
                    kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
                    if kind == GOAWAY or (stream == 1 and (kind == RST_STREAM or (kind in (DATA, HEADERS) and flags & 1))):
                        break
        writer.close()

    async def get(self, path: str, headers: bytes = b"") -> bytes:
        return await self.ask(b"GET %s HTTP/1.1\r\n%s%sConnection: close\r\n\r\n" % (path.encode(), HOST, headers))

    async def seen(self) -> list[Seen]:
        """Everything that reached the server, asked for past the router."""
        found = await asyncio.to_thread(self._ask)
        return [Seen(r["method"], r["path"], r["body"], tuple((k, str(v)) for k, v in r["headers"])) for r in found]

    async def passed(self, requests: int) -> list[tuple[str, str]]:
        """Method and path of what the router gave to the server, once it has told of so many requests."""
        await until(lambda: len(self._given()) >= requests, f"{requests} records (there are {self._given()})")
        return self._given()

    def _given(self) -> list[tuple[str, str]]:
        """Those that a server answered: it answers everything that it understood as a whole request."""
        return [(record.method, record.path) for record in self.records if record.container_id and record.status == 200]

    def _ask(self) -> list[dict[str, Any]]:
        with urlopen(f"http://127.0.0.1:{self.server_port}/_seen", timeout=DEADLINE_S) as answer:
            found: list[dict[str, Any]] = json.load(answer)
            return found


def play(scenario: Callable[[HostileBench], Awaitable[None]], kind: str = "uvicorn") -> None:
    """Runs a scenario on a fresh router and server, and removes what it left."""
    if kind == "node" and shutil.which("node") is None:
        pytest.skip("Node is not installed")
    if kind != "node":
        pytest.importorskip(kind)

    async def run() -> None:
        bench = HostileBench(kind)
        try:
            await bench.open()
            async with asyncio.timeout(600):
                await scenario(bench)
        finally:
            await bench.close()

    asyncio.run(run())


def statuses(answer: bytes) -> list[int]:
    """Of all answers in it."""
    lines = answer.split(b"HTTP/1.1 ")[1:]
    return [int(line[:3]) for line in lines]


def _command(kind: str, port: int) -> Sequence[str]:
    """None of them ends a connection, or itself, because nothing came for a while."""
    python, at = [sys.executable, "-m"], f"127.0.0.1:{port}"
    uvicorn = ["uvicorn", "asgi:app", "--port", str(port), "--http", "h11", "--log-level", "critical"]
    gunicorn = ["gunicorn", "wsgi:app", "-b", at, "-k", "gthread", "--threads", "4", "--timeout", "600"]
    return {
        "uvicorn": [*python, *uvicorn, "--timeout-keep-alive", "600"],
        "gunicorn": [*python, *gunicorn, "--keep-alive", "600"],
        "aiohttp": [sys.executable, "aio.py", str(port)],
        "node": ["node", "node.js", str(port)],
    }[kind]


def _listens(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
