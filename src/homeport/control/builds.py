"""Images that people ask for by themselves, beside those that Apps bring: building, names, logs. Owns their events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from typing import Protocol

from ..images.lines import Lines
from ..images.published import PublishedName, full_name
from ..manifest.schema import ImageRecipe
from ..ports import Image, Images
from . import views
from .preparing import Preparing
from .requests import Event
from .views import Json

LINES_AT_ONCE = 500


class ImageShelf(Images, Protocol):
    """What is asked of images besides `ports.Images`."""

    def build_of(self, recipe: ImageRecipe) -> str: ...

    async def publish(self, image: Image, build: str, name: str, actor: str) -> PublishedName: ...

    def names(self) -> list[PublishedName]: ...

    def log(self, build: str) -> Iterator[str]: ...


class Builds:
    def __init__(self, images: ImageShelf, preparing: Preparing) -> None:
        self._images = images
        self._preparing = preparing

    async def build(self, recipe: ImageRecipe, name: str | None, actor: str) -> AsyncIterator[Event]:
        """Events `build` {"line"} and `built`; with `name` it means this image from then on. A reader that goes ends it.

        Raises what `Images.ensure` raises; InvalidError for a name that can't be, before anything is built.
        """
        name = full_name(name) if name is not None else None
        with self._preparing.hold(recipe=recipe):
            async for event in self._build(recipe, name, actor):
                yield event

    async def _build(self, recipe: ImageRecipe, name: str | None, actor: str) -> AsyncIterator[Event]:
        build = self._images.build_of(recipe)
        lines = Lines()
        under_way = asyncio.create_task(self._images.ensure(recipe, lines.say))
        under_way.add_done_callback(lambda _: lines.end())
        try:
            async for line in lines.hear():
                yield Event("build", {"line": line})
            image = await under_way
        finally:
            under_way.cancel()
        if name is not None:
            await self._images.publish(image, build, name, actor)
        yield Event("built", {"image_id": build, "name": name, "python_version": image.python_version})

    def names(self) -> list[Json]:
        return [
            {
                "name": each.name,
                "image_id": each.build,
                "published_at": views.iso(each.published_at_ms),
                "published_by": each.published_by,
            }
            for each in self._images.names()
        ]

    async def log(self, build: str) -> AsyncIterator[Event]:
        """Events `build` {"line"}, then `end`. Raises NotFoundError, InvalidError."""
        lines = self._images.log(build)
        while some := await asyncio.to_thread(lambda: list(islice(lines, LINES_AT_ONCE))):
            for line in some:
                yield Event("build", {"line": line})
        yield Event("end", {})
