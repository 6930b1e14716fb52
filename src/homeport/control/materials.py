"""What image builds take from the platform: uploaded files, values of Secrets, folders of Volumes. Builds nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import NotFoundError
from ..images.materials import Materials
from ..manifest.schema import SecretRef, VolumeMount
from ..store.sources import Sources
from ..store.trees import Trees
from ..store.volumes import VolumeStore
from . import volume_mounts
from .vault import Vault


@dataclass(frozen=True, slots=True)
class PlatformMaterials(Materials):
    sources: Sources
    trees: Trees
    vault: Vault
    volumes: VolumeStore

    def tree(self, digest: str) -> Path:
        return self.sources.materialise(self.trees.get(digest))

    def secret(self, ref: SecretRef) -> Mapping[str, str]:
        return self.vault.values([ref])

    def volume(self, volume_id: str) -> Path:
        row = volume_mounts.require(VolumeMount("", volume_id), self.volumes.table)
        path = self.volumes.folders.path(row.volume_id)
        if not path.is_dir():
            raise NotFoundError(f"The files of Volume {row.name!r} are gone; make it again, and deploy the App again.")
        return path

    def sync_volumes(self) -> None:
        self.volumes.folders.sync()
