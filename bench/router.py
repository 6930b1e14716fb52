"""The router, with authentication and request log, beside no proxy, a bare HAProxy, nginx, Envoy, Traefik and Caddy.

CPU time per request is the figure that means most: requests per second are bounded by client and server, which share a core.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from subprocess import SubprocessError

import load
import machine
import messages
import ways
from load import Result, Wrk
from proxies import OTHERS, Proxy
from report import Figure, Measured, Target
from ways import Way

SECONDS = 2
ROUTER_RATIO_MAX = 1.5
BARE, DIRECT, OURS = "bare HAProxy", "direct", "router"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of traffic; `path` is nothing for WebSocket messages."""

    name: str
    connections: int
    path: str = ""


SMALL = Kind("small bodies, 64 connections", 64, "/")
ONE = Kind("small bodies, 1 connection", 1, "/")
LARGE = Kind("1 MiB bodies, 64 connections", 64, "/large")
LARGE_ONE = Kind("1 MiB bodies, 1 connection", 1, "/large")
MESSAGES = Kind("WebSocket messages, 64 connections", 64)
REQUESTS = (SMALL, ONE, LARGE, LARGE_ONE)


@dataclass
class Runs:
    """`lost` says why a way was given up."""

    results: dict[tuple[str, Kind], list[Result]] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)

    def add(self, way: str, kind: Kind, run: Callable[[], Result]) -> None:
        """What `run` returns. A proxy beside us that fails is given up; without us and the plain ways there is no figure."""
        if way in self.lost:
            return
        try:
            result = run()
        except (OSError, RuntimeError, SubprocessError) as error:
            if way in (OURS, BARE, DIRECT):
                raise
            self.lost[way] = str(error).partition("\n")[0].rstrip(":")
        else:
            self.results.setdefault((way, kind), []).append(result)

    def of(self, way: str, kind: Kind, what: str) -> list[float]:
        return [float(getattr(result, what)) for result in self.results[way, kind]]

    def added(self, way: str, kind: Kind, what: str) -> list[float]:
        """What this way adds to the latency of a direct request of the same round."""
        pairs = zip(self.of(way, kind, what), self.of(DIRECT, kind, what), strict=True)
        return [through - direct for through, direct in pairs]


def measure(work: Path, rounds: int) -> Measured:
    """Needs nginx and wrk. Raises MissingError without them; other proxies that can't be had are said and left out."""
    machine.need("nginx", "wrk")
    notes: list[str] = []
    others = ways.commands(work, notes)
    runs = Runs()
    asyncio.run(_measure(work, rounds, others, runs))
    notes += [f"{way} was given up: {why}." for way, why in runs.lost.items()]
    beside = [other.name for other in others if other.name not in runs.lost]
    return Measured(figures(runs, [BARE, *beside]), tuple(notes))


async def _measure(work: Path, rounds: int, others: dict[Proxy, str], runs: Runs) -> None:
    wrk = Wrk(SECONDS, ways.CLIENT_CORE)
    with ways.nginx(work) as upstream, messages.echoing(ways.CLIENT_CORE) as echo:
        async with (
            ways.all_to(work / "requests", upstream, others) as to_nginx,
            ways.all_to(work / "messages", echo, others) as to_echo,
        ):
            for number in range(rounds):
                await asyncio.to_thread(machine.wait_until_quiet)
                for kind in REQUESTS:
                    for name, way in to_nginx.items():
                        await asyncio.to_thread(runs.add, name, kind, partial(_requests, wrk, way, kind))
                for name, way in to_echo.items():
                    await asyncio.to_thread(runs.add, name, MESSAGES, partial(_messages, way))
                print(f"  {number + 1} of {rounds} rounds", file=sys.stderr, flush=True)


def _requests(wrk: Wrk, way: Way, kind: Kind) -> Result:
    return wrk.run(f"http://127.0.0.1:{way.port}{kind.path}", kind.connections, ways.HEADERS, way.pid)


def _messages(way: Way) -> Result:
    before = load.cpu_s(way.pid) if way.pid else 0.0
    plan = messages.Plan(way.port, MESSAGES.connections, SECONDS, ways.HEADERS)
    return messages.exchange(plan, ways.CLIENT_CORE).costing(load.cpu_s(way.pid) - before if way.pid else 0.0)


def figures(runs: Runs, beside: Iterable[str]) -> list[Figure]:
    """Of the router, beside each of these."""
    limits = {BARE: ROUTER_RATIO_MAX, **{other.name: other.cpu_ratio_max for other in OTHERS}}
    made: list[Figure] = []
    for name in beside:
        limit = limits[name]
        for kind in (SMALL, LARGE, MESSAGES):
            target = Target(limit) if limit is not None and kind is SMALL else None
            made.append(_figure(runs, "CPU each", "µs", (kind, "cpu_us", name), target))
    for name in (*beside, DIRECT):
        made += [_figure(runs, "rate", "/s", (kind, "per_second", name)) for kind in (*REQUESTS, MESSAGES)]
    for name in beside:
        for percentile in ("p50", "p99"):
            ours, theirs = (runs.added(way, ONE, f"{percentile}_us") for way in (OURS, name))
            made.append(Figure.of((f"router: added {percentile}, {ONE.name}", "µs", name), ours, theirs))
    return made


def _figure(runs: Runs, what: str, unit: str, of: tuple[Kind, str, str], target: Target | None = None) -> Figure:
    kind, column, name = of
    ours, theirs = runs.of(OURS, kind, column), runs.of(name, kind, column)
    return Figure.of((f"router: {what}, {kind.name}", unit, name), ours, theirs, target)
