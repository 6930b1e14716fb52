"""A deploy that its user takes back while images are built: nothing has changed, and the next one is free to go."""

from __future__ import annotations

import asyncio

import pytest

from .plant import DEBIAN, Plant, Play
from .waiting import until


def test_a_deploy_is_taken_back_while_its_image_is_built(play: Play) -> None:
    async def story(plant: Plant) -> None:
        plant.images.held.add(DEBIAN)
        deploying = asyncio.create_task(plant.deploy("one"))
        await until(lambda: bool(plant.publisher.preparing))
        (request_id,) = plant.publisher.preparing
        assert plant.publisher.cancel(request_id)
        with pytest.raises(asyncio.CancelledError):
            await deploying
        assert (plant.loop.world.apps, plant.publisher.preparing) == ({}, {})
        plant.images.held.clear()
        assert (await plant.deploy("one"))["version"] == 1

    play(story)


def test_what_is_published_is_not_taken_back(play: Play) -> None:
    async def story(plant: Plant) -> None:
        await plant.deploy("one")
        assert not plant.publisher.cancel("r1")
        assert not plant.publisher.cancel("never heard of")
        assert plant.rows()[0].version == 1

    play(story)
