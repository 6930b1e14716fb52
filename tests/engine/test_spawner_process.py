"""Whether the spawner is there, and what is done about one that is just leaving."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from homeport.runtime import spawner_process
from homeport.runtime.processes import identify
from homeport.runtime.spawner_process import SpawnerProcess
from homeport.spawner import wire


def test_one_that_dies_while_it_is_waited_for_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spawner_process, "ANSWER_LIMIT_S", 60.0)
    process = SpawnerProcess(str(tmp_path))
    Path(process.socket_path).parent.mkdir()
    started: list[str] = []

    async def start() -> None:
        started.append("once")

    async def story(dying: subprocess.Popen[bytes]) -> None:
        who = identify(dying.pid)
        assert who is not None
        wire.write_json(str(tmp_path / "run" / "spawner.json"), {"pid": who.pid, "start": who.start})
        assert process.running() == who
        waiting = asyncio.create_task(process.ensure())
        await asyncio.sleep(0)
        dying.kill()
        dying.wait()
        while not started and not waiting.done():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)
        waiting.cancel()

    monkeypatch.setattr(process, "_start", start)
    with subprocess.Popen(["sleep", "600"]) as dying:
        asyncio.run(story(dying))
    assert started == ["once"]
