"""Sessions of a sessioned Server: who gets one, in which order, and what a repeated request is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, cast

import pytest

from homeport.control import sessions as module
from homeport.control.sessions import Sessions
from homeport.errors import NotFoundError, ResourceExhaustedError
from homeport.manifest.schema import ScalePolicy
from homeport.router.commands import Command
from homeport.router.haproxy import HAProxyRouter
from homeport.router.plane import DataPlane
from homeport.router.sessions import Sessions as Held
from homeport.router.settings import RouterSettings

from .plant import Plant, running

KEY = "0123456789abcdef0123456789abcdef"


class Router:
    """Has the map of sessions, and nothing of a data plane."""

    def __init__(self, root: Path) -> None:
        self.sessions = Held(RouterSettings(root), cast(DataPlane, self), lambda: None)
        self.on_empty = None
        self.old: tuple[int, ...] = ()

    async def send(self, commands: list[Command], pid: int | None = None) -> None:
        await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT_S", 0)


def told(
    root: Path, story: Callable[[Sessions, Router, str], Coroutine[Any, Any, None]], capacity_wait_s: float = 60
) -> None:
    """Against a Server that has one container, with room for two sessions."""

    async def all_of_it() -> None:
        async with running(root) as plant:
            host = await serving(plant)
            router = Router(root)
            await story(Sessions(plant.loop, cast(HAProxyRouter, router), capacity_wait_s), router, host)

    asyncio.run(all_of_it())


async def serving(plant: Plant) -> str:
    assert (await plant.deploy("one", sessioned=True, scale=ScalePolicy(max_concurrency=2)))["state"] == "live"
    app = next(iter(plant.loop.world.apps.values()))
    return app.deployments[0].services[0].host


def test_who_asks_again_with_its_key_gets_the_same_session(tmp_path: Path) -> None:
    async def story(sessions: Sessions, router: Router, host: str) -> None:
        first = await sessions.start(host, 600, "once", "wk-ann")
        assert await sessions.start(host, 600, "once", "wk-ann") == first
        await sessions.terminate(host, first[1])
        assert await sessions.start(host, 600, "once", "wk-ann") != first, "that one is over"

    told(tmp_path, story)


def test_nobody_gets_anothers_session_by_its_key(tmp_path: Path) -> None:
    async def story(sessions: Sessions, router: Router, host: str) -> None:
        assert await sessions.start(host, 600, KEY, "wk-ann") != await sessions.start(host, 600, KEY, "wk-bob")

    told(tmp_path, story)


@pytest.mark.parametrize(("key", "same"), [("order-4711", False), (KEY, True)])
def test_without_a_token_only_a_key_counts_that_nobody_can_guess(tmp_path: Path, key: str, same: bool) -> None:
    async def story(sessions: Sessions, router: Router, host: str) -> None:
        assert (await sessions.start(host, 600, key) == await sessions.start(host, 600, key)) is same

    told(tmp_path, story)


def test_who_came_first_is_first_and_only_one_of_them_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(sessions: Sessions, router: Router, host: str) -> None:
        held = [await sessions.start(host, 600) for _ in range(2)]
        looking, looks = set(), router.sessions.held

        def looked() -> Any:
            looking.add(asyncio.current_task())
            return looks()

        monkeypatch.setattr(router.sessions, "held", looked)
        waiting = [asyncio.create_task(sessions.start(host, 600)) for _ in range(3)]
        await steps()
        assert looking == {waiting[0]}
        assert sum(router.sessions.waiting.values()) == 3, "all of them are demand"
        await sessions.terminate(host, held[0][1])
        await waiting[0]
        await steps()
        assert [task.done() for task in waiting] == [True, False, False]
        for task in waiting[1:]:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert sum(router.sessions.waiting.values()) == 0

    told(tmp_path, story)


def test_one_who_asks_again_while_the_first_answer_is_awaited_gets_that(tmp_path: Path) -> None:
    async def story(sessions: Sessions, router: Router, host: str) -> None:
        held = [await sessions.start(host, 600) for _ in range(2)]
        twice = [asyncio.create_task(sessions.start(host, 600, KEY)) for _ in range(2)]
        await steps()
        await sessions.terminate(host, held[0][1])
        first, second = await asyncio.gather(*twice)
        assert first == second

    told(tmp_path, story)


def test_more_than_can_wait_are_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING_MAX", 3)

    async def story(sessions: Sessions, router: Router, host: str) -> None:
        for _ in range(2):
            await sessions.start(host, 600)
        waiting = [asyncio.create_task(sessions.start(host, 600)) for _ in range(3)]
        await steps()
        with pytest.raises(ResourceExhaustedError, match=r"3 clients wait for a session of .* already; try again later"):
            await sessions.start(host, 600)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    told(tmp_path, story)


def test_who_waited_too_long_is_told_so(tmp_path: Path) -> None:
    async def story(sessions: Sessions, router: Router, host: str) -> None:
        for _ in range(2):
            await sessions.start(host, 600)
        with pytest.raises(ResourceExhaustedError, match="had room for a session; try again later"):
            await sessions.start(host, 600)

    told(tmp_path, story, capacity_wait_s=0.01)


def test_a_host_without_sessions_is_not_found(tmp_path: Path) -> None:
    async def story(sessions: Sessions, router: Router, host: str) -> None:
        with pytest.raises(NotFoundError, match="no sessioned Server at elsewhere"):
            await sessions.start("elsewhere", 600)

    told(tmp_path, story)


async def steps() -> None:
    """Everybody has done what can be done now."""
    for _ in range(20):
        await asyncio.sleep(0)
