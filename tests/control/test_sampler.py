"""The sampler tells what it found out, says nothing of what it could not, and passes demand on as it comes."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import cast

import pytest

from homeport.control import sampler
from homeport.control.loop import ControlLoop
from homeport.core.facts import DemandSeen, Fact, LoadSampled
from homeport.core.model import App, Busy, Container, Deployment, Service, ServiceSpec, Strategy, World
from homeport.core.states import AppState, ContainerState, DeploymentState
from homeport.router.events import EmptyPool

from .test_traffic import record

READY = Container("ta-1", "fu-1", 1, ContainerState.READY, 0, 0)
ROOM = Container("ta-2", "fu-2", 1, ContainerState.READY, 0, 0)
SPECS = (ServiceSpec("rooms", "r", sessions_max=10), ServiceSpec("web", "w"))
LIVE = Deployment(1, "digest", SPECS, Strategy.ROLLING, DeploymentState.LIVE, "r", 0)
SERVICES = (Service("fu-1", "web"), Service("fu-2", "rooms"))
APP = App("ap-1", "main", "shop", AppState.DEPLOYED, 0, 1, SERVICES, (LIVE,), (READY, ROOM))


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
            return [await asyncio.wait_for(loop.told.get(), 60) for _ in range(count)]
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


def test_requests_of_a_session_are_no_load_beside_it() -> None:
    """Ten sessions that ask in turn are ten, as many requests as they may be (semantics 2.5.1)."""

    async def looked() -> LoadSampled:
        loop = Loop()
        looking = sampler.Sampler(cast(ControlLoop, loop), Router([{"ta-2": 10}]))
        at_ms = time.time_ns() // 1_000_000
        looking.on_request([record("fu-2", at_ms, container="ta-2"), record("fu-1", at_ms, container="ta-1")] * 50)
        running = asyncio.create_task(looking.run())
        try:
            return cast(LoadSampled, await asyncio.wait_for(loop.told.get(), 60))
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    web, rooms = asyncio.run(looked()).loads
    assert (web.service_id, rooms.service_id, rooms.in_flight_centi) == ("fu-1", "fu-2", 500)
