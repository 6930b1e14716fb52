"""Manifests by digest. Owns that they come back as they went in: they are blobs, named by the hash of their JSON."""

from __future__ import annotations

import functools

from ..manifest import codec
from ..manifest.schema import AppManifest
from .blobs import Blobs

_RECALLED = 32


class Manifests:
    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self.recall = functools.lru_cache(_RECALLED)(self.get)  # for who starts many containers of one, and not to check it

    def put(self, manifest: AppManifest) -> str:
        """Store it; durable on return. Returns `digest.of(manifest)`. Raises as `Blobs.add`."""
        return self._blobs.add(codec.dumps(manifest))

    def get(self, digest: str) -> AppManifest:
        """Raises NotFoundError, or ExecutionError for one that was damaged, as `Blobs.read`."""
        return codec.loads(self._blobs.read(digest))
