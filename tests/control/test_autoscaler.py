"""What may be changed of an autoscaler while it runs, and whom people are told that it was."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from homeport.control.autoscaler import Autoscaler
from homeport.control.members import OWNER
from homeport.errors import InvalidError
from homeport.manifest.schema import ScalePolicy

from .people import People
from .plant import Plant, running

WEB = ("shop", "web", "main")


def told(tmp_path: Path, tell: Callable[[Autoscaler], None]) -> None:
    """Of a sessioned Server that may have ten sessions per container."""

    async def story(plant: Plant) -> None:
        await plant.deploy("one", sessioned=True, scale=ScalePolicy(max_concurrency=10))
        tell(Autoscaler(plant.publisher, People(plant).members, lambda *_: plant.app()))

    async def run() -> None:
        async with running(tmp_path) as plant:
            await story(plant)

    asyncio.run(run())


def test_no_target_is_above_what_a_container_may_have_of_sessions(tmp_path: Path) -> None:
    def tell(autoscaler: Autoscaler) -> None:
        with pytest.raises(InvalidError, match="`target_concurrency` argument cannot be greater than `max_concurrency`"):
            autoscaler.update(WEB, {"target_concurrency": 50}, "ada")
        assert autoscaler.update(WEB, {"target_concurrency": 5}, "ada")["current_settings"]["target_concurrency"] == 5

    told(tmp_path, tell)


@pytest.mark.parametrize("none", [None, 0, 0.0])
def test_a_target_that_is_taken_away_is_what_a_container_may_have_of_sessions(tmp_path: Path, none: float | None) -> None:
    """Without any, the full containers of a Server would never be joined by another one."""

    def tell(autoscaler: Autoscaler) -> None:
        autoscaler.update(WEB, {"target_concurrency": 5}, "ada")
        now = autoscaler.update(WEB, {"target_concurrency": none}, "ada")
        assert now["current_settings"]["target_concurrency"] == now["default_settings"]["target_concurrency"] == 10

    told(tmp_path, tell)


def test_an_override_is_of_a_user_a_service_user_or_somebody_unknown(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as plant:
            members = People(plant).members
            ids = {
                "ann": members.create_user("ann", "member", OWNER)["user_id"],
                "ci": members.create_service("ci", OWNER)["user_id"],
            }
            await plant.deploy("one")
            autoscaler = Autoscaler(plant.publisher, members, lambda _ref, _environment: plant.app())
            target = ("shop", "web", "main")
            by = {"min_containers": "ann", "max_containers": "ci", "buffer_containers": "admin", "scaleup_window": "x"}
            for setting, actor in by.items():
                autoscaler.update(target, {setting: 2}, actor)
            members.delete("ci", "service", OWNER)
            events: Any = autoscaler.settings(target)["override_events"]
            assert [(e["actor_name"], e["actor_id"], e["actor_type"]) for e in events] == [
                ("ann", ids["ann"], "user"),
                ("ci", ids["ci"], "service-user"),
                ("admin", "", "user"),
                ("x", "", "unknown"),
            ]

    asyncio.run(story())
