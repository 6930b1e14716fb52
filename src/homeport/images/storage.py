"""buildah and its storage: every command line we give it, and nothing about recipes. One control plane uses a storage at a
time, so whatever working containers are there when it starts are leftovers of builds that were killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import tempfile
from pathlib import Path

from ..errors import ExecutionError, ImageBuildError, PlatformError
from ..ports import Image, Progress
from . import layers, layout, machine, runner
from .buildlog import BuildLog

PULL_BEGINS = ("Getting image source", "Copying", "Writing")  # what buildah says once a registry has answered


class Storage:
    def __init__(self, root: Path, runroot: Path) -> None:
        self._root = root
        self._runroot = runroot
        self._driver = ""
        self._opening = asyncio.Lock()

    async def open(self) -> None:
        """Chooses the driver, once, and removes what killed builds left. Raises PlatformError if buildah can't work here."""
        async with self._opening:
            if self._driver:
                return
            self._root.mkdir(parents=True, exist_ok=True, mode=0o711)
            self._runroot.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._driver = layers.driver_in_use(self._root) or await self._probe()
            await runner.run(self._argv("rm", "--all"))

    def find(self, name_or_id: str) -> str | None:
        return layers.find(self._root, self._driver, name_or_id)

    async def describe(self, image_id: str, python_version: str) -> Image:
        """The image as a value. Raises ExecutionError if the storage is damaged."""
        text = await runner.output(self._argv("inspect", "--type", "image", image_id))
        config = json.loads(text[text.index("{") :])["OCIv1"]["config"]  # warnings may come first
        env = tuple(_pair(entry) for entry in config.get("Env") or ())
        try:
            return Image(image_id, layers.directories(self._root, self._driver, image_id), python_version, env)
        except LookupError as error:
            raise ExecutionError(
                f"the image storage {self._root} is damaged: {error}; run `homeport down`, delete it, deploy again"
            ) from error

    async def build(self, dockerfile: str, name: str, progress: Progress) -> str:
        """Build with an empty context and tag it; returns the id. Raises ImageBuildError naming the step that failed."""
        log = BuildLog()

        def sink(line: str) -> None:
            log.feed(line)
            progress(line)

        with tempfile.TemporaryDirectory(prefix="homeport-build-") as work:
            (Path(work) / "context").mkdir()
            (Path(work) / "Dockerfile").write_text(dockerfile)
            finished = await runner.run(self._argv("build", *self._build_flags(Path(work), name)), sink)
        found = self.find(name) if finished.returncode == 0 else None
        if found is None:
            raise ImageBuildError(log.failure(finished.last_words))
        return found

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
        await runner.output(self._argv("tag", said.splitlines()[-1], name))

    async def pull(self, reference: str, answer_timeout_s: float, progress: Progress) -> str:
        """Why it failed, or an empty string. A registry that says nothing for `answer_timeout_s` is given up."""
        try:
            async with asyncio.timeout(answer_timeout_s) as deadline:

                def sink(line: str) -> None:
                    if line.startswith(PULL_BEGINS):
                        deadline.reschedule(None)
                        progress(line)

                finished = await runner.run(self._argv("pull", reference), sink)
        except TimeoutError:
            return f"the registry of {reference} did not answer within {answer_timeout_s:g} s"
        if finished.returncode == 0:
            return ""
        return f"{reference} could not be pulled ({finished.last_words.rpartition(': ')[2]})"

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

    def _build_flags(self, work: Path, name: str) -> list[str]:
        conf = work / "pip.conf"
        machine_conf = Path(machine.PIP_CONF)
        conf.write_text(machine.pip_conf(machine_conf.read_text() if machine_conf.is_file() else "", os.environ))
        conf.chmod(0o644)
        shown = machine.volumes(str(conf), Path(machine.CA_BUNDLE).is_file())
        fixed = ["--isolation=chroot", "--layers", "--force-rm", "--pull-never", f"--tag={name}"]
        return [*fixed, *shown, f"--file={work / 'Dockerfile'}", str(work / "context")]


def _pair(entry: str) -> tuple[str, str]:
    name, _, value = entry.partition("=")
    return name, value
