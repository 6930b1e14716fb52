"""buildah and its storage: every command line we give it, and nothing about recipes. One control plane uses a storage at a
time, so whatever working containers are there when it starts are leftovers of builds that were killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import ExecutionError, PlatformError
from ..ports import Image, Progress
from . import layers, layout, pythons, registry, runner, workplace
from .layers import Stored
from .runner import Finished, LineSink
from .settings import Patience
from .workplace import Grounds, Visible, Workplace

RESERVE_BYTES = 1 << 20
FULL_BYTES = 1 << 30
PULL_BEGINS = ("Getting image source", "Copying", "Writing")  # what buildah says once a registry has answered


@dataclass(frozen=True, slots=True)
class Invocation:
    """One `buildah build`. cached: its own cache of layers may be used. It names images by their ids: all are stored."""

    dockerfile: str
    tag: str
    context: Path | None = None
    contexts: Mapping[str, Path] = field(default_factory=dict)
    build_args: tuple[tuple[str, str], ...] = ()
    cached: bool = False


class Storage:
    def __init__(self, root: Path, runroot: Path, build_memory_mib: int = 0) -> None:
        """build_memory_mib: what a build may use; 0 is half of the machine's memory."""
        self._root = root
        self._runroot = runroot
        self._grounds = Grounds.under(runroot, build_memory_mib)
        self._driver = ""
        self._opening = asyncio.Lock()

    async def open(self) -> None:
        """Chooses the driver, once, and removes what killed builds left. Raises PlatformError if buildah can't work here."""
        async with self._opening:
            if self._driver:
                return
            self._root.mkdir(parents=True, exist_ok=True, mode=0o711)
            self._runroot.mkdir(parents=True, exist_ok=True, mode=0o700)
            await workplace.sweep(self._grounds)
            self._driver = layers.driver_in_use(self._root) or await self._probe()
            await self.remove_working_containers()
            self.reserve(give=False)

    async def remove_working_containers(self) -> None:
        """Those of all builds: to be called when there are none."""
        await runner.run(self._argv("rm", "--all"))

    def reserve(self, *, give: bool) -> None:
        """A little room that is given back when the disk is full: removing anything needs some, too."""
        path = self._root / "reserve"
        if give:
            path.unlink(missing_ok=True)
        elif not path.exists() or path.stat().st_size < RESERVE_BYTES:
            with contextlib.suppress(OSError), path.open("wb") as file:  # later, when there is room again
                os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)

    def find(self, name_or_id: str) -> str | None:
        return layers.find(self._root, self._driver, name_or_id)

    def names(self) -> set[str]:
        return layers.names(self._root, self._driver)

    def by_prefix(self, prefix: str) -> str | None:
        return layers.by_prefix(self._root, self._driver, prefix)

    def stored(self) -> list[Stored]:
        return layers.stored(self._root, self._driver)

    def sizes(self) -> dict[str, int]:
        return layers.sizes(self._root, self._driver)

    def architecture(self, image_id: str) -> str:
        return str(layers.configuration(self._root, self._driver, image_id).get("architecture", ""))

    def has_triggers(self, image_id: str) -> bool:
        """Raises LookupError where its configuration is of another form."""
        return layers.has_triggers(self._root, self._driver, image_id)

    def describe(self, image_id: str, python_version: str = "") -> Image:
        """The image as a value; its Python is looked for if none is given. Raises ExecutionError for damage."""
        try:
            found = layers.configuration(self._root, self._driver, image_id).get("config") or {}
            directories = layers.directories(self._root, self._driver, image_id)
        except LookupError as error:
            raise ExecutionError(
                f"the image storage {self._root} is damaged: {error}; run `homeport down`, delete it, deploy again"
            ) from error
        env = tuple(_pair(entry) for entry in found.get("Env") or ())
        return Image(
            image_id=image_id,
            layers=directories,
            python_version=python_version or pythons.version_in(directories, dict(env).get("PATH", "")),
            env=env,
            entrypoint=tuple(found.get("Entrypoint") or ()),
            command=tuple(found.get("Cmd") or ()),
            workdir=str(found.get("WorkingDir") or ""),
        )

    def workplace(self, runs: Sequence[Visible], every: Visible | None = None) -> AbstractAsyncContextManager[Workplace]:
        """For one build: see `workplace.workplace`."""
        return workplace.workplace(self._grounds, runs, every)

    async def build(self, what: Invocation, place: Workplace, sink: LineSink) -> Finished:
        """One build, tagged when it succeeds."""
        (place.work / "Dockerfile").write_text(what.dockerfile)
        return await runner.run(self._argv("build", *_build_flags(what, place)), sink)

    async def sync(self) -> None:
        """What was written to the storage's file system is on disk when it returns. Raises PlatformError."""
        await runner.output(["sync", "--file-system", str(self._root)])

    def is_full(self) -> bool:
        """So little room is left that a build may well have failed of it."""
        found = os.statvfs(self._root)
        return found.f_bavail * found.f_frsize < FULL_BYTES or (found.f_files > 0 and found.f_favail == 0)

    async def tag(self, image_id: str, name: str) -> None:
        await runner.output(self._argv("tag", image_id, name))

    async def import_tar(self, tar: Path, digest: str, name: str, env: tuple[tuple[str, str], ...]) -> None:
        """Store an image of one layer with the content of `tar`, whose sha256 is `digest`, as `name`."""
        layer = layout.Layer(digest, tar.stat().st_size)
        with tempfile.TemporaryDirectory(prefix="homeport-import-") as work:
            place = Path(work) / "debian_slim"
            (place / layout.blob_path(digest)).parent.mkdir(parents=True)
            (place / layout.blob_path(digest)).symlink_to(tar.absolute())
            for path, content in layout.documents(layer, env, platform.machine()).items():
                (place / path).write_bytes(content)
            # By a path of its own it would get that path as a name, which not every temporary directory is fit for.
            said = await runner.output(self._argv("pull", "--quiet", f"oci:{place.name}:{layout.REF}"), cwd=work)
        await self.sync()
        await self.tag(said.splitlines()[-1], name)

    async def pull(self, reference: str, patience: Patience, progress: Progress, auth_file: str = "") -> tuple[str, str]:
        """The image's id, or else why there is none. What comes neither in words nor in bytes is given up."""
        options = [f"--authfile={auth_file}"] if auth_file else []
        if registry.is_loopback(reference):
            options.append("--tls-verify=false")
        loop, answered = asyncio.get_running_loop(), False
        try:
            async with asyncio.timeout(patience.total_s) as total, asyncio.timeout(patience.answer_s) as deadline:

                def moved() -> None:
                    if answered:
                        deadline.reschedule(loop.time() + patience.stall_s)

                def sink(line: str) -> None:
                    nonlocal answered
                    if line.startswith(PULL_BEGINS):
                        answered = True
                        progress(line)
                    moved()

                argv = self._argv("pull", "--policy=always", *options, f"docker://{reference}")
                finished = await runner.run(argv, sink, on_bytes=moved)
        except TimeoutError:
            if total.expired():
                return "", f"{reference} was not there after {patience.total_s:g} s"
            if answered:
                return "", f"the registry of {reference} stopped sending for {patience.stall_s:g} s"
            return "", f"the registry of {reference} did not answer within {patience.answer_s:g} s"
        if finished.returncode == 0:
            return finished.last_words, ""
        return "", registry.why_not(reference, finished.tail, bool(auth_file))

    async def remove(self, image_id: str) -> None:
        """Idempotent. Layers that other images need stay."""
        if self.find(image_id) is None:
            return
        finished = await runner.run(self._argv("rmi", "--force", image_id))
        if finished.returncode != 0 and self.find(image_id) is not None:
            raise ExecutionError(f"image {image_id[:12]} could not be removed: {finished.last_words}")

    async def _probe(self) -> str:
        """A real start with each driver: overlay needs a file system that it can be stacked on."""
        why = ""
        for driver in (layers.OVERLAY, layers.VFS):
            self._driver = driver
            container = await runner.run(self._argv("from", "scratch"))
            mounted = await runner.run(self._argv("mount", container.last_words)) if container.returncode == 0 else container
            if mounted.returncode == 0:
                return driver
            why = mounted.last_words
        self._driver = ""
        raise PlatformError(f"buildah can't keep images in {self._root}: {why}")

    def _argv(self, command: str, *arguments: str) -> list[str]:
        where = ["--root", str(self._root), "--runroot", str(self._runroot), "--storage-driver", self._driver]
        # Without this, overlay would leave a bind mount of its directory on the machine for good.
        options = ["--storage-opt", "overlay.skip_mount_home=true"] if self._driver == layers.OVERLAY else []
        return ["buildah", *where, *options, command, *arguments]


def _build_flags(what: Invocation, place: Workplace) -> list[str]:
    """`--format=docker`, because the other one can't keep SHELL."""
    flags = ["--isolation=oci", f"--runtime={place.runtime}", "--network=host", "--format=docker", "--force-rm", "--layers"]
    flags += ["--pull-never", *([] if what.cached else ["--no-cache"])]
    flags += [f"--build-context={name}={path}" for name, path in what.contexts.items()]
    flags += [f"--build-arg={name}={value}" for name, value in what.build_args]
    context = what.context or place.empty_context
    return [*flags, f"--tag={what.tag}", f"--file={place.work / 'Dockerfile'}", os.fspath(context)]


def _pair(entry: str) -> tuple[str, str]:
    name, _, value = entry.partition("=")
    return name, value
