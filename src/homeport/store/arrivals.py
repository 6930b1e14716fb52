"""Blobs on their way in: written aside, verified, and given their names only when they are whole and on disk.

    <digest>.part   an upload that can be continued: it stays when it breaks off, and grows from there
    anything else   one that starts anew next time

Refuses to know which blobs there are.
"""

from __future__ import annotations

import asyncio
import ctypes
import hashlib
import os
import tempfile
from collections.abc import AsyncIterable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ..errors import ConflictError, InvalidError, ResourceExhaustedError
from ..runtime import durable
from .files import DISK_FULL

CHUNK_BYTES = 1024**2
TOGETHER_FROM = 8  # so many files are made durable by one look at the whole file system


class Arrivals:
    def __init__(self, folder: Path, place: Callable[[str], Path], bytes_max: int) -> None:
        """folder: where to write aside. place: where a blob belongs."""
        self._folder = folder
        self._place = place
        self._bytes_max = bytes_max
        self._busy: set[str] = set()  # digests that somebody continues

    async def put(self, digest: str, chunks: AsyncIterable[bytes], offset: int | None) -> None:
        """See `Blobs.put`."""
        with self._full_disk_told(digest), self._arrival(digest, offset) as arrival:
            await asyncio.to_thread(arrival.begin)
            waiting = bytearray()
            try:
                async for chunk in chunks:
                    waiting += chunk
                    if len(waiting) >= CHUNK_BYTES:
                        await asyncio.to_thread(arrival.write, bytes(waiting))
                        waiting.clear()
            except BaseException:
                arrival.write(bytes(waiting))  # for whoever continues
                raise
            await asyncio.to_thread(arrival.finish, bytes(waiting))

    def offset(self, digest: str) -> int:
        """How much of it is here from an upload that can be continued."""
        try:
            return self._part(digest).stat().st_size
        except FileNotFoundError:
            return 0

    def add(self, contents: Sequence[tuple[str, bytes]]) -> None:
        """Store what was verified; durable on return, and nothing kept of any if that fails."""
        if not contents:
            return
        written: list[tuple[Path, Path]] = []
        with self._full_disk_told(contents[0][0]):
            try:
                for digest, content in contents:
                    handle, name = tempfile.mkstemp(dir=self._folder)
                    written.append((Path(name), self._place(digest)))
                    _write(handle, content, sync=len(contents) < TOGETHER_FROM)
                if len(contents) >= TOGETHER_FROM:
                    _sync_all(self._folder)
                for aside, target in written:
                    target.parent.mkdir(exist_ok=True)
                    aside.rename(target)
            finally:
                for aside, _ in written:
                    aside.unlink(missing_ok=True)
            if len(contents) >= TOGETHER_FROM:
                _sync_all(self._folder)
            else:
                _sync_names({target.parent for _, target in written})

    def _part(self, digest: str) -> Path:
        self._place(digest)  # refuses what is no digest
        return self._folder / f"{digest}.part"

    @contextmanager
    def _arrival(self, digest: str, offset: int | None) -> Iterator[_Arrival]:
        if offset is None:
            with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as file:
                try:
                    yield _Arrival(file.file, Path(file.name), self._place(digest), self._bytes_max)
                finally:
                    Path(file.name).unlink(missing_ok=True)
            return
        part = self._part(digest)
        if digest in self._busy:
            raise ConflictError(f"Blob {digest} is being uploaded by somebody else at this moment.")
        if offset != self.offset(digest):
            raise ConflictError(f"Blob {digest} can be continued at byte {self.offset(digest)}, not {offset}.")
        self._busy.add(digest)
        try:
            with open(os.open(part, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as opened:
                yield _Arrival(opened, part, self._place(digest), self._bytes_max)
        except (InvalidError, ResourceExhaustedError):
            part.unlink(missing_ok=True)  # what can't be right can't be continued
            raise
        finally:
            self._busy.discard(digest)

    @contextmanager
    def _full_disk_told(self, digest: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            (self._folder / f"{digest}.part").unlink(missing_ok=True)
            raise ResourceExhaustedError(
                f"disk full: no room for blob {digest} below {self._folder.parent}; free some space and deploy again."
            ) from error


class _Arrival:
    """One upload."""

    def __init__(self, file: IO[bytes], aside: Path, target: Path, bytes_max: int) -> None:
        self._file = file
        self._aside = aside
        self._target = target
        self._digest = target.parent.name + target.name
        self._bytes_max = bytes_max
        self._seen = hashlib.sha256()

    def begin(self) -> None:
        """Read what is here already."""
        while chunk := self._file.read(CHUNK_BYTES):
            self._seen.update(chunk)

    def write(self, chunk: bytes) -> None:
        if self._file.tell() + len(chunk) > self._bytes_max:
            raise ResourceExhaustedError(f"Blob {self._digest} is too large: at most {self._bytes_max} bytes are taken.")
        self._file.write(chunk)
        self._seen.update(chunk)

    def finish(self, chunk: bytes) -> None:
        self.write(chunk)
        if self._seen.hexdigest() != self._digest:
            raise InvalidError(
                f"What was uploaded as blob {self._digest} has the digest {self._seen.hexdigest()}: nothing was kept."
            )
        self._file.flush()
        os.fchmod(self._file.fileno(), 0o444)
        os.fsync(self._file.fileno())
        self._target.parent.mkdir(exist_ok=True)
        self._aside.rename(self._target)
        _sync_names({self._target.parent})


def _write(handle: int, content: bytes, *, sync: bool) -> None:
    with open(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(file.fileno(), 0o444)
        if sync:
            os.fsync(file.fileno())


def _sync_names(folders: set[Path]) -> None:
    for folder in folders:
        durable.sync_directory(folder)
    for above in {folder.parent for folder in folders}:
        durable.sync_directory(above)


def _sync_all(folder: Path) -> None:
    """Everything on the file system of `folder`: one wait instead of one for each of many files."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
    finally:
        os.close(descriptor)
