"""From nothing to the first 200 of a Server with a second of initialisation: from its memory snapshot, without one, and as a
bare process that does the same.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from pathlib import Path

import bare
import machine
from cold_start import LIMIT_S, Bench, opened
from report import Figure, Measured, Target

SERVER = "Slow"
PROGRAM = """
import sys, time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
time.sleep(1)
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), SimpleHTTPRequestHandler).serve_forever()
"""
COMPANION = "bare process that does the same"
TARGET = Target(50, "value")


def measure(work: Path, rounds: int) -> Measured:
    """Needs root, crun and buildah. Raises TimeoutError where no snapshot can be made."""
    with_one, without, plain = asyncio.run(_measure(work, rounds))
    what = "1 s of init to first 200"
    return Measured(
        [
            Figure.of((f"{what}, from a memory snapshot", "ms", COMPANION), with_one, plain, TARGET),
            Figure.of((f"{what}, without", "ms", COMPANION), without, plain),
        ]
    )


async def _measure(work: Path, rounds: int) -> tuple[list[float], list[float], list[float]]:
    found: tuple[list[float], list[float], list[float]] = ([], [], [])
    async with opened(work / "data", work) as bench:
        interpreter = bare.python(bench.python_version)
        await _until_made(bench)
        for number in range(rounds + 1):
            await asyncio.to_thread(machine.wait_until_quiet)
            took = (
                await bench.cold_start_ms(SERVER, snapshot=True),
                await bench.cold_start_ms(SERVER),
                await asyncio.to_thread(_plain_ms, interpreter),
            )
            if number:  # the first one warms the caches up for all
                for figures, one in zip(found, took, strict=True):
                    figures.append(one)
    return found


async def _until_made(bench: Bench) -> None:
    """The first container has the template made, and one after that the snapshot."""
    async with asyncio.timeout(LIMIT_S):
        await bench.cold_start_ms(SERVER, snapshot=True)
        while not any(each["ready"] for each in (await bench.link.request("hello"))["snapshots"]):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)


def _plain_ms(interpreter: str) -> float:
    port = bare.free_ports(1)[0]
    begun = time.perf_counter()
    quiet = subprocess.DEVNULL
    process = subprocess.Popen([interpreter, "-c", PROGRAM, str(port)], stdout=quiet, stderr=quiet)
    try:
        bare.until_200("127.0.0.1", port)
        return (time.perf_counter() - begun) * 1000
    finally:
        process.kill()
        process.wait()
