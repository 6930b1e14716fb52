"""What the router's rules cost, part by part: instructions per request, of its configuration with parts of it left out.

Counted by callgrind, so the figures are exact and the same on a busy machine; they leave out what the kernel does. A part's
cost is what a request saves without it, which is less than it seems where others use what it computes.
"""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import bare
import machine
import proxies
import ways
from report import Figure, Measured

from homeport.core.routes import Route
from homeport.core.routes import Target as Container
from homeport.router import render
from homeport.router.launch import find_binary
from homeport.router.settings import Ports, RouterSettings
from homeport.router.slots import SlotTable

FEW, MANY, CONNECTIONS = 200, 1_000, 8
LIMIT_S = 60.0
ATTEMPTS = 3
FILES_MAX = 20_000
LUA = Path(render.__file__).with_name("place.lua")
_AUTH = r"public|tried|txn\.secret|bearer|txn\.hash|txn\.token\)|modal-secret|modal-key|granted|foreign"

Change = Callable[[str], str]


def without(pattern: str) -> Change:
    """The configuration without the lines that match."""
    found = re.compile(pattern)
    return lambda text: "".join(line for line in text.splitlines(keepends=True) if not _leaves(found, line))


def _leaves(pattern: re.Pattern[str], line: str) -> bool:
    """Which lines may go: the log's format is one line of many parts, and stays."""
    return bool(pattern.search(line)) and not line.lstrip().startswith("log-format")


PARTS: dict[str, Change] = {
    "the record": without(r"^    log ring@"),
    "credentials": without(_AUTH),
    "SHA-256 of credentials": lambda text: re.sub(
        r"req\.fhdr\(modal-key\),concat.*?lower", f"str({next(iter(ways.TOKENS))})", text
    ),
    "forwarded headers": without(r"X-Forwarded-|forwardfor"),
    "affinity": without(r"txn\.sid|txn\.skey"),
    "refusals of bad requests": without(r"deny_status"),
    "the empty pool": without(r"nbsrv"),
    "max_concurrency": without(r"limited"),
}


def measure(work: Path, rounds: int) -> Measured:
    """One figure per part, beside the whole. Needs nginx and valgrind; more rounds would say the same."""
    machine.need("nginx", "valgrind")
    figures: list[Figure] = []
    with ways.nginx(work) as upstream:
        plain = _instructions(work / "bare", lambda ports: proxies.BARE.format(port=ports[0], upstream=upstream))
        whole = _ours(work / "whole", upstream, lambda text: text)
        figures.append(Figure("router: instructions per request", "", whole, plain, "bare HAProxy", 1))
        for number, (name, change) in enumerate(PARTS.items()):
            left = _ours(work / f"part-{number}", upstream, change)
            figures.append(Figure(f"router: instructions of {name}", "", whole - left, whole, "of all", 1))
            print(f"  {number + 1} of {len(PARTS)} parts", file=sys.stderr, flush=True)
    return Measured(figures)


def _ours(folder: Path, upstream: int, change: Change) -> float:
    return _instructions(folder, lambda ports: change(_configuration(folder, upstream, ports)))


def _configuration(folder: Path, upstream: int, ports: tuple[int, ...]) -> str:
    """What the router would boot from, with its maps beside it; the master process is left out."""
    settings = RouterSettings(folder, "127.0.0.1", ports[0], slots=16, nbthread=1)
    table = SlotTable(settings.slots)
    container = Container("ta-bench", f"127.0.0.1:{upstream}")
    table.assign("ap-bench", (Route(ways.HOST, "ap-bench", "fu-bench", "main", targets=(container,)),))
    settings.hosts_map.write_text(render.hosts_map(table.hosts()))
    settings.tokens_map.write_text(render.tokens_map(ways.TOKENS))
    settings.grants_map.write_text(render.grants_map(ways.TOKENS))
    settings.sessions_map.write_text("")
    settings.lua_file.write_text(LUA.read_text())
    shape = render.Shape(settings, Ports(*ports[1:]), settings.slots, FILES_MAX, sessioned=False)
    return render.config(shape, table.slots()).replace("    master-worker\n", "")


def _instructions(folder: Path, text: Callable[[tuple[int, ...]], str]) -> float:
    """Per request: the difference between a run with many and one with few, so that start and end don't count.

    Tried again with other ports, for somebody else may have taken one before HAProxy did.
    """
    folder.mkdir()
    for _ in range(ATTEMPTS - 1):
        with contextlib.suppress(RuntimeError, OSError):
            return _difference(folder, text)
    return _difference(folder, text)


def _difference(folder: Path, text: Callable[[tuple[int, ...]], str]) -> float:
    ports = tuple(bare.free_ports(5))
    config = folder / "haproxy.cfg"
    config.write_text(text(ports))
    few, many = (_counted(config, ports[0], count) for count in (FEW, FEW + MANY))
    return (many - few) / MANY


def _counted(config: Path, port: int, requests: int) -> int:
    haproxy = [find_binary(RouterSettings(Path())), "-db", "-L", "dataplane", "-f", str(config)]
    argv = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={config}.out", *haproxy]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        _ask(port, CONNECTIONS)
        _ask(port, requests)
        process.terminate()
        said = process.communicate(timeout=LIMIT_S)[1]
    finally:
        process.kill()
        process.wait()
    found = re.search(r"Collected : (\d+)", said)
    if found is None:
        raise RuntimeError(f"callgrind counted nothing: {said[-300:]}")
    return int(found[1])


def _ask(port: int, requests: int) -> None:
    """So many requests, in turn over some kept connections. Waits for the port. Raises RuntimeError for a bad answer."""
    request = "\r\n".join(["GET /some/path HTTP/1.1", *ways.HEADERS, "", ""]).encode()
    connections = [_connect(port) for _ in range(CONNECTIONS)]
    for number in range(requests):
        connection = connections[number % CONNECTIONS]
        connection.sendall(request)
        said = connection.recv(4096)
        if not said.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(f"the configuration does not work: {said[:100]!r}")
    for connection in connections:
        connection.close()


def _connect(port: int) -> socket.socket:
    end = time.monotonic() + LIMIT_S
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
