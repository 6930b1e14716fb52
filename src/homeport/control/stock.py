"""What lies in the data directory, and what refers to it, as values for `garbage`. Reads only; decides nothing. Blocks."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from ..errors import Error
from ..manifest import placing
from ..manifest.digest import of as digest_of
from ..manifest.schema import AppManifest
from ..ports import Image
from ..settings import Settings
from ..store.blobs import Blobs
from ..store.history import AppRow, History
from ..store.manifests import Manifests
from ..store.sources import Sources
from ..store.trees import Trees
from .garbage import Item, Kind, PastApp, Ref, Version
from .loop import ControlLoop
from .preparing import Preparing
from .secrets import Secrets
from .vault import secrets_of

log = logging.getLogger(__name__)


class ImageStore(Protocol):
    """What is asked of `images` besides `ports.Images`."""

    def stored(self) -> dict[str, Image]:
        """By the digest of the recipe."""
        ...

    def idle_s(self, image_id: str) -> float: ...

    async def drop(self, image_id: str) -> None: ...

    async def collect(self) -> tuple[int, int]:
        """Removes cached layers beyond what is allowed: how many images, and bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Stores:
    settings: Settings
    loop: ControlLoop
    history: History
    blobs: Blobs
    manifests: Manifests
    sources: Sources
    trees: Trees
    images: ImageStore
    guest_lib: Path
    secrets: Secrets
    preparing: Preparing


class Stock:
    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def past(self, rows: Iterable[AppRow], gone: frozenset[str]) -> tuple[PastApp, ...]:
        """Apps of the history; of those that are `gone` for good nobody needs the versions."""
        return tuple(_past(row, () if row.app_id in gone else self._versions(row.app_id)) for row in rows)

    def needs(self, digests: frozenset[str]) -> dict[str, frozenset[Ref]]:
        """What each of these manifests names; those that can't be read, or whose files can't, are left out."""
        found: dict[str, frozenset[Ref]] = {}
        shared: dict[str, Ref] = {}  # versions of one App have most files in common
        images = self._stores.images.stored()
        for digest in digests:
            try:
                manifest = self._stores.manifests.get(digest)
                blobs = {digest, *self._blobs_of(manifest)}
                secrets = {Ref(Kind.SECRET, secret.secret_id) for secret in secrets_of(manifest)}
                refs = frozenset(shared.setdefault(blob, Ref(Kind.BLOB, blob)) for blob in blobs)
                refs = refs | secrets | self._sources_of(manifest)
            except Error as error:
                log.warning("manifest %s can't be read: %s", digest, error)
            else:
                found[digest] = refs | _image_refs(frozenset(server.image_id for server in manifest.servers), images)
        return found

    def held(self) -> frozenset[Ref]:
        """What deploys and builds that are under way need, as far as it is there."""
        images = self._stores.images.stored()
        found: set[Ref] = set()
        for each in self._stores.preparing.under_way():
            found |= {Ref(Kind.SECRET, secret_id) for secret_id in each.secret_ids()} | _image_refs(each.image_ids(), images)
            parts = [partial(self._of_tree, tree) for tree in each.trees()]
            if each.manifest is not None:
                found.add(Ref(Kind.BLOB, digest_of(each.manifest)))
                parts.append(partial(self._sources_of, each.manifest))
            for part in parts:
                try:
                    found |= part()
                except Error as error:  # a deploy that needs it is refused; what an image was built with may be gone
                    log.info("files of something under way can't be read: %s", error)
        return frozenset(found)

    def in_use(self) -> frozenset[Ref]:
        """What directories of containers refer to, whoever they belong to, and the copy of our package of today."""
        found = {Ref(Kind.GUEST, self._stores.guest_lib.name)}
        layers: set[str] = set()
        for path in self._stores.settings.data_dir.glob("containers/*/spec.json"):
            binds, below = _mounted(path)
            layers |= below
            for source in binds:
                found |= {Ref(kind, name) for kind, name in self._owner(source)}
        images = self._stores.images.stored().values()
        return frozenset(found | {Ref(Kind.IMAGE, i.image_id) for i in images if i.layers and layers.issuperset(i.layers)})

    def items(self, now_ms: int) -> Iterator[Item]:
        """Everything that could be collected."""
        data_dir, stores = self._stores.settings.data_dir, self._stores
        for digest, path in stores.blobs.stored():
            try:
                yield Item(Ref(Kind.BLOB, digest), stores.blobs.used_ms(digest, path))
            except FileNotFoundError:
                continue
        for tree in stores.sources.stored():
            yield from _item(Ref(Kind.SOURCE, tree.name), tree)
        for image in {image.image_id: image for image in stores.images.stored().values()}.values():
            yield _image_item(image, stores.images.idle_s(image.image_id), now_ms)
        for directory in data_dir.glob("containers/*"):
            yield from _item(Ref(Kind.CONTAINER, directory.name), directory)
        for path in data_dir.glob("logs/*/*.log"):
            yield from _item(Ref(Kind.LOG, path.stem), path)
        for directory in data_dir.glob("guest/*"):
            yield from _item(Ref(Kind.GUEST, directory.name), directory)
        for secret_id, used_at_ms in stores.secrets.unheld():
            yield Item(Ref(Kind.SECRET, secret_id), used_at_ms)

    def _versions(self, app_id: str) -> tuple[Version, ...]:
        rows = self._stores.history.history(app_id)
        return tuple(Version(row.version, row.manifest_digest, row.live_at_ms is not None) for row in rows)

    def _blobs_of(self, manifest: AppManifest) -> Iterator[str]:
        """Its trees, and the files in them. Those that an image was built with may be gone, once it is built."""
        for tree in placing.running_trees(manifest):
            yield from (tree, *self._stores.trees.get(tree).blobs)
        for tree in placing.building_trees(manifest):
            if not self._stores.blobs.missing([tree]):
                yield from (tree, *self._stores.trees.get(tree).blobs)

    def _of_tree(self, tree: str) -> frozenset[Ref]:
        """The tree, its files, and where it is laid out by itself."""
        blobs = (tree, *self._stores.trees.get(tree).blobs)
        return frozenset((Ref(Kind.SOURCE, tree), *(Ref(Kind.BLOB, blob) for blob in blobs)))

    def _sources_of(self, manifest: AppManifest) -> frozenset[Ref]:
        """Where its files are laid out."""
        placed = (self._stores.trees.placements(manifest, server) for server in manifest.servers)
        return frozenset(Ref(Kind.SOURCE, placement.tree.digest) for each in placed for placement in each)

    def _owner(self, source: str) -> Iterator[tuple[Kind, str]]:
        for kind, folder in ((Kind.SOURCE, "sources"), (Kind.GUEST, "guest")):
            root = self._stores.settings.data_dir / folder
            if Path(source).is_relative_to(root) and Path(source) != root:
                yield kind, Path(source).relative_to(root).parts[0]


def _past(row: AppRow, versions: tuple[Version, ...]) -> PastApp:
    return PastApp(row.app_id, versions, row.stopped_at_ms if row.state == "stopped" else None)


def _image_refs(image_ids: frozenset[str], images: dict[str, Image]) -> frozenset[Ref]:
    """The images themselves, and those that they stand on."""
    wanted = [image for image in images.values() if image.image_id in image_ids]
    below = {i.image_id for w in wanted for i in images.values() if set(w.layers).issuperset(i.layers)}
    return frozenset(Ref(Kind.IMAGE, image_id) for image_id in below | {image.image_id for image in wanted})


def _mounted(path: Path) -> tuple[list[str], set[str]]:
    """Bind sources and layers of a container's spec; nothing if it is gone by now."""
    try:
        spec = json.loads(path.read_bytes())
        return [str(bind[0]) for bind in spec["binds"]], {str(layer) for layer in spec["layers"]}
    except FileNotFoundError:
        return [], set()


def _item(ref: Ref, path: Path) -> Iterator[Item]:
    try:
        yield Item(ref, path.stat().st_mtime_ns // 1_000_000)
    except FileNotFoundError:
        return


def _image_item(image: Image, idle_s: float, now_ms: int) -> Item:
    """Its uppermost layer's directory was made when it was built; the times of files come from the image."""
    asked_ms = 0 if idle_s == float("inf") else now_ms - int(idle_s * 1000)
    try:
        made_ms = Path(image.layers[0]).stat().st_ctime_ns // 1_000_000
    except (FileNotFoundError, IndexError):
        made_ms = 0
    return Item(Ref(Kind.IMAGE, image.image_id), max(asked_ms, made_ms))
