"""What every engine must do, on the one in memory and on the one that runs real containers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from engine_bench import Bench, FakeBench, LocalBench, status_of

from homeport.core.facts import ContainerExited, ContainerProbed, ContainerReady, ContainerStarted, ExitReason

Scenario = Callable[[Bench], Awaitable[None]]
Play = Callable[[Scenario], None]


@pytest.fixture(params=["fake", pytest.param("local", marks=pytest.mark.host)])
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Play:
    """Runs a scenario on an engine, and removes what it left."""
    rootfs = request.getfixturevalue("rootfs") if request.param == "local" else ""

    async def run(scenario: Scenario) -> None:
        bench: Bench = LocalBench(str(tmp_path), rootfs) if rootfs else FakeBench()
        try:
            await scenario(bench)
        finally:
            await bench.clean()

    return lambda scenario: asyncio.run(run(scenario))


def test_a_container_is_started_then_ready_when_its_port_opens_then_ended(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.engine.start(bench.spec("ta-1"))
        started = await bench.facts.of("ta-1", ContainerStarted)
        assert started.address.endswith(":8000")
        await bench.open_port("ta-1")
        await bench.facts.of("ta-1", ContainerReady)
        await bench.exit("ta-1", 3)
        ended = await bench.facts.of("ta-1", ContainerExited)
        assert (ended.reason, ended.exit_code) == (ExitReason.EXITED, 3)
        told = [type(fact) for fact in bench.facts.about("ta-1")]
        # the port is closed before the end is known: a health check between the two sees that
        assert [kind for kind in told if kind is not ContainerProbed] == [ContainerStarted, ContainerReady, ContainerExited]

    play(scenario)


def test_starting_twice_starts_once_and_repeats_the_facts(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.engine.start(bench.spec("ta-1"))
        first = await bench.facts.of("ta-1", ContainerStarted)
        await bench.engine.start(bench.spec("ta-1"))
        await bench.open_port("ta-1")
        await bench.facts.of("ta-1", ContainerReady)
        assert bench.facts.about("ta-1")[:2] == [first, first]
        assert len(await bench.engine.list()) == 1

    play(scenario)


def test_a_stopped_container_says_that_it_was_told_to(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.engine.start(bench.spec("ta-1"))
        await bench.open_port("ta-1")
        await bench.facts.of("ta-1", ContainerReady)
        await bench.engine.stop("ta-1", 60_000)
        ended = await bench.facts.of("ta-1", ContainerExited)
        assert (ended.reason, ended.exit_code) == (ExitReason.STOPPED, 0)

    play(scenario)


def test_starting_or_stopping_an_ended_container_only_repeats_its_end(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.engine.start(bench.spec("ta-1"))
        await bench.exit("ta-1", 5)
        ended = await bench.facts.of("ta-1", ContainerExited)
        await bench.engine.start(bench.spec("ta-1"))
        await bench.engine.stop("ta-1", 1_000)
        await bench.engine.start(bench.spec("ta-2"))
        await bench.facts.of("ta-2", ContainerStarted)
        assert bench.facts.about("ta-1")[-3:] == [ended] * 3

    play(scenario)


def test_stopping_a_container_that_nobody_knows_is_answered_by_its_loss(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.engine.stop("ta-9", 1_000)
        assert (await bench.facts.of("ta-9", ContainerExited)).reason is ExitReason.LOST

    play(scenario)


def test_a_running_container_is_not_forgotten_and_an_ended_one_is(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.engine.start(bench.spec("ta-1"))
        await bench.facts.of("ta-1", ContainerStarted)
        await bench.engine.forget("ta-1")
        status = await status_of(bench.engine, "ta-1")
        assert status is not None
        assert status.running
        await bench.exit("ta-1", 0)
        ended = await bench.facts.of("ta-1", ContainerExited)
        status = await status_of(bench.engine, "ta-1")
        assert status is not None
        assert (status.running, status.facts) == (False, (ended,))
        await bench.engine.forget("ta-1")
        await bench.engine.forget("ta-1")
        assert await bench.engine.list() == []

    play(scenario)


def test_a_new_control_plane_adopts_what_runs_and_learns_what_ended(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.engine.start(bench.spec("ta-1"))
        await bench.engine.start(bench.spec("ta-2"))
        await bench.open_port("ta-1")
        first = await bench.facts.of("ta-1", ContainerStarted)
        await bench.exit("ta-2", 7)
        await bench.facts.of("ta-2", ContainerExited)
        await bench.restart()
        listed = {status.container_id: status for status in await bench.engine.list()}
        assert {container_id: status.running for container_id, status in listed.items()} == {"ta-1": True, "ta-2": False}
        assert listed["ta-1"].address == first.address
        assert [fact.exit_code for fact in listed["ta-2"].facts if isinstance(fact, ContainerExited)] == [7]
        await bench.engine.start(bench.spec("ta-1"))
        assert await bench.facts.of("ta-1", ContainerStarted) == first
        await bench.exit("ta-1", 4)
        assert (await bench.facts.of("ta-1", ContainerExited)).exit_code == 4

    play(scenario)


def test_a_closed_port_is_a_failed_health_check(play: Play) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.engine.start(bench.spec("ta-1"))
        await bench.open_port("ta-1")
        await bench.facts.of("ta-1", ContainerReady)
        await bench.close_port("ta-1")
        assert not (await bench.facts.of("ta-1", ContainerProbed)).healthy

    play(scenario)
