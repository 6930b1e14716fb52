"""Volumes: their rows in the journal's projection, and their folders, `<data dir>/volumes/<id>/`.

Owns where the files of a Volume are, and when they go. Decides no name, and writes no row (`control.volumes` has records
written). What is done inside of one Volume is `volume_tree`'s.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import ColumnElement, func, select

from ..runtime import durable
from .beneath import sync_file_system
from .database import Database
from .files import remove_tree
from .tables import volumes
from .volume_tree import VolumeTree

ARRIVING = ".arriving"
TRASH = ".trash"

_ID = re.compile(r"vo-[0-9A-Za-z]{22}")


@dataclass(frozen=True, slots=True)
class VolumeRow:
    """`name` is empty for one that lives as long as the program that made it. A deleted one stays as a row."""

    volume_id: str
    name: str
    environment: str
    created_at_ms: int
    created_by: str
    deleted_at_ms: int | None = None


class VolumeTable:
    """Reads beside the writer, from any thread. Raises OSError if the disk fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def live(self) -> list[VolumeRow]:
        """Those that are not deleted, in order of creation."""
        return self._rows(volumes.c.deleted_at_ms.is_(None))

    def deleted(self) -> list[VolumeRow]:
        return self._rows(volumes.c.deleted_at_ms.is_not(None))

    def find(self, volume_id: str) -> VolumeRow | None:
        """Also one that was deleted."""
        return self.by_id([volume_id]).get(volume_id)

    def by_id(self, volume_ids: Iterable[str]) -> dict[str, VolumeRow]:
        """Those that there are, or were."""
        return {row.volume_id: row for row in self._rows(volumes.c.volume_id.in_(list(volume_ids)))}

    def count(self) -> int:
        """How many there ever were."""
        with self._database.reading() as connection:
            return connection.execute(select(func.count()).select_from(volumes)).scalar_one()

    def _rows(self, condition: ColumnElement[bool]) -> list[VolumeRow]:
        columns = [volumes.c[name] for name in VolumeRow.__dataclass_fields__]
        query = select(*columns).where(condition).order_by(volumes.c.position)
        with self._database.reading() as connection:
            return [VolumeRow(**row) for row in connection.execute(query).mappings()]


class VolumeFolders:
    def __init__(self, root: Path) -> None:
        """Everything below `root`, which is made. Throws away what broken uploads and removals left."""
        self._root = Path(os.path.realpath(root))  # as the spawner knows it, which trusts nothing below
        for name in (ARRIVING, TRASH):
            folder = self._root / name
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for left in folder.iterdir():
                remove_tree(left)

    def path(self, volume_id: str) -> Path:
        """Where the files of this Volume are. Raises ValueError for what is no id."""
        if not _ID.fullmatch(volume_id):
            raise ValueError(f"{volume_id!r} is not the id of a Volume")
        return self._root / volume_id

    def make(self, volume_id: str) -> None:
        """An empty folder for it, durable. One that a broken creation left is taken over. Raises OSError."""
        self.path(volume_id).mkdir(mode=0o755, exist_ok=True)
        durable.sync_directory(self._root)

    def tree(self, volume_id: str, name: str) -> VolumeTree:
        """`name` is for messages."""
        return VolumeTree(self.path(volume_id), self._root / ARRIVING, name)

    def stored(self) -> list[str]:
        """Ids of all that have a folder."""
        return sorted(name for name in os.listdir(self._root) if _ID.fullmatch(name))

    def drop(self, volume_id: str) -> None:
        """Its files go for good. Idempotent. Raises OSError."""
        aside = self._root / TRASH / volume_id
        try:
            self.path(volume_id).rename(aside)
        except FileNotFoundError:
            return
        durable.sync_directory(self._root)
        remove_tree(aside)

    def sync(self) -> None:
        """What was written to any Volume until now is on disk. Raises OSError if it could not be brought there."""
        sync_file_system(str(self._root))

    def volume_of(self, path: str) -> str | None:
        """The id of the Volume that a path on this machine lies in."""
        parts = Path(path).parts[len(self._root.parts) :] if Path(path).is_relative_to(self._root) else ()
        return parts[0] if parts and _ID.fullmatch(parts[0]) else None


@dataclass(frozen=True, slots=True)
class VolumeStore:
    table: VolumeTable
    folders: VolumeFolders
