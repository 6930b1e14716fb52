"""The images of a manifest: those that are there, and all that must be built first, at once.

Knows nothing of how one is built, nor of deployments; nothing is changed by it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

from ..images.chain import MICROMAMBA, SLIM
from ..images.lines import Lines
from ..manifest.schema import AppManifest, ImageRecipe
from ..ports import Image, Images
from .requests import Event, progress


async def ensure(images: Images, manifest: AppManifest, built: dict[ImageRecipe, Image]) -> AsyncIterator[Event]:
    """Every image into `built`; each line of a build as it comes. Raises as `Images.ensure`: the first failure ends all."""
    wanted: dict[ImageRecipe, str] = {}
    for server in manifest.servers:
        if server.image in built or server.image in wanted:
            continue
        if (found := await images.get(server.image)) is not None:
            built[server.image] = found
        else:
            wanted[server.image] = server.name
    for recipe in wanted:
        yield progress("image", f"Building image {_called(recipe)}")
    async for line in _build(images, wanted, built):
        yield Event("build", {"line": line})


async def known(images: Images, manifest: AppManifest) -> AppManifest:
    """With the ids of the images that its recipes stand for now; empty for what is to be built."""
    found = {recipe: await images.get(recipe) for recipe in {server.image for server in manifest.servers}}
    return with_images(manifest, {recipe: image for recipe, image in found.items() if image})


def with_images(manifest: AppManifest, images: Mapping[ImageRecipe, Image]) -> AppManifest:
    ids = {recipe: image.image_id for recipe, image in images.items()}
    servers = (replace(s, image=_plain(s.image), image_id=ids.get(s.image, "")) for s in manifest.servers)
    return replace(manifest, servers=tuple(servers))


def _called(recipe: ImageRecipe) -> str:
    if recipe.reference:
        return recipe.reference
    return f"{recipe.base} (python {recipe.python_version})" if recipe.base in (SLIM, MICROMAMBA) else recipe.base


def _plain(recipe: ImageRecipe) -> ImageRecipe:
    """The recipe without what it says about building it anew, which is over by now."""
    steps = tuple(replace(step, force=False) for step in recipe.steps)
    return replace(recipe, steps=steps, cache="")


async def _build(images: Images, wanted: dict[ImageRecipe, str], built: dict[ImageRecipe, Image]) -> AsyncIterator[str]:
    """`Images` bounds how many really are built at once. Of several, each line begins with the Server that it is for."""
    lines = Lines()

    async def build(recipe: ImageRecipe, prefix: str) -> None:
        built[recipe] = await images.ensure(recipe, lambda line: lines.say(prefix + line))

    several = len(wanted) > 1
    tasks = [asyncio.create_task(build(recipe, f"{server}: " if several else "")) for recipe, server in wanted.items()]
    together = asyncio.gather(*tasks)
    together.add_done_callback(lambda _: lines.end())
    try:
        async for line in lines.hear():
            yield line
        await together
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
