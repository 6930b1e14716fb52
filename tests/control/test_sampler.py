"""The sampler tells what it found out, says nothing of what it could not, and passes demand on as it comes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import cast

import pytest

from homeport.control import sampler
from homeport.control.loop import ControlLoop
from homeport.core.facts import DemandSeen, Fact, LoadSampled
from homeport.core.model import App, Busy, Container, World
from homeport.core.states import AppState, ContainerState
from homeport.router.events import EmptyPool

READY = Container("ta-1", "fu-1", 1, ContainerState.READY, 0, 0)
APP = App("ap-1", "main", "shop", AppState.DEPLOYED, 0, containers=(READY,))


@dataclass
class Loop:
    """What the sampler needs of a control loop."""

    world: World = field(default_factory=lambda: World("testng", {"ap-1": APP}))
    told: asyncio.Queue[Fact] = field(default_factory=asyncio.Queue)

    def tell(self, *facts: Fact) -> None:
        for fact in facts:
            self.told.put_nowait(fact)


@dataclass
class Router:
    """Answers what it is given, one after the other; an OSError is raised."""

    answers: list[dict[str, int] | OSError]

    async def observe(self) -> dict[str, int]:
        answer = self.answers.pop(0) if self.answers else {}
        if isinstance(answer, OSError):
            raise answer
        return answer


def samples(*answers: dict[str, int] | OSError, count: int) -> list[LoadSampled]:
    """The first ones that are told."""

    async def watch() -> list[Fact]:
        loop = Loop()
        running = asyncio.create_task(sampler.Sampler(cast(ControlLoop, loop), Router(list(answers))).run())
        try:
            return [await asyncio.wait_for(loop.told.get(), 10) for _ in range(count)]
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    found = asyncio.run(watch())
    assert all(isinstance(fact, LoadSampled) for fact in found)
    return cast("list[LoadSampled]", found)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler, "BUSY_S", 0.002)
    monkeypatch.setattr(sampler, "QUIET_S", 0.004)


def test_samples_follow_each_other_without_a_gap() -> None:
    first, second = samples({"ta-1": 3}, {"ta-1": 3}, count=2)
    assert first.to_ms == second.from_ms
    (load,) = second.loads
    assert (load.app_id, load.service_id, load.in_flight_centi, load.busy) == ("ap-1", "fu-1", 300, (Busy("ta-1", 3),))


def test_a_router_that_does_not_answer_leaves_a_gap() -> None:
    first, second = samples({}, OSError("away"), {}, count=2)
    assert second.from_ms > first.to_ms


def test_demand_is_passed_on_as_it_comes() -> None:
    async def passed_on() -> Fact:
        loop = Loop()
        sampler.Sampler(cast(ControlLoop, loop), Router([])).on_empty(EmptyPool("ap-1", "fu-1", 7, 1))
        return loop.told.get_nowait()

    assert asyncio.run(passed_on()) == DemandSeen("ap-1", "fu-1", 7)
