"""Uploaded trees by digest. Owns that they come back as they went in, and that no other tree passes for one: they are blobs,
and whoever uploaded them, they are read strictly.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Iterable
from typing import TypeVar

from ..errors import InvalidError
from ..manifest import placing, tree
from ..manifest.placing import Placement
from ..manifest.schema import AppManifest, ServerSpec, TreeMount
from ..manifest.tree import Tree
from .blobs import Blobs

K = TypeVar("K")
V = TypeVar("V")
KEPT = 8  # a deploy asks for the same ones several times, and reading a large one takes a tenth of a second


class Trees:
    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._kept: OrderedDict[str, Tree] = OrderedDict()
        self._placed: OrderedDict[tuple[str, tuple[TreeMount, ...]], tuple[Placement, ...]] = OrderedDict()

    def get(self, digest: str) -> Tree:
        """Raises NotFoundError, ExecutionError for one that was damaged, InvalidError for what is no legal tree."""
        found = _use(self._kept, digest)
        if found is None or self._blobs.missing([digest]):
            found = _keep(self._kept, digest, self._read(digest))
        return found

    def placements(self, manifest: AppManifest, server: ServerSpec) -> tuple[Placement, ...]:
        """What the containers of `server` see of them, as `placing.placements`. Raises as `get`."""
        key = manifest.source, server.mounts
        found = _use(self._placed, key)
        return _keep(self._placed, key, placing.placements(manifest, server, self.get)) if found is None else found

    def missing(self, digest: str) -> list[str]:
        """Paths of the files whose content is not here; the tree is. Raises as `get`."""
        found = self.get(digest)
        absent = set(self._blobs.missing(found.blobs))
        return [file.path or "the file" for file in found.files if file.digest in absent] if absent else []

    def _read(self, digest: str) -> Tree:
        try:
            return tree.loads(self._blobs.read(digest))
        except InvalidError as error:
            raise InvalidError(f"Blob {digest} can't be used as files: {error.message}") from error


def _use(kept: OrderedDict[K, V], key: K) -> V | None:
    found = kept.get(key)
    if found is not None:
        with contextlib.suppress(KeyError):  # another thread has just dropped it
            kept.move_to_end(key)
    return found


def _keep(kept: OrderedDict[K, V], key: K, value: V) -> V:
    kept[key] = value
    with contextlib.suppress(KeyError):
        while len(kept) > KEPT:
            kept.popitem(last=False)
    return value


def paths_in_words(paths: Iterable[str]) -> str:
    """As in `a.py (and 3 more)`."""
    first, *more = paths
    return first + (f" (and {len(more)} more)" if more else "")
