"""What a build needs from elsewhere: uploaded files, values of Secrets, places of Volumes. Owns the interface."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from ..errors import InvalidError
from ..manifest.schema import SecretRef


class Materials(Protocol):
    """Blocking calls, made in threads."""

    def tree(self, digest: str) -> Path:
        """A directory with exactly the files of this tree, not to be written to, and kept while a build uses it.

        Raises InvalidError for a tree that was not uploaded.
        """
        ...

    def secret(self, ref: SecretRef) -> Mapping[str, str]:
        """Its values. Raises NotFoundError, also for a required key that it lacks."""
        ...

    def volume(self, volume_id: str) -> Path:
        """The directory of its files. Raises NotFoundError."""
        ...

    def sync_volumes(self) -> None:
        """What builds wrote to Volumes is on disk when it returns. Raises OSError."""
        ...


class NoMaterials(Materials):
    """Where there are none: images without files, Secrets and Volumes can be built."""

    def tree(self, digest: str) -> Path:
        raise InvalidError(f"Local files ({digest[:12]}) are missing on the platform; deploy again.")

    def secret(self, ref: SecretRef) -> Mapping[str, str]:
        raise InvalidError(f"The Secret {ref.name or ref.secret_id!r} can't be read by image builds here.")

    def volume(self, volume_id: str) -> Path:
        raise InvalidError(f"The Volume {volume_id!r} can't be mounted by image builds here.")

    def sync_volumes(self) -> None:
        """There are none."""
