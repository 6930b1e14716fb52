"""What an image stands on: `debian_slim` (a registry's official image, or bootstrapped), a registry's image, micromamba.

Owns how each is had, and how it is said that one can't be had. Refuses to know steps.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ..errors import ImageBuildError, InvalidError
from ..manifest.schema import ImageRecipe
from ..ports import Progress
from . import basenames, buildlog, chain, dockerfile, micromamba, registry
from . import recipe as recipes
from .basetar import base_tar, revision
from .failures import BuildFailed
from .joined import Joined
from .materials import Materials
from .redact import Redactor
from .settings import ImageSettings
from .storage import Invocation, Storage
from .workplace import Visible

SCRATCH = "scratch"
REVISION_OFFICIAL = "official"


class Bases:
    def __init__(self, settings: ImageSettings, storage: Storage, materials: Materials, room: asyncio.Semaphore) -> None:
        self._settings = settings
        self._storage = storage
        self._materials = materials
        self._room = room
        self._made: Joined[str] = Joined()
        self._failed: dict[str, tuple[float, str]] = {}  # registries, by Python version

    async def of(self, recipe: ImageRecipe, redactor: Redactor, progress: Progress) -> str:
        """The id of the stored base image, or `scratch`. Raises InvalidError, ImageBuildError or BuildFailed."""
        match recipe.base:
            case chain.SLIM:
                return self._known(await self.slim(recipe.python_version, recipe.cache, progress))
            case chain.MICROMAMBA:
                return await self._micromamba(recipe.python_version, recipe.cache, progress)
            case chain.REGISTRY:
                return await self._pulled(recipe, registry.full_reference(recipe.reference), redactor, progress)
            case _:
                return SCRATCH

    async def of_file(self, recipe: ImageRecipe, redactor: Redactor, progress: Progress) -> dict[str, str]:
        """The ids of the stored images that its Dockerfile names, by their names. Raises InvalidError or BuildFailed."""
        step, found = recipe.steps[0], dict[str, str]()
        bases, sources = dockerfile.references("\n".join(step.lines), step.build_args)
        hosts = {registry.host_of(base) for base in bases}
        for name in dict.fromkeys([*bases, *sources]):
            stored = None if step.force or recipe.cache else self._storage.find(name)
            login = recipe if registry.host_of(name) in hosts else replace(recipe, registry_secret=None)
            found[name] = await (
                self._without_triggers(stored, name) if stored else self._pulled(login, name, redactor, progress)
            )
        return found

    async def slim(self, python_version: str, cache: str, progress: Progress) -> str:
        """The name of the stored `debian_slim` with this Python. cache: of the recipe, which may want it anew."""
        key = f"{python_version} {cache}"
        return await self._made.do(key, lambda tell: self._make_slim(python_version, cache, tell), progress)

    def layers_of_slim(self, python_version: str, layers: tuple[str, ...]) -> int:
        """How many of an image's layers, from the lowest on, are a `debian_slim` with this Python that is stored."""
        for name in basenames.every(_slim_names(python_version), self._storage.names()):
            stored = self._storage.find(name)
            below = self._storage.describe(stored).layers if stored else ()
            if below and layers[-len(below) :] == below:
                return len(below)
        return 0

    def credentials(self, recipe: ImageRecipe, redactor: Redactor, references: list[str]) -> Callable[[], str] | None:
        """Makes the text of the file with the login for registries; None without a Secret. Blocks."""
        secret = recipe.registry_secret
        if secret is None:
            return None

        def read() -> str:
            values = self._materials.secret(secret)
            redactor.add(values.get(key, "") for key in (registry.PASSWORD,))
            return registry.auth_file(references, values, secret.name)

        return read

    async def own(self, name: str, cache: str, dockerfile: Callable[[], str]) -> str:
        """The id of what is stored as `name`, or of what this file of ours makes; anew, if the recipe's `cache` says so.

        Raises BuildFailed with its last lines.
        """
        found = None if cache else basenames.newest([name], self._storage.names())
        return self._known(found) if found else await self._run(dockerfile(), basenames.made(name, cache, time.time_ns()))

    async def _run(self, dockerfile: str, name: str) -> str:
        """In silence; returns the image's id. It gets the name once it is on disk."""
        unnamed = recipes.unfinished_name(time.time_ns())
        async with self._room, self._storage.workplace([], Visible()) as place:
            try:
                async with asyncio.timeout(self._settings.base_limit_s):
                    finished = await self._storage.build(Invocation(dockerfile, unnamed), place, _ignore)
            except TimeoutError:
                raise BuildFailed([f"it did not end within {self._settings.base_limit_s:g} s"]) from None
        if finished.returncode != 0:
            raise BuildFailed(buildlog.shown_tail(finished.tail) or ["no reason was given"])
        await self._storage.sync()
        await self._storage.tag(unnamed, name)
        return self._known(name)

    async def _make_slim(self, python_version: str, cache: str, progress: Progress) -> str:
        debian, names = recipes.debian_with(python_version), _slim_names(python_version)
        if not cache and (stored := basenames.newest(names, self._storage.names())):
            return stored
        official, *own = (basenames.made(name, cache, time.time_ns()) for name in names)
        why = await self._pull_official(python_version, official, progress)
        if not why:
            return official
        if debian is None:
            raise recipes.not_here(python_version, why)
        progress(f"{why}; using the Debian mirror instead")
        try:
            async with asyncio.timeout(self._settings.base_limit_s):
                tar, digest = await base_tar(self._settings.cache, debian, progress, anew=bool(cache))
        except TimeoutError:
            raise BuildFailed([f"the Debian mirror took more than {self._settings.base_limit_s:g} s"]) from None
        progress("storing the base image")
        await self._storage.import_tar(tar, digest, own[0], recipes.BASE_ENV)
        return own[0]

    async def _pull_official(self, python_version: str, name: str, progress: Progress) -> str:
        """Why the registry is of no use now; empty when the official image is stored as `name`."""
        if self._settings.registry is None:
            return "no registry is set"
        failed_at, why = self._failed.get(python_version, (0.0, ""))
        if why and time.monotonic() - failed_at < self._settings.rest_s:
            return why
        reference = f"{self._settings.registry}:{python_version}-slim"
        image_id, why = await self._storage.pull(reference, self._settings.patience, progress)
        if why:
            self._failed[python_version] = (time.monotonic(), why)
            return why
        await self._run(recipes.finishing_dockerfile(image_id), name)
        return ""

    async def _pulled(self, recipe: ImageRecipe, reference: str, redactor: Redactor, progress: Progress) -> str:
        read = self.credentials(recipe, redactor, [reference])
        login = await asyncio.to_thread(read) if read else ""
        progress(f"pulling {reference}")
        async with self._storage.workplace([]) as place:
            auth_file: Path | None = place.private / "auth.json" if login else None
            if auth_file:
                auth_file.write_text(login)
            image_id, why = await self._storage.pull(reference, self._settings.patience, progress, str(auth_file or ""))
        if why:
            raise BuildFailed([f"{why}."])
        theirs = self._storage.architecture(image_id)
        if theirs and theirs != registry.architecture():
            await self._storage.remove(image_id)
            raise BuildFailed([f"{registry.wrong_architecture(reference, f'linux/{theirs}')}."])
        return await self._without_triggers(image_id, reference)

    async def _without_triggers(self, image_id: str, reference: str) -> str:
        """Nobody checked what it would have a build do."""
        try:
            if not self._storage.has_triggers(image_id):
                return image_id
            why = "has instructions for builds on it (ONBUILD), which are not supported; use one without"
        except LookupError:
            why = "is of a form that is not supported; push it again with a newer program"
        await self._storage.remove(image_id)
        raise BuildFailed([f"{reference} {why}."])

    async def _micromamba(self, python_version: str, cache: str, progress: Progress) -> str:
        name = f"{recipes.NAMESPACE}/micromamba:{python_version}-{micromamba.REVISION}"
        below = await self.slim(recipes.BOOTSTRAPPABLE[0].python_version, cache, progress)
        try:
            return await self.own(name, cache, lambda: micromamba.dockerfile(below, python_version))
        except BuildFailed as failure:
            said = failure.lines[-1] if failure.lines else "no reason was given"
            raise InvalidError(
                f"micromamba(python_version={python_version!r}) can't be had on this machine: its channel "
                f"({micromamba.CHANNEL}) could not be used: {said}. Use debian_slim, or let this machine reach the channel."
            ) from None

    def _known(self, name: str) -> str:
        found = self._storage.find(name)
        if found is None:
            raise ImageBuildError(f"The base image {name} vanished while it was used; deploy again.")
        return found


def _ignore(_: str) -> None:
    """What our own files print is of interest only when they fail, and then its end is kept."""


def _slim_names(python_version: str) -> list[str]:
    """What `debian_slim` with this Python may be stored as: the official image first, then one that was bootstrapped."""
    debian = recipes.debian_with(python_version)
    own = [recipes.base_name(python_version, revision(debian))] if debian else []
    return [recipes.base_name(python_version, REVISION_OFFICIAL), *own]
