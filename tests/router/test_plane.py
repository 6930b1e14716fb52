"""Asking HAProxy's master, which may be slow, may be executing itself again, or may be asked of a worker that ends."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from homeport.router import plane
from homeport.router.admin import DataPlaneError
from homeport.router.plane import DataPlane
from homeport.router.settings import RouterSettings

PROC = "31795 master 0 0d00h00m09s 2.8\n# workers\n31901 worker 0 0d00h00m01s 2.8\n# old workers\n# programs\n"
Master = Callable[[int, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow this machine is, one of so many attempts is answered."""
    monkeypatch.setattr(plane, "MASTER_PATIENCE_S", 0.01)
    monkeypatch.setattr(plane, "MASTER_ATTEMPTS", 1000)


def play(place: Path, master: Master, story: Callable[[DataPlane], Awaitable[None]]) -> None:
    """`master` gets the number of the connection, from 1 on, and what it answers on."""
    settings, asked = RouterSettings(place), []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(writer)
        await reader.read()
        await master(len(asked), writer)

    async def run() -> None:
        server = await asyncio.start_unix_server(serve, settings.master_socket)
        try:
            async with asyncio.timeout(60):
                await story(DataPlane(settings))
        finally:
            server.close()
            for writer in asked:
                writer.close()

    asyncio.run(run())


async def answer(writer: asyncio.StreamWriter, text: str) -> None:
    writer.write(text.encode())
    writer.close()


def test_a_master_that_never_answers_a_connection_is_asked_on_another_one(tmp_path: Path) -> None:
    async def master(number: int, writer: asyncio.StreamWriter) -> None:
        if number > 2:
            await answer(writer, PROC)

    async def story(found: DataPlane) -> None:
        assert (await found.processes()).worker == 31901

    play(tmp_path, master, story)


def test_a_master_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataPlaneError, match="does not answer"):
        asyncio.run(DataPlane(RouterSettings(tmp_path)).processes())


def test_an_old_worker_that_is_slow_is_waited_for(tmp_path: Path) -> None:
    async def master(_: int, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        await answer(writer, "0x1 key value\n")

    async def story(found: DataPlane) -> None:
        assert await found.token_maps(os.getpid()) == ({"key": "value"}, {"key": "value"})

    play(tmp_path, master, story)


def test_an_old_worker_that_ended_is_not(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as gone:
        pass

    async def master(_: int, writer: asyncio.StreamWriter) -> None: ...

    async def story(found: DataPlane) -> None:
        with pytest.raises(DataPlaneError, match="does not answer"):
            await found.token_maps(gone.pid)

    play(tmp_path, master, story)
