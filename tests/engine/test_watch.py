"""A container's end from the files it leaves, with a spawner that a test plays. No container, no root."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from homeport.core.facts import ContainerExited, ContainerStarted, ExitReason
from homeport.engine import watch
from homeport.engine.local import LocalEngine
from homeport.errors import PlatformError
from homeport.runtime.client import SpawnerError
from homeport.runtime.containers import ContainerFiles
from homeport.runtime.processes import ProcessId, identify
from homeport.spawner import wire

GONE = ProcessId(os.getpid(), 1)  # our pid, but not our start time
ME = identify(os.getpid())


class Spawner:
    """Answers as it is told; "adopt" may also leave an exit.json, as a real shim would."""

    def __init__(self, data_dir: Path) -> None:
        self.containers = data_dir / "containers"
        self.asked: list[tuple[str, str]] = []
        self.on_adopt: Callable[[str], dict[str, Any]] = self.refuse

    def refuse(self, container_id: str) -> dict[str, Any]:
        raise SpawnerError(f"there is no container {container_id}", "adopt")

    def leaves(self, **ending: Any) -> Callable[[str], dict[str, Any]]:
        def adopt(container_id: str) -> dict[str, Any]:
            self.write(container_id, "exit", **ending)
            return {"shim_pid": 0}

        return adopt

    def write(self, container_id: str, name: str, **values: Any) -> None:
        (self.containers / container_id).mkdir(parents=True, exist_ok=True)
        wire.write_json(str(self.containers / container_id / f"{name}.json"), values)

    def container(self, container_id: str, shim: ProcessId | None, init: ProcessId | None) -> None:
        self.write(container_id, "spec", id=container_id, port=8000, log_path="/log")
        state = {"address": "127.0.0.1"}
        for name, process in (("shim", shim), ("init", init)):
            state |= {f"{name}_pid": process.pid, f"{name}_start": process.start} if process else {}
        self.write(container_id, "state", **state)

    async def request(self, op: str, **fields: Any) -> dict[str, Any]:
        self.asked.append((op, str(fields.get("id"))))
        return self.on_adopt(fields["id"]) if op == "adopt" else {}

    async def close(self) -> None: ...


@pytest.fixture
def spawner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Spawner:
    monkeypatch.setattr(watch, "ADOPT_PAUSE_S", 0.0)
    return Spawner(tmp_path)


def play(spawner: Spawner, scenario: Callable[[LocalEngine], Awaitable[None]]) -> None:
    async def run() -> None:
        engine = LocalEngine(str(spawner.containers.parent), spawner)
        try:
            async with asyncio.timeout(60):
                await scenario(engine)
        finally:
            await engine.close()

    asyncio.run(run())


async def exit_fact(engine: LocalEngine) -> ContainerExited:
    async for fact in engine.facts():
        if isinstance(fact, ContainerExited):
            return fact
    raise AssertionError("the engine was closed")


def test_an_end_that_was_written_while_nobody_watched_is_told_at_the_first_listing(spawner: Spawner) -> None:
    spawner.container("ta-1", GONE, GONE)
    spawner.write("ta-1", "exit", exit_code=4)

    async def scenario(engine: LocalEngine) -> None:
        (status,) = await engine.list()
        assert status.facts == (ContainerExited("ta-1", ExitReason.EXITED, 4),)
        assert not status.running
        assert spawner.asked == []

    play(spawner, scenario)


def test_a_container_without_shim_is_adopted_and_its_end_is_told(spawner: Spawner) -> None:
    spawner.container("ta-1", GONE, GONE)
    spawner.on_adopt = spawner.leaves(exit_code=6)

    async def scenario(engine: LocalEngine) -> None:
        await engine.list()
        assert (await exit_fact(engine)).exit_code == 6
        assert spawner.asked == [("adopt", "ta-1")]

    play(spawner, scenario)


def test_a_dead_container_that_nobody_can_tell_about_is_lost(spawner: Spawner) -> None:
    spawner.container("ta-1", GONE, None)

    async def scenario(engine: LocalEngine) -> None:
        await engine.list()
        fact = await exit_fact(engine)
        assert (fact.reason, "there is no container" in fact.detail) == (ExitReason.LOST, True)

    play(spawner, scenario)


def test_a_running_container_is_never_given_up_however_often_its_adoption_fails(spawner: Spawner) -> None:
    spawner.container("ta-1", GONE, ME)
    enough = 4 * watch.ADOPT_ATTEMPTS_OF_THE_DEAD

    async def scenario(engine: LocalEngine) -> None:
        await engine.list()
        while len(spawner.asked) < enough:  # noqa: ASYNC110 - bounded by the timeout around it
            await asyncio.sleep(0)
        (status,) = await engine.list()
        assert status.running

    play(spawner, scenario)


def test_the_end_of_a_shim_is_seen_by_its_pidfd(spawner: Spawner) -> None:
    process = subprocess.Popen(["sleep", "60"])
    try:
        spawner.container("ta-1", identify(process.pid), ME)

        async def scenario(engine: LocalEngine) -> None:
            await engine.list()
            await asyncio.sleep(0)
            spawner.write("ta-1", "exit", exit_code=8)
            process.kill()
            assert (await exit_fact(engine)).exit_code == 8

        play(spawner, scenario)
    finally:
        process.kill()
        process.wait()


def test_a_stop_that_was_asked_for_before_the_restart_is_remembered(spawner: Spawner) -> None:
    spawner.container("ta-1", GONE, GONE)
    spawner.write("ta-1", "stop", deadline_ms=1)
    spawner.write("ta-1", "exit", signal=15)

    async def scenario(engine: LocalEngine) -> None:
        (status,) = await engine.list()
        assert status.facts == (ContainerExited("ta-1", ExitReason.STOPPED, 143),)

    play(spawner, scenario)


def test_a_spawner_that_cannot_be_had_fails_the_start_and_is_told_apart_from_one_that_went_through(spawner: Spawner) -> None:
    async def unreachable(op: str, **fields: Any) -> dict[str, Any]:
        raise PlatformError("the spawner does not come up")

    async def scenario(engine: LocalEngine) -> None:
        answer, spawner.request = spawner.request, unreachable  # type: ignore[method-assign] # the test's own double
        await engine.start(_spec("ta-1"))
        fact = await exit_fact(engine)
        assert (fact.reason, fact.detail) == (ExitReason.START_FAILED, "the spawner does not come up")
        spawner.request = answer  # type: ignore[method-assign] # as above
        spawner.container("ta-1", ME, ME)  # it had gone through after all
        (status,) = await engine.list()
        assert status.running
        assert isinstance(status.facts[0], ContainerStarted)

    play(spawner, scenario)


def test_forgetting_asks_the_spawner_only_about_what_is_on_disk_and_ended(spawner: Spawner) -> None:
    spawner.container("ta-1", ME, ME)
    spawner.container("ta-2", GONE, GONE)
    spawner.write("ta-2", "exit", exit_code=0)

    async def scenario(engine: LocalEngine) -> None:
        for container_id in ("ta-1", "ta-2", "ta-3"):
            await engine.forget(container_id)
        assert spawner.asked == [("forget", "ta-2")]

    play(spawner, scenario)


@pytest.mark.parametrize("name", ["state", "spec", "exit", "stop"])
def test_a_file_that_a_power_cut_damaged_counts_as_missing_and_is_told_once(
    spawner: Spawner, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    spawner.container("ta-1", ME, ME)
    damaged = spawner.containers / "ta-1" / f"{name}.json"
    damaged.write_text("{")
    files = ContainerFiles(str(spawner.containers.parent))
    record = files.read("ta-1")
    assert record is not None
    assert (record.shim is None, record.exit, record.stop_asked) == (name == "state", None, False)
    assert files.read("ta-1") == record
    (said,) = caplog.messages
    assert said.startswith(f"{damaged} can't be understood")


def _spec(container_id: str) -> Any:
    from homeport.manifest.schema import Resources
    from homeport.ports import ContainerSpec

    return ContainerSpec(container_id, "ap", "sv", (), (), (), (), Resources(), 8000, "h", "/log")


class Keeper:
    """A spawner with memory snapshots."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)
        self.asked = 0
        self.down = False

    async def request(self, op: str, **fields: Any) -> dict[str, Any]:
        assert op == "snapshots"
        self.asked += 1
        if self.down:
            raise PlatformError("it is down")
        self.names = [name for name in self.names if name not in fields["drop"]]
        return {"names": list(self.names)}

    async def close(self) -> None: ...


def test_snapshots_of_versions_that_are_over_are_let_go_of(tmp_path: Path) -> None:
    async def scenario() -> None:
        keeper = Keeper("fu-1.1", "fu-1.2")
        engine = LocalEngine(str(tmp_path), keeper)
        await engine.keep_snapshots(["fu-1.2", "fu-1.3"])
        assert keeper.names == ["fu-1.2"]
        await engine.keep_snapshots([])
        assert keeper.names == []
        asked = keeper.asked
        await engine.keep_snapshots([])  # there are none, and none was started: nobody is bothered
        assert keeper.asked == asked

    asyncio.run(scenario())


def test_letting_snapshots_go_is_tried_again_after_a_spawner_was_down(tmp_path: Path) -> None:
    async def scenario() -> None:
        keeper = Keeper("fu-1.1")
        keeper.down = True
        engine = LocalEngine(str(tmp_path), keeper)
        with pytest.raises(PlatformError):
            await engine.keep_snapshots([])
        keeper.down = False
        await engine.keep_snapshots([])
        assert keeper.names == []

    asyncio.run(scenario())
