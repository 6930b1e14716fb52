"""Many containers of one Server at once: from the first start to the last open port, beside as many bare processes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path

import bare
import machine
from cold_start import LIMIT_S, Bench, opened
from report import Figure, Measured, Target

from homeport.core.actions import StartContainer
from homeport.core.facts import ContainerExited, ContainerReady

COUNT = 200
SERVER = "Inside"
TARGET = Target(2_000, "value")


def measure(work: Path, rounds: int) -> Measured:
    """Needs root, crun and buildah, and 2 GiB of memory."""
    ours, theirs = asyncio.run(_measure(work, rounds))
    title = (f"{COUNT} containers at once, all listening", "ms", "bare processes")
    return Measured([Figure.of(title, ours, theirs, TARGET)])


async def _measure(work: Path, rounds: int) -> tuple[list[float], list[float]]:
    ours: list[float] = []
    theirs: list[float] = []
    async with opened(work / "data", work) as bench:
        interpreter = bare.python(bench.python_version)
        await bench.cold_start_ms(SERVER)  # has the template made
        async with asyncio.timeout(LIMIT_S):
            while not any(each["ready"] for each in (await bench.link.request("hello"))["templates"]):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.05)
        for number in range(rounds):
            await asyncio.to_thread(machine.wait_until_quiet)
            ours.append(await _containers_ms(bench, number))
            theirs.append(await asyncio.to_thread(_processes_ms, interpreter))
    return ours, theirs


async def _containers_ms(bench: Bench, number: int) -> float:
    ids = [f"ta-many{number}x{index:03d}" for index in range(COUNT)]
    begun = time.perf_counter()
    for each in ids:  # one after the other, as the control plane prepares them
        action = StartContainer(each, "ap-bench", "main", "fu-bench", SERVER, 1, bench.manifest_digest)
        await bench.engine.start(await bench.preparer.spec(action))
    await _all(bench, set(ids), ContainerReady)
    took_ms = (time.perf_counter() - begun) * 1000
    for each in ids:
        await bench.engine.stop(each, 0)
    await _all(bench, set(ids), ContainerExited)
    for each in ids:
        await bench.engine.forget(each)
    return took_ms


async def _all(bench: Bench, ids: set[str], kind: type[ContainerReady] | type[ContainerExited]) -> None:
    async with asyncio.timeout(LIMIT_S):
        async for fact in bench.engine.facts():
            if isinstance(fact, kind):
                ids.discard(fact.container_id)
            elif isinstance(fact, ContainerExited) and fact.container_id in ids:
                raise RuntimeError(f"{fact.container_id} ended: {fact.detail or fact.reason}")
            if not ids:
                return


def _processes_ms(interpreter: str) -> float:
    begun = time.perf_counter()
    with contextlib.ExitStack() as running:
        ports = [running.enter_context(bare.serving(interpreter, Path("/"))) for _ in range(COUNT)]
        for port in ports:
            bare.until_200("127.0.0.1", port)
        return (time.perf_counter() - begun) * 1000
