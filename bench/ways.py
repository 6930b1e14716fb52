"""The ways that lead to a server on this machine: straight, through a bare HAProxy, through the router, through others.

Each proxy has one thread's worth of CPU: it is pinned to one core, and what is before and behind it to another one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import bare
import extras
import load
import proxies
from machine import MissingError

from homeport.core.routes import Route
from homeport.core.routes import Target as Container
from homeport.router.haproxy import HAProxyRouter
from homeport.router.launch import find_binary
from homeport.router.settings import RouterSettings

HOST = "bench.localhost"
KEY, SECRET = "wk-bench", "ws-bench"
HEADERS = (f"Host: {HOST}", f"Modal-Key: {KEY}", f"Modal-Secret: {SECRET}")
TOKENS = {hashlib.sha256(f"{KEY}:{SECRET}".encode()).hexdigest(): ("tk-bench", ("main",))}
CLIENT_CORE, PROXY_CORE = (1, 0) if (os.cpu_count() or 1) > 1 else (None, None)

# Behind all of them: a small answer at /, and a mebibyte at /large.
UPSTREAM = """\
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    keepalive_requests 1000000000;
    server {{
        listen 127.0.0.1:{port};
        location / {{ return 200 "ok\\n"; }}
        location = /large {{ alias {folder}/large; }}
    }}
}}
"""
LARGE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Way:
    """Where requests are sent; `pid` is the proxy's, 0 without one."""

    port: int
    pid: int = 0


def commands(work: Path, notes: list[str]) -> dict[proxies.Proxy, str]:
    """The other proxies that can be had, each with its program. The rest is said in `notes`."""
    found: dict[proxies.Proxy, str] = {}
    for other in proxies.OTHERS:
        path = shutil.which(other.program)
        try:
            found[other] = path or str(extras.install(work / other.program, *other.packages) / other.program)
        except MissingError as error:
            notes.append(f"No {other.name}: {error}.")
    return found


@contextlib.contextmanager
def nginx(work: Path) -> Iterator[int]:
    """The server behind all ways; its port."""
    port = bare.free_ports(1)[0]
    config = work / "upstream.conf"
    (work / "large").write_bytes(os.urandom(LARGE_BYTES))
    work.chmod(0o755)  # nginx's worker is nobody
    config.write_text(UPSTREAM.format(folder=work, port=port))
    argv = ["nginx", "-e", f"{work}/error.log", "-c", str(config)]
    with process(load.pinned(argv, CLIENT_CORE), port):
        yield port


@contextlib.asynccontextmanager
async def all_to(work: Path, upstream: int, others: Mapping[proxies.Proxy, str]) -> AsyncIterator[dict[str, Way]]:
    """Every way to this port, by name; "direct", "bare HAProxy" and "router" are always among them."""
    work.mkdir(parents=True, exist_ok=True)
    plain, http_port, *rest = bare.free_ports(2 + len(others))
    settings = RouterSettings(work / "router", "127.0.0.1", http_port, slots=16, nbthread=1)
    config = work / "bare.cfg"
    config.write_text(proxies.BARE.format(port=plain, upstream=upstream))
    argvs = {"bare HAProxy": (plain, [find_binary(settings), "-db", "-f", str(config)])}
    for port, (other, command) in zip(rest, others.items(), strict=True):
        argvs[other.name] = (port, other.prepare(command, work, (port, upstream)))
    found = {"direct": Way(upstream)}
    with contextlib.ExitStack() as running:
        async with router(settings, upstream, PROXY_CORE) as found["router"]:
            for name, (port, argv) in argvs.items():
                found[name] = Way(port, running.enter_context(process(load.pinned(argv, PROXY_CORE), port)))
            yield found


@contextlib.asynccontextmanager
async def router(settings: RouterSettings, upstream: int, core: int | None) -> AsyncIterator[Way]:
    """Ours, with a route that asks for a token, and its records read by this process."""
    ours = HAProxyRouter(settings)
    await ours.start()
    try:
        container = Container("ta-bench", f"127.0.0.1:{upstream}")
        await ours.apply("ap-bench", (Route(HOST, "ap-bench", "fu-bench", "main", targets=(container,)),))
        await ours.set_tokens(TOKENS)
        worker = int(str((await ours.status())["worker"]))
        load.pin([worker], core)
        yield Way(settings.http_port, worker)
    finally:
        await ours.stop()


@contextlib.contextmanager
def process(argv: Sequence[str], port: int, env: Mapping[str, str] | None = None) -> Iterator[int]:
    """Its pid, once it answers on `port`; ended with the block."""
    running = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
    try:
        bare.until_200("127.0.0.1", port)
        yield running.pid
    finally:
        running.terminate()
        running.wait()
