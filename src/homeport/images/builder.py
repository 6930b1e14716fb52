"""`ports.Images`, for real. Owns the way from a recipe to an image: what is there already, which base, what to build, and
who waits for whom.

    recipe -> chain of digests -> index (built before?) -> longest link that is there -> base -> steps -> layers -> index

What was built once stays what it is, whatever later versions of us would make of the recipe, until it is dropped.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

from ..errors import Error, ImageBuildError, InvalidError, NotFoundError
from ..manifest.schema import ImageRecipe
from ..ports import Image, Images, Progress
from . import addpython, chain, collecting, failures, keptlog
from . import recipe as recipes
from .assembly import Assembly, Job, Workshop
from .bases import SCRATCH, Bases
from .chain import Chain
from .failures import BuildFailed, DiskFull
from .index import ONLY, Index
from .joined import Joined
from .keptlog import KeptLog
from .materials import Materials, NoMaterials
from .published import PublishedName, PublishedNames, full_name
from .settings import ImageSettings
from .settling import Settling
from .sharing import Sharing
from .storage import Storage

BUILDS_AT_ONCE = 2
DAY_S = 86_400


class BuildahImages(Images):
    """One per data dir. Opens its storage when it is first needed."""

    def __init__(self, settings: ImageSettings, materials: Materials | None = None) -> None:
        self._settings = settings
        self._storage = Storage(settings.root, settings.runroot, settings.build_memory_gib << 10)
        self._index = Index(settings.root / "index.json")
        self._names = PublishedNames(settings.root / "names.json")
        materials = materials or NoMaterials()
        room = asyncio.Semaphore(BUILDS_AT_ONCE)
        self._settling = Settling(self._storage, self._index)
        self._shop = Workshop(self._storage, self._index, self._settling, materials, settings.guest_lib, room)
        self._bases = Bases(settings, self._storage, materials, room)
        self._builds: Joined[Image] = Joined()
        self._sharing = Sharing()
        self._dropping = asyncio.Lock()
        self._building = 0
        self._failed = False  # a build did, and its working containers may be there
        self._used_at: dict[str, float] = {}  # by image id, monotonic

    async def ensure(self, recipe: ImageRecipe, progress: Progress) -> Image:
        recipes.check(recipe)
        links = self._chain(recipe)
        reusable = chain.reusable(recipe)
        if reusable == len(links.links) and (found := self._used(links.digest)):
            return found
        key = f"{links.digest} {reusable} {recipe.cache}"
        return await self._builds.do(key, lambda tell: self._make(recipe, links, tell), progress)

    async def get(self, recipe: ImageRecipe) -> Image | None:
        if chain.reusable(recipe) <= len(recipe.steps):
            return None
        try:
            return self._used(self._chain(recipe).digest)
        except Error:
            return None  # a name that is not published yet, or a reference that is none: nothing was built of it

    async def find(self, image_id: str) -> Image | None:
        found = self._index.find(image_id)
        if found is not None:
            self._used_at[image_id] = time.monotonic()
        return found

    async def drop(self, image_id: str) -> None:
        used_at = self._used_at.get(image_id)
        async with self._dropping:  # who wants to build it in the meantime waits, and then builds it anew
            await self._open()
            if self._building or self._names.holds(image_id) or self._used_at.get(image_id) != used_at:
                return  # somebody took it since it was found to be idle
            self._index.discard(image_id)
            await self._storage.remove(image_id)

    def build_of(self, recipe: ImageRecipe) -> str:
        """The id that people see of what the recipe stands for now: `im-…`. Raises NotFoundError for an unknown name."""
        return self._chain(recipe).name

    async def publish(self, image: Image, build: str, name: str, actor: str) -> PublishedName:
        """From now on `name` means this image. Raises InvalidError for a name that can't be, OSError for the disk."""
        published = PublishedName(full_name(name), image.image_id, build, time.time_ns() // 1_000_000, actor)
        self._names.put(published)
        return published

    def names(self) -> list[PublishedName]:
        return self._names.all()

    def log(self, build: str) -> Iterator[str]:
        """What the build `im-…` said, line by line. Raises NotFoundError, InvalidError."""
        return keptlog.read(self._settings.logs, build)

    def stored(self) -> dict[str, Image]:
        """What was built and not dropped, by the digest of its recipe (`chain.of`)."""
        return self._index.all()

    def idle_s(self, image_id: str) -> float:
        """Since it was last asked for, as far as this process knows; 0 while anything is built, and if it has a name."""
        if self._building or self._names.holds(image_id):
            return 0
        return time.monotonic() - self._used_at.get(image_id, -math.inf)

    async def collect(self) -> tuple[int, int]:
        """Removes cached layers that no image needs: those too old, then the oldest beyond the size that is allowed; and old
        logs. How many images, and how many bytes. Does nothing while anything is built.
        """
        async with self._dropping:
            if self._building:
                return 0, 0
            await self._open()
            limits = collecting.Limits(self._settings.cache_days * DAY_S, self._settings.cache_gib << 30)
            cached = collecting.cached(self._storage.stored(), self._storage.sizes(), self._kept(), self._index.used_s)
            over = collecting.over(cached, limits, time.time())
            for each in over:
                await self._storage.remove(each.image_id)
            self._index.unlink({each.image_id for each in over})
            await asyncio.to_thread(keptlog.prune, self._settings.logs, limits.age_s)
        return len(over), sum(each.size_bytes for each in over)

    async def _open(self) -> None:
        await self._storage.open()
        await self._settling.begin(self._settings.root / "boot", self._kept())

    def _kept(self) -> set[str]:
        """The ids of what was built or has a name."""
        return {image.image_id for image in self._index.all().values()} | {each.image_id for each in self._names.all()}

    def _chain(self, recipe: ImageRecipe) -> Chain:
        if recipe.base != chain.NAMED:
            return chain.of(recipe)
        published = self._names.get(recipe.reference)
        if published is None:
            raise NotFoundError(
                f"There is no image named {full_name(recipe.reference)!r}: see `homeport image names`, or publish it."
            )
        return chain.of(recipe, published.image_id)

    def _used(self, key: str) -> Image | None:
        found = self._index.get(key)
        if found is not None:
            self._used_at[found.image_id] = time.monotonic()
        return found

    async def _make(self, recipe: ImageRecipe, links: Chain, progress: Progress) -> Image:
        await self._open()
        with KeptLog(self._settings.logs, links.name) as log:

            def tell(line: str) -> None:
                line = job.redactor(line)
                log.write(line)
                progress(line)

            job = Job(recipe, links, tell, time.time_ns())
            tell(f"building {links.name}")
            try:
                async with self._at_work():
                    return await self._make_now(job)
            except BuildFailed as failure:
                error = failures.as_error(failure, links.name)
                log.write(error.message)
                if isinstance(failure, DiskFull):
                    await self._make_room(job)
                raise error from None
            except asyncio.CancelledError:
                log.write(failures.shut_down(links.name))
                raise
            except (Error, OSError) as error:
                log.write(job.redactor(str(error)))
                if isinstance(error, ImageBuildError):
                    error.image_id = error.image_id or links.name
                raise

    @asynccontextmanager
    async def _at_work(self) -> AsyncIterator[None]:
        async with self._dropping:
            self._building += 1
        try:
            yield
        except BaseException:
            self._failed = True
            raise
        finally:
            self._building -= 1
            if self._failed:
                await self._clear_up()

    async def _clear_up(self) -> None:
        """Working containers of builds that failed: once nothing is built, because nobody can tell whose they are."""
        await self._settling.hurry()
        async with self._dropping:
            if self._building == 0:
                self._storage.reserve(give=True)
                await self._storage.remove_working_containers()
                self._storage.reserve(give=False)
                self._failed = False

    async def _make_now(self, job: Job) -> Image:
        reusable = chain.reusable(job.recipe)
        async with self._sharing.turn(job, reusable):
            image_id = await self._from_cache_or_base(job, reusable)
        version = job.recipe.python_version if job.recipe.base == chain.SLIM else ""
        image = await asyncio.to_thread(self._storage.describe, image_id, version)
        if version:
            image = replace(image, base_layers=self._bases.layers_of_slim(version, image.layers))
        await self._settling.now()
        self._index.put(job.links.digest if job.keeps else ONLY + image_id, image)
        self._index.use(image_id)
        self._used_at[image_id] = time.monotonic()
        return image

    async def _from_cache_or_base(self, job: Job, reusable: int) -> str:
        recipe = job.recipe
        done, image_id = self._longest(job.links, reusable)
        if not image_id:
            done, image_id = await self._begin(job)
        job.begun = job.reached = done + 1
        if done < len(recipe.steps):
            return await Assembly(self._shop, job).build(image_id, done)
        if image_id == SCRATCH:
            raise InvalidError("An image from scratch needs at least one step that puts something into it.")
        await self._storage.tag(image_id, job.tag)
        return image_id

    async def _begin(self, job: Job) -> tuple[int, str]:
        """The base, with a Python if one is to be added: how many steps are in it (a Dockerfile is one), and its id."""
        recipe, done = job.recipe, 0
        if recipe.base == chain.NAMED:
            published = self._names.get(recipe.reference)
            assert published is not None, recipe
            base = published.image_id
        else:
            base = await self._bases.of(recipe, job.redactor, job.tell)
        if recipe.base == chain.DOCKERFILE:
            job.named = await self._bases.of_file(recipe, job.redactor, job.tell)
            base, done = await Assembly(self._shop, job).build(base, 0, 1), 1
        if recipe.add_python:
            base = await addpython.add(recipe, base, job.tell, self._bases)
        if base != SCRATCH and job.keeps:
            self._index.links[job.links.links[done]] = base
            self._settling.soon()
        job.reached = done + 1
        job.moved()
        return done, base

    def _longest(self, links: Chain, reusable: int) -> tuple[int, str]:
        """How many steps are there already, and in which image; empty if not even the base is."""
        for place in reversed(range(reusable)):
            image_id = self._index.links.get(links.links[place], "")
            if image_id and self._storage.find(image_id):
                self._index.use(image_id)
                return place, image_id
        return 0, ""

    async def _make_room(self, job: Job) -> None:
        """The disk was full: of this build nothing is kept, newest images first."""
        async with self._dropping:
            self._storage.reserve(give=True)
            found = [image_id for short in job.made if (image_id := self._storage.by_prefix(short))]
            order = {each.image_id: len(each.chain) for each in self._storage.stored()}
            for image_id in sorted(found, key=lambda each: -order.get(each, 0)):
                await self._storage.remove(image_id)
            self._index.unlink(set(found))
            self._storage.reserve(give=False)
