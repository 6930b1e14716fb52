"""The images of a deploy: built at once, each line with its Server, all ended by the first that fails."""

from __future__ import annotations

import asyncio

import pytest

from homeport.control import app_images
from homeport.control.requests import Event
from homeport.errors import ImageBuildError
from homeport.manifest.schema import AppManifest, Entry, ImageRecipe, ImageStep, ServerSpec
from homeport.ports import Image
from homeport.testing.images import FakeImages


def of_images(**recipes: ImageRecipe) -> AppManifest:
    servers = (ServerSpec(name, Entry("web", "Web", "web.py"), recipe) for name, recipe in recipes.items())
    return AppManifest("shop", tuple(servers))


def recipe(*lines: str) -> ImageRecipe:
    return ImageRecipe("debian_slim", "3.13", steps=tuple(ImageStep("run_commands", (line,)) for line in lines))


async def told(images: FakeImages, manifest: AppManifest, built: dict[ImageRecipe, Image]) -> list[Event]:
    return [event async for event in app_images.ensure(images, manifest, built)]


def test_images_are_built_at_once_and_each_line_says_whose_it_is() -> None:
    async def story() -> None:
        images, built = FakeImages(), dict[ImageRecipe, Image]()
        events = await told(images, of_images(web=recipe("RUN a"), api=recipe("RUN b"), twin=recipe("RUN a")), built)
        lines = {event.data["line"] for event in events if event.name == "build"}
        assert lines == {"web: STEP 2/2: RUN a", "api: STEP 2/2: RUN b"}
        assert len(images.built) == len(built) == 2
        assert await told(images, of_images(web=recipe("RUN a")), {}) == []

    asyncio.run(story())


def test_the_first_build_that_fails_ends_the_others() -> None:
    async def story() -> None:
        images = FakeImages(broken=["RUN bad"])
        images.held.add(recipe("RUN slow"))
        with pytest.raises(ImageBuildError, match="RUN bad"):
            await told(images, of_images(web=recipe("RUN slow"), api=recipe("RUN bad")), {})
        assert images.built == []
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(story())
