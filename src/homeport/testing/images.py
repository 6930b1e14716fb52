"""An image store without images: remembers what was asked for, builds in no time, fails when told to. Does no I/O.

The layers it names are not on any disk.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable

from ..errors import ImageBuildError, InvalidError
from ..manifest.schema import ImageRecipe
from ..ports import Image, Images, Progress

PYTHON_VERSIONS = ("3.11", "3.13")


class FakeImages(Images):
    """`broken`: steps that fail. `built` counts builds in their order. A build of one in `held` never ends by itself."""

    def __init__(self, directory: str = "/fake/images", broken: Iterable[str] = ()) -> None:
        self.built: list[ImageRecipe] = []
        self.held: set[ImageRecipe] = set()
        self._directory = directory
        self._broken = frozenset(broken)
        self._images: dict[ImageRecipe, Image] = {}
        self._turn: dict[ImageRecipe, asyncio.Lock] = {}

    async def ensure(self, recipe: ImageRecipe, progress: Progress) -> Image:
        if recipe.base != "debian_slim" or recipe.python_version not in PYTHON_VERSIONS:
            raise InvalidError(f"{recipe.base}(python_version={recipe.python_version!r}) can't be had here")
        async with self._turn.setdefault(recipe, asyncio.Lock()):
            if recipe not in self._images or _built_anew(recipe):
                if recipe in self.held:
                    await asyncio.Event().wait()
                self._images[recipe] = self._build(recipe, progress)
            return self._images[recipe]

    async def get(self, recipe: ImageRecipe) -> Image | None:
        return None if _built_anew(recipe) else self._images.get(recipe)

    async def find(self, image_id: str) -> Image | None:
        return next((image for image in self._images.values() if image.image_id == image_id), None)

    async def drop(self, image_id: str) -> None:
        self._images = {recipe: image for recipe, image in self._images.items() if image.image_id != image_id}

    def _build(self, recipe: ImageRecipe, progress: Progress) -> Image:
        layers = [f"{self._directory}/{_name(recipe, 0)}"]
        for number, step in enumerate(recipe.steps, start=1):
            text = "; ".join(step.lines)
            progress(f"STEP {number + 1}/{len(recipe.steps) + 1}: {text}")
            if text in self._broken:
                where = f"step {number + 1} of {len(recipe.steps) + 1}: {text}"
                image_id = f"im-{_name(recipe, number)[:22]}"
                raise ImageBuildError(f"Image build for {image_id} failed.\n  {where}", image_id)
            layers.insert(0, f"{self._directory}/{_name(recipe, number)}")
        self.built.append(recipe)
        return Image(_name(recipe, len(recipe.steps)), tuple(layers), recipe.python_version)


def _built_anew(recipe: ImageRecipe) -> bool:
    return bool(recipe.cache) or any(step.force for step in recipe.steps)


def _name(recipe: ImageRecipe, steps: int) -> str:
    return hashlib.sha256(repr((recipe.base, recipe.python_version, recipe.steps[:steps])).encode()).hexdigest()
