"""What builds of the tests take: trees, Secrets and Volumes as directories and values; a tiny base that needs no network."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from homeport.errors import NotFoundError
from homeport.images.materials import Materials
from homeport.manifest.schema import ImageRecipe, ImageStep, SecretRef

SESAME = "sesame-open-7411"
BUSYBOX = "b" * 64
INSTALL = 'RUN ["/bin/busybox", "--install", "-s", "/bin"]'


class Stock(Materials):
    """`trees/DIGEST` and `volumes/ID` below `place`."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.syncs = 0
        self.secrets: dict[str, Mapping[str, str]] = {}
        tree = self.make_tree(BUSYBOX)
        shutil.copy2("/bin/busybox", tree / "busybox")

    def make_tree(self, digest: str, files: Mapping[str, str] | None = None) -> Path:
        tree = self.place / "trees" / digest
        tree.mkdir(parents=True)
        for path, text in (files or {}).items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_text(text)
        return tree

    def tree(self, digest: str) -> Path:
        return self.place / "trees" / digest

    def secret(self, ref: SecretRef) -> Mapping[str, str]:
        if ref.secret_id not in self.secrets:
            raise NotFoundError(f"There is no Secret {ref.name!r}.")
        return self.secrets[ref.secret_id]

    def volume(self, volume_id: str) -> Path:
        place = self.place / "volumes" / volume_id
        place.mkdir(parents=True, exist_ok=True)
        return place

    def sync_volumes(self) -> None:
        self.syncs += 1


def run(*lines: str) -> ImageStep:
    return ImageStep("run_commands", lines)


def tiny(*steps: ImageStep, cache: str = "") -> ImageRecipe:
    """A shell and its friends, nothing else."""
    busybox = ImageStep("dockerfile_commands", ("COPY --from=context0 busybox /bin/busybox", INSTALL), contexts=(BUSYBOX,))
    return ImageRecipe(base="scratch", steps=(busybox, *steps), cache=cache)
