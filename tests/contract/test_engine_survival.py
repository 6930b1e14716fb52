"""What the local engine tells when processes are killed around it, when starts fail, and when the guest is PID 1."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from engine_bench import LocalBench, until

import homeport
from homeport.core.facts import ContainerExited, ContainerReady, ContainerStarted, ExitReason
from homeport.engine.logs import read_tail
from homeport.manifest.schema import Resources
from homeport.ports import Bind, ContainerSpec
from homeport.runtime.containers import ContainerFiles
from homeport.runtime.spawner_process import SpawnerProcess

pytestmark = pytest.mark.host

Scenario = Callable[[LocalBench], Awaitable[None]]
Play = Callable[[Scenario], None]


@pytest.fixture
def play(tmp_path: Path, rootfs: str) -> Play:
    async def run(scenario: Scenario) -> None:
        bench = LocalBench(str(tmp_path / "data"), rootfs)
        try:
            await scenario(bench)
        finally:
            await bench.clean()

    return lambda scenario: asyncio.run(run(scenario))


async def _ready(bench: LocalBench, container_id: str) -> None:
    await bench.engine.start(bench.spec(container_id))
    await bench.open_port(container_id)
    await bench.facts.of(container_id, ContainerReady)


def test_a_killed_shim_is_replaced_and_the_exit_code_is_known(play: Play) -> None:
    async def scenario(bench: LocalBench) -> None:
        await _ready(bench, "ta-1")
        files = ContainerFiles(bench.data_dir)
        before = files.read("ta-1")
        assert before is not None
        assert before.shim is not None
        os.kill(before.shim.pid, signal.SIGKILL)
        await until(lambda: (now := files.read("ta-1")) is not None and now.shim != before.shim)
        await bench.exit("ta-1", 9)
        ended = await bench.facts.of("ta-1", ContainerExited)
        assert (ended.reason, ended.exit_code) == (ExitReason.EXITED, 9)

    play(scenario)


def test_a_killed_spawner_is_started_again_when_it_is_needed(play: Play) -> None:
    async def scenario(bench: LocalBench) -> None:
        await _ready(bench, "ta-1")
        process = SpawnerProcess(bench.data_dir)
        first = process.running()
        assert first is not None
        os.kill(first.pid, signal.SIGKILL)
        await bench.engine.start(bench.spec("ta-2"))
        await bench.facts.of("ta-2", ContainerStarted)
        assert process.running() not in (None, first)
        await bench.engine.stop("ta-1", 60_000)
        assert (await bench.facts.of("ta-1", ContainerExited)).reason is ExitReason.STOPPED

    play(scenario)


def test_a_killed_container_is_seen_with_its_signal(play: Play) -> None:
    async def scenario(bench: LocalBench) -> None:
        await _ready(bench, "ta-1")
        record = ContainerFiles(bench.data_dir).read("ta-1")
        assert record is not None
        assert record.init is not None
        os.kill(record.init.pid, signal.SIGKILL)
        ended = await bench.facts.of("ta-1", ContainerExited)
        assert (ended.reason, ended.exit_code) == (ExitReason.EXITED, 137)

    play(scenario)


def test_a_start_that_fails_names_the_step(play: Play) -> None:
    async def scenario(bench: LocalBench) -> None:
        spec = replace(bench.spec("ta-1"), image_layers=("/surely/not/there",))
        await bench.engine.start(spec)
        ended = await bench.facts.of("ta-1", ContainerExited)
        assert ended.reason is ExitReason.START_FAILED
        assert "mount its image" in ended.detail
        assert "/surely/not/there" in ended.detail

    play(scenario)


def test_a_start_that_the_spawner_refuses_is_a_failed_start_that_can_be_forgotten(play: Play) -> None:
    async def scenario(bench: LocalBench) -> None:
        await bench.engine.start(replace(bench.spec("ta-1"), command=()))
        ended = await bench.facts.of("ta-1", ContainerExited)
        assert (ended.reason, "argv" in ended.detail) == (ExitReason.START_FAILED, True)
        await bench.engine.forget("ta-1")
        assert await bench.engine.list() == []

    play(scenario)


def test_too_much_memory_is_told_as_such(play: Play) -> None:
    async def scenario(bench: LocalBench) -> None:
        spec = bench.spec("ta-1")
        greedy = ("/usr/bin/python3", "-c", "x = [bytearray(1 << 20) for _ in range(500)]")
        await bench.engine.start(replace(spec, command=greedy, resources=Resources(memory_mib=32, memory_limit_mib=64)))
        ended = await bench.facts.of("ta-1", ContainerExited)
        assert (ended.reason, ended.exit_code) == (ExitReason.OOM, 137)

    play(scenario)


SERVER = """
import modal, os, subprocess, sys
app = modal.App("hello")
@app.server(unauthenticated=True)
class Server:
    @modal.enter()
    def startup(self):
        print("pid", os.getpid() > 1, "code", subprocess.run("exit 3", shell=True).returncode)
        subprocess.Popen(["sh", "-c", "(sleep 0.01 &)"]).wait()
        subprocess.Popen("python3 -m http.server -d / 8000", shell=True)
    @modal.exit()
    def down(self):
        print("down", file=sys.stderr)
"""


def _guest_spec(bench: LocalBench, source: Path) -> ContainerSpec:
    lib = Path(homeport.__file__).parent.parent
    return replace(
        bench.spec("ta-1"),
        command=("/usr/bin/python3", "-I", "-S", "/opt/homeport/lib/homeport/guest/main.py"),
        binds=(Bind(str(lib), "/opt/homeport/lib"), Bind(str(source), "/root/app.py")),
        env=(
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("MODAL_IS_REMOTE", "1"),
            ("HOMEPORT_GUEST_MODULE", "app"),
            ("HOMEPORT_GUEST_PATH", "app.py"),
            ("HOMEPORT_GUEST_CLASS", "Server"),
        ),
    )


def test_the_guest_serves_reaps_and_runs_exit_methods_as_pid_1(play: Play, tmp_path: Path) -> None:
    source = tmp_path / "app.py"
    source.write_text(SERVER)

    async def scenario(bench: LocalBench) -> None:
        spec = _guest_spec(bench, source)
        await bench.engine.start(spec)
        await bench.facts.of("ta-1", ContainerReady)
        await bench.engine.stop("ta-1", 60_000)
        ended = await bench.facts.of("ta-1", ContainerExited)
        lines = [(line.source, line.text) for line in read_tail({"ta-1": spec.log_path}, 100)]
        assert (ended.reason, ended.exit_code) == (ExitReason.STOPPED, 0), lines
        assert ("stdout", "pid True code 3") in lines
        assert ("stderr", "down") in lines

    play(scenario)
