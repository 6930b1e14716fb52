"""`ports.Images`, for real. Owns the way from a recipe to an image: what is there already, which base, what to build.

    recipe -> index (built before?) -> base (stored? registry? bootstrap) -> buildah build -> layers -> index

What was built once stays what it is, whatever later versions of us would make of the recipe, until it is dropped.
"""

from __future__ import annotations

import asyncio
import math
import time

from ..errors import ImageBuildError
from ..manifest.schema import ImageRecipe
from ..ports import Image, Images, Progress
from . import recipe as recipes
from .basetar import base_tar, revision
from .index import Index
from .joined import Joined
from .settings import ImageSettings
from .storage import Storage

BUILDS_AT_ONCE = 2
REVISION_OFFICIAL = "official"


class BuildahImages(Images):
    """One per data dir. Opens its storage when it is first needed."""

    def __init__(self, settings: ImageSettings) -> None:
        self._settings = settings
        self._storage = Storage(settings.root, settings.runroot)
        self._index = Index(settings.root / "index.json")
        self._bases: Joined[str] = Joined()
        self._builds: Joined[Image] = Joined()
        self._room = asyncio.Semaphore(BUILDS_AT_ONCE)
        self._dropping = asyncio.Lock()
        self._building = 0
        self._used_at: dict[str, float] = {}  # by image id, monotonic
        self._registry_failed: dict[str, tuple[float, str]] = {}

    async def ensure(self, recipe: ImageRecipe, progress: Progress) -> Image:
        recipes.check(recipe)
        if found := self._used(recipe):
            return found
        return await self._builds.do(recipes.digest(recipe), lambda tell: self._make(recipe, tell), progress)

    async def get(self, recipe: ImageRecipe) -> Image | None:
        return self._used(recipe)

    async def find(self, image_id: str) -> Image | None:
        found = next((image for image in self._index.all().values() if image.image_id == image_id), None)
        if found is not None:
            self._used_at[image_id] = time.monotonic()
        return found

    async def drop(self, image_id: str) -> None:
        async with self._dropping:  # who wants to build it in the meantime waits, and then builds it anew
            await self._storage.open()
            self._index.discard(image_id)
            await self._storage.remove(image_id)

    def stored(self) -> dict[str, Image]:
        """What was built and not dropped, by the digest of its recipe (`recipe.digest`)."""
        return self._index.all()

    def idle_s(self, image_id: str) -> float:
        """Since it was last asked for, as far as this process knows; 0 while anything is built, on whatever it may be."""
        if self._building:
            return 0
        return time.monotonic() - self._used_at.get(image_id, -math.inf)

    def _used(self, recipe: ImageRecipe) -> Image | None:
        found = self._index.get(recipes.digest(recipe))
        if found is not None:
            self._used_at[found.image_id] = time.monotonic()
        return found

    async def _make(self, recipe: ImageRecipe, progress: Progress) -> Image:
        async with self._dropping:
            self._building += 1
        try:
            return await self._make_now(recipe, progress)
        finally:
            self._building -= 1

    async def _make_now(self, recipe: ImageRecipe, progress: Progress) -> Image:
        await self._storage.open()
        base = await self._base(recipe.python_version, progress)
        image_id = await self._build(recipe, base, progress) if recipe.steps else self._known(base)
        image = await self._storage.describe(image_id, recipe.python_version)
        self._index.put(recipes.digest(recipe), image)
        self._used_at[image_id] = time.monotonic()
        return image

    async def _build(self, recipe: ImageRecipe, base: str, progress: Progress) -> str:
        name = recipes.build_name(recipe)
        async with self._room:
            return self._storage.find(name) or await self._storage.build(recipes.dockerfile(recipe, base), name, progress)

    async def _base(self, python_version: str, progress: Progress) -> str:
        """The name of the stored base image with this Python."""
        return await self._bases.do(python_version, lambda tell: self._make_base(python_version, tell), progress)

    async def _make_base(self, python_version: str, progress: Progress) -> str:
        debian = recipes.debian_with(python_version)
        official = recipes.base_name(python_version, REVISION_OFFICIAL)
        own = recipes.base_name(python_version, revision(debian)) if debian else ""
        for name in (official, own):
            if name and self._storage.find(name):
                return name
        why = await self._pull(python_version, official, progress)
        if not why:
            return official
        if debian is None:
            raise recipes.not_here(python_version, why)
        progress(f"{why}; using the Debian mirror instead")
        tar, digest = await base_tar(self._settings.cache, debian, progress)
        progress("storing the base image")
        await self._storage.import_tar(tar, digest, own, recipes.BASE_ENV)
        return own

    async def _pull(self, python_version: str, name: str, progress: Progress) -> str:
        """Why the registry is of no use now; empty when the official image is stored as `name`."""
        if self._settings.registry is None:
            return "no registry is set"
        failed_at, why = self._registry_failed.get(python_version, (0.0, ""))
        if why and time.monotonic() - failed_at < self._settings.rest_s:
            return why
        reference = f"{self._settings.registry}:{python_version}-slim"
        why = await self._storage.pull(reference, self._settings.answer_timeout_s, progress)
        if why:
            self._registry_failed[python_version] = (time.monotonic(), why)
            return why
        await self._storage.build(recipes.finishing_dockerfile(reference), name, progress)
        return ""

    def _known(self, name: str) -> str:
        found = self._storage.find(name)
        if found is None:
            raise ImageBuildError(f"the base image {name} vanished while it was used; deploy again")
        return found
