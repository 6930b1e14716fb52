"""What may be changed of an autoscaler while it runs: nothing that leaves those waiting for ever who want a session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from homeport.control.autoscaler import Autoscaler
from homeport.errors import InvalidError
from homeport.manifest.schema import ScalePolicy

from .plant import Plant, running

WEB = ("shop", "web", "main")


def told(tmp_path: Path, tell: Callable[[Autoscaler], None]) -> None:
    """Of a sessioned Server that may have ten sessions per container."""

    async def story(plant: Plant) -> None:
        await plant.deploy("one", sessioned=True, scale=ScalePolicy(max_concurrency=10))
        tell(Autoscaler(plant.publisher, lambda *_: plant.app()))

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
