"""One file on its way into a Volume: written aside, and given its name only when it is whole. Owns its durability."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ..errors import AlreadyExistsError, ResourceExhaustedError
from .files import DISK_FULL

if TYPE_CHECKING:
    from .volume_tree import Target

FLUSH_BYTES = 64 * 1024**2  # written out as it comes, so that the last sync of a large file takes no minutes


class Arrival:
    """Use it as a context: what was not finished by then is thrown away. Takes over the descriptor `parent`."""

    def __init__(self, arriving: Path, parent: int, name: str, target: Target) -> None:
        self._parent, self._name, self._target = parent, name, target
        self._file, self._aside = tempfile.mkstemp(dir=arriving)
        self._unflushed_bytes = 0
        self._finished = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            os.close(self._file)
        finally:
            os.close(self._parent)
            if not self._finished:
                os.unlink(self._aside)
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            raise ResourceExhaustedError(
                f"disk full: no room for '{self._target.path}' in this Volume; free some space and try again."
            ) from error

    def write(self, chunk: bytes) -> None:
        rest = memoryview(chunk)
        while rest:
            rest = rest[os.write(self._file, rest) :]
        self._unflushed_bytes += len(chunk)
        if self._unflushed_bytes >= FLUSH_BYTES:
            os.fdatasync(self._file)
            self._unflushed_bytes = 0

    def finish(self) -> None:
        """It is there under its name; with `sync` it stays there whatever happens to the machine."""
        os.fchmod(self._file, self._target.mode)
        if self._target.sync:
            os.fsync(self._file)
        if self._target.force:
            os.replace(self._aside, self._name, dst_dir_fd=self._parent)
            self._finished = True
        else:
            self._link()
        if self._target.sync:
            os.fsync(self._parent)

    def _link(self) -> None:
        """Unlike a rename it never takes the place of what came there meanwhile."""
        try:
            os.link(self._aside, self._name, dst_dir_fd=self._parent)
        except FileExistsError:
            raise AlreadyExistsError(
                f"'{self._target.path}' exists already in this Volume; --force (-f) overwrites it."
            ) from None
