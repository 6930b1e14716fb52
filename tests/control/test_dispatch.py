"""Effects and their order, with an engine and a router that can be told to fail."""

from __future__ import annotations

import asyncio

import pytest

from homeport.control.dispatch import Dispatch
from homeport.core import ids
from homeport.core.actions import SetRoutes, StartContainer, StopContainer
from homeport.core.facts import ContainerExited, ExitReason, Fact
from homeport.core.routes import Route
from homeport.errors import NotFoundError
from homeport.ports import ContainerSpec

APP = ids.app_id("testng", 1)
ONE = ids.container_id(APP, 1)


class Effects:
    """Engine and router in one: it writes down what was asked for, in order."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.router_answers = asyncio.Event()
        self.refusals = 0

    async def apply(self, app_id: str, routes: tuple[Route, ...]) -> None:
        if self.refusals:
            self.refusals -= 1
            raise OSError("the router does not answer")
        await self.router_answers.wait()
        self.done.append(f"routes {len(routes)}")

    async def start(self, spec: ContainerSpec) -> None:
        self.done.append("start")

    async def stop(self, container_id: str, kill_after_ms: int) -> None:
        self.done.append("stop")


def action() -> StartContainer:
    return StartContainer(ONE, APP, "main", "fu-1", "web", 1, "digest")


async def missing(_: StartContainer) -> ContainerSpec:
    raise NotFoundError("its image is gone")


def make(effects: Effects, told: list[Fact]) -> Dispatch:
    return Dispatch(effects, effects, missing, told.append)  # type: ignore[arg-type]  # only what these tests need


async def turns() -> None:
    """Lets everything run that can: nothing here waits for anything but its turn."""
    for _ in range(50):
        await asyncio.sleep(0)


def test_a_container_is_stopped_only_after_the_router_let_go_of_it() -> None:
    async def story() -> None:
        effects = Effects()
        dispatch = make(effects, [])
        dispatch.perform([SetRoutes(APP, ()), StopContainer(ONE, 1000)])
        await turns()
        assert effects.done == []
        effects.router_answers.set()
        await turns()
        assert effects.done == ["routes 0", "stop"]
        await dispatch.close()

    asyncio.run(story())


def test_routes_that_could_not_be_applied_are_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("homeport.control.dispatch.RETRY_S", (0,))

    async def story() -> None:
        effects = Effects()
        effects.router_answers.set()
        effects.refusals = 1
        dispatch = make(effects, [])
        dispatch.perform([SetRoutes(APP, ())])
        await turns()
        assert effects.done == ["routes 0"]
        await dispatch.close()

    asyncio.run(story())


def test_a_container_that_cannot_be_prepared_is_a_failed_start_in_words() -> None:
    async def story() -> None:
        told: list[Fact] = []
        dispatch = make(Effects(), told)
        dispatch.perform([action()])
        await turns()
        assert told == [ContainerExited(ONE, ExitReason.START_FAILED, None, "its image is gone")]
        await dispatch.close()

    asyncio.run(story())
