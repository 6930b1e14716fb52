"""A deploy that its user takes back while images are built: nothing has changed, and the next one is free to go."""

from __future__ import annotations

import asyncio

import pytest

from homeport.errors import ConflictError
from homeport.manifest.schema import AppManifest
from homeport.ports import Image

from .plant import DEBIAN, Plant, Play
from .waiting import until


def test_a_deploy_is_taken_back_while_its_image_is_built(play: Play) -> None:
    async def story(plant: Plant) -> None:
        plant.images.held.add(DEBIAN)
        deploying = asyncio.create_task(plant.deploy("one"))
        await until(lambda: bool(plant.publisher.preparing.under_way()))
        assert plant.publisher.preparing.cancel("r1")
        with pytest.raises(ConflictError, match="cancelled before it was published; nothing has changed"):
            await deploying
        assert (plant.loop.world.apps, plant.publisher.preparing.under_way()) == ({}, ())
        plant.images.held.clear()
        assert (await plant.deploy("one"))["version"] == 1

    play(story)


def test_what_is_published_is_not_taken_back(play: Play) -> None:
    async def story(plant: Plant) -> None:
        await plant.deploy("one")
        assert not plant.publisher.preparing.cancel("r1")
        assert not plant.publisher.preparing.cancel("never heard of")
        assert plant.rows()[0].version == 1

    play(story)


def test_a_deploy_is_taken_back_until_the_very_moment_it_is_published(play: Play) -> None:
    async def story(plant: Plant) -> None:
        loop, put = asyncio.get_running_loop(), plant.publisher.manifests.put

        def last_step(manifest: AppManifest) -> str:
            loop.call_soon_threadsafe(plant.publisher.preparing.cancel, "r1")
            return put(manifest)

        plant.publisher.manifests.put = last_step  # type: ignore[method-assign]  # all that is done before it
        with pytest.raises(ConflictError, match="nothing has changed"):
            await plant.deploy("one")
        assert plant.loop.world.apps == {}

    play(story)


def test_a_rollback_is_taken_back_too(play: Play) -> None:
    async def story(plant: Plant) -> None:
        await plant.deploy("one")
        await plant.deploy("two")
        find = plant.images.find

        async def somebody_changes_their_mind(image_id: str) -> Image | None:
            assert plant.publisher.preparing.environment("r3") == "main"
            assert plant.publisher.preparing.cancel("r3")
            await asyncio.sleep(0)
            return await find(image_id)

        plant.images.find = somebody_changes_their_mind  # type: ignore[method-assign]  # while it looks at what is there
        assert isinstance(await plant.refused(), ConflictError)

    play(story)


def test_whoever_ends_the_task_of_a_deploy_otherwise_is_not_told_that_it_was_taken_back(play: Play) -> None:
    async def story(plant: Plant) -> None:
        plant.images.held.add(DEBIAN)
        deploying = asyncio.create_task(plant.deploy("one"))
        await until(lambda: bool(plant.publisher.preparing.under_way()))
        deploying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await deploying
        assert plant.publisher.preparing.under_way() == ()

    play(story)
