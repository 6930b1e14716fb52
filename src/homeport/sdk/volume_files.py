"""What is done with the files of a Volume over the wire: the methods of `Volume` that are not the guest's.

Owns the translation into the errors that a file system would raise (FileNotFoundError), as the public API has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import TYPE_CHECKING

from ..client import volumes
from ..errors import InvalidError, NotFoundError
from .connect import calls as reached

if TYPE_CHECKING:
    from ..client.calls import Calls
    from .volume import Volume


class FileEntryType(IntEnum):
    UNSPECIFIED = 0
    FILE = 1
    DIRECTORY = 2
    SYMLINK = 3
    FIFO = 4
    SOCKET = 5


@dataclass(frozen=True)
class FileEntry:
    """`path` is relative to the Volume; `mtime` in seconds since the epoch, `size` in bytes (0 for what is no file)."""

    path: str
    type: FileEntryType
    mtime: int
    size: int


@dataclass(frozen=True)
class VolumeInfo:
    """`name` is None for an ephemeral one."""

    name: str | None
    created_at: datetime
    created_by: str | None


@contextmanager
def opened(volume: Volume) -> Iterator[tuple[Calls, str]]:
    """A way to the platform, and the Volume's id. Raises NotFoundError for one that there is not."""
    with reached(volume._client, volume._environment) as (calls, environment):
        if not volume._id:
            made = volume._create_if_missing
            volume._id = volumes.resolve(calls, volume._name, environment, create_if_missing=made)
        yield calls, volume._id


def hydrated(volume: Volume) -> str:
    """Its id, looked up if it is not known yet."""
    if volume._id:
        return volume._id
    with opened(volume) as (_, volume_id):
        return volume_id


def info(volume: Volume) -> VolumeInfo:
    with opened(volume) as (calls, volume_id):
        found = volumes.info(calls, volume_id)
    return VolumeInfo(found["name"], datetime.fromisoformat(found["created_at"]).astimezone(), found["created_by"] or None)


def iterdir(volume: Volume, path: str, recursive: bool) -> Iterator[FileEntry]:
    if path.endswith("*"):
        raise InvalidError("Patterns are not supported here; name a folder, with recursive=True for its contents.")
    with opened(volume) as (calls, volume_id), _like_a_file_system():
        for found in volumes.entries(calls, volume_id, path, recursive=recursive):
            yield FileEntry(found["path"], FileEntryType[found["type"].upper()], found["mtime"], found["size"])


def read_file(volume: Volume, path: str) -> Iterator[bytes]:
    with opened(volume) as (calls, volume_id), _like_a_file_system():
        yield from volumes.read(calls, volume_id, path)


def remove_file(volume: Volume, path: str, recursive: bool) -> None:
    with opened(volume) as (calls, volume_id), _like_a_file_system():
        volumes.remove(calls, volume_id, path, recursive=recursive)


def copy_files(volume: Volume, sources: Sequence[str], destination: str, recursive: bool) -> None:
    if isinstance(sources, str):
        raise InvalidError(f"copy_files takes a list of paths, as in [{sources!r}].")
    with opened(volume) as (calls, volume_id), _like_a_file_system():
        volumes.copy(calls, volume_id, sources, destination, recursive=recursive)


@contextmanager
def _like_a_file_system() -> Iterator[None]:
    try:
        yield
    except NotFoundError as error:
        raise FileNotFoundError(error.message) from None
