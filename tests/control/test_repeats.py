"""A client that asks once more with the same request id, because it never heard the answer."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from homeport.core.model import Strategy

from .plant import running


def test_a_deploy_that_is_asked_for_again_tells_how_the_first_one_went(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as plant:
            await plant.deploy("one")
            plant.asked -= 1
            again = await plant.deploy("one")
            assert (again["version"], again["state"]) == (1, "live")
            await plant.deploy("two")
            plant.asked = 0
            late = await plant.deploy("one")
            assert (late["version"], late["state"]) == (1, "superseded")
            assert len(plant.rows()) == 2

    asyncio.run(story())


@pytest.mark.parametrize("ends", ["live", "superseded"])
def test_a_deploy_of_what_is_on_its_way_waits_for_that(tmp_path: Path, ends: str) -> None:
    async def story() -> None:
        async with running(tmp_path) as plant:
            await plant.deploy("one", wait=False)
            again = plant.publisher.deploy(plant.request("one"), True)
            while (event := await anext(again)).name != "published":
                pass
            assert (event.data["noop"], event.data["under_way"]) == (True, True)
            if ends == "superseded":
                plant.stop()
            settled = (await plant.watch(again))[-1].data
            assert (settled["version"], settled["state"]) == (1, ends)
            assert len(plant.rows()) == 1

    asyncio.run(story())


def test_a_deploy_of_what_is_live_already_waits_for_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as plant:
            await plant.deploy("one")
            again = await plant.deploy("one")
            assert (again["noop"], again["under_way"], again["version"]) == (True, False, 1)

    asyncio.run(story())


@pytest.mark.parametrize("before", list(Strategy))
def test_a_recreate_of_what_is_there_waits_for_the_old_containers_too(tmp_path: Path, before: Strategy) -> None:
    async def story() -> None:
        async with running(tmp_path, obedient=False) as plant:
            plant.publisher = replace(plant.publisher, recreate_wait_s=0)
            await plant.deploy("one")
            await plant.deploy("two", strategy=before)
            settled = await plant.deploy("two", strategy=Strategy.RECREATE)
            assert (settled["state"], settled["version"], settled["containers_left"]) == ("live", 2, 1)

    asyncio.run(story())
