"""The router, with authentication and request log, beside a bare HAProxy and beside no proxy at all.

Both proxies are the same binary with one thread on one core; nginx behind them and wrk before them share another one, so
CPU time per request is the figure that means most: requests per second are bounded by the client.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import bare
import load
import machine
from load import Result, Wrk
from report import Figure, Target

from homeport.core.routes import Route
from homeport.core.routes import Target as Container
from homeport.router.haproxy import HAProxyRouter
from homeport.router.launch import find_binary
from homeport.router.settings import RouterSettings

SECONDS = 2.0
CONNECTIONS = (64, 1)
HOST = "bench.localhost"
KEY, SECRET = "wk-bench", "ws-bench"
HEADERS = (f"Host: {HOST}", f"Modal-Key: {KEY}", f"Modal-Secret: {SECRET}")
WAYS = ("direct", "bare", "router")

NGINX = """\
daemon off;
pid {work}/nginx.pid;
error_log {work}/error.log;
worker_processes 1;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    server {{ listen 127.0.0.1:{port}; location / {{ return 200 "ok\\n"; }} }}
}}
"""
BARE = """\
global
    nbthread 1
    maxconn 2000
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 60s
frontend http
    bind 127.0.0.1:{port}
    default_backend nginx
backend nginx
    server nginx 127.0.0.1:{upstream}
"""


@dataclass(frozen=True, slots=True)
class Way:
    """How requests get to nginx; `pid` is the proxy's, 0 without one."""

    port: int
    pid: int = 0


@dataclass
class Runs:
    results: dict[tuple[str, int], list[Result]] = field(default_factory=dict)

    def of(self, way: str, connections: int, what: str) -> list[float]:
        return [float(getattr(result, what)) for result in self.results[way, connections]]

    def added(self, way: str, connections: int, what: str) -> list[float]:
        """What this way adds to the latency of a direct request of the same round."""
        pairs = zip(self.of(way, connections, what), self.of("direct", connections, what), strict=True)
        return [through - direct for through, direct in pairs]


def measure(work: Path, rounds: int) -> list[Figure]:
    """Needs nginx and wrk. Raises MissingError without them."""
    machine.need("nginx", "wrk")
    return _figures(asyncio.run(_measure(work, rounds)))


async def _measure(work: Path, rounds: int) -> Runs:
    runs = Runs()
    client_core, proxy_core = (1, 0) if (os.cpu_count() or 1) > 1 else (None, None)
    wrk = Wrk(SECONDS, client_core)
    upstream, plain, http_port = bare.free_ports(3)
    settings = RouterSettings(work / "router", "127.0.0.1", http_port, slots=16, nbthread=1)
    with _nginx(work, upstream, client_core):
        async with _router(settings, upstream, proxy_core) as ours:
            with _bare(work, settings, (plain, upstream), proxy_core) as theirs:
                ways = dict(zip(WAYS, (Way(upstream), theirs, ours), strict=True))
                for _ in range(rounds):
                    await asyncio.to_thread(machine.wait_until_quiet)
                    for connections in CONNECTIONS:
                        for name, way in ways.items():
                            url = f"http://127.0.0.1:{way.port}/"
                            result = await asyncio.to_thread(wrk.run, url, connections, HEADERS, way.pid)
                            runs.results.setdefault((name, connections), []).append(result)
    return runs


def _figures(runs: Runs) -> list[Figure]:
    many, one = CONNECTIONS
    cpu, rate = "cpu_us", "per_second"
    figures = [
        Figure.of(
            ("router: CPU per request", "µs", "bare HAProxy"),
            runs.of("router", many, cpu),
            runs.of("bare", many, cpu),
            Target(1.7),
        )
    ]
    for connections in CONNECTIONS:
        ours = runs.of("router", connections, rate)
        name = f"router: requests, {connections} connection{'s' if connections > 1 else ''}"
        figures += [Figure.of((name, "/s", way), ours, runs.of(key, connections, rate)) for key, way in _BESIDE.items()]
    for percentile in ("p50", "p99"):
        ours, theirs = (runs.added(way, one, f"{percentile}_us") for way in ("router", "bare"))
        figures.append(Figure.of((f"router: added {percentile}, 1 connection", "µs", "bare HAProxy"), ours, theirs))
    return figures


_BESIDE = {"bare": "bare HAProxy", "direct": "no proxy"}


@contextlib.contextmanager
def _nginx(work: Path, port: int, core: int | None) -> Iterator[None]:
    config = work / "nginx.conf"
    config.write_text(NGINX.format(work=work, port=port))
    with _process(load.pinned(["nginx", "-e", f"{work}/error.log", "-c", str(config)], core), port):
        yield


@contextlib.contextmanager
def _bare(work: Path, settings: RouterSettings, ports: tuple[int, int], core: int | None) -> Iterator[Way]:
    config = work / "bare.cfg"
    config.write_text(BARE.format(port=ports[0], upstream=ports[1]))
    with _process(load.pinned([find_binary(settings), "-db", "-f", str(config)], core), ports[0]) as pid:
        yield Way(ports[0], pid)


@contextlib.asynccontextmanager
async def _router(settings: RouterSettings, upstream: int, core: int | None) -> AsyncIterator[Way]:
    router = HAProxyRouter(settings)
    await router.start()
    try:
        container = Container("ta-bench", f"127.0.0.1:{upstream}")
        await router.apply("ap-bench", (Route(HOST, "ap-bench", "fu-bench", "main", targets=(container,)),))
        await router.set_tokens({hashlib.sha256(f"{KEY}:{SECRET}".encode()).hexdigest(): ("tk-bench", ("main",))})
        worker = int(str((await router.status())["worker"]))
        load.pin([worker], core)
        yield Way(settings.http_port, worker)
    finally:
        await router.stop()


@contextlib.contextmanager
def _process(argv: Sequence[str], port: int) -> Iterator[int]:
    """Its pid, once it answers on `port`; ended with the block."""
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        bare.until_200("127.0.0.1", port)
        yield process.pid
    finally:
        process.terminate()
        process.wait()
