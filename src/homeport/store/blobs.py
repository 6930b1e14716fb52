"""Content-addressed files: `<data dir>/blobs/ab/cdef…`, named by the sha256 of what they hold.

Owns that a blob is whole: verified when it arrives and again whenever it is read. Refuses to know what blobs are for.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import tempfile
import threading
from collections.abc import AsyncIterable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ..errors import ExecutionError, InvalidError, NotFoundError, ResourceExhaustedError
from .files import DISK_FULL, sync_directory

BLOB_BYTES_MAX = 2 * 1024**3
CHUNK_BYTES = 1024**2

_DIGEST = re.compile(r"[0-9a-f]{64}")


class Blobs:
    def __init__(self, root: Path, bytes_max: int = BLOB_BYTES_MAX) -> None:
        """Keep blobs of at most `bytes_max` bytes each below `root`, which is made. Removes what broken uploads left."""
        self._root = root
        self._arriving = root / "arriving"
        self._arriving.mkdir(parents=True, exist_ok=True)
        self._bytes_max = bytes_max
        self._guard = threading.Lock()
        for left in self._arriving.iterdir():
            left.unlink()

    def path(self, digest: str) -> Path:
        """Where this blob is or would be. Raises InvalidError for what is no sha256 in lower-case hex."""
        if not _DIGEST.fullmatch(digest):
            raise InvalidError(
                f"{digest[:80]!r} is no blob digest: it must be the sha256 of the content, 64 lower-case hex digits."
            )
        return self._root / digest[:2] / digest[2:]

    def missing(self, digests: Iterable[str]) -> list[str]:
        """Those that are not here, each once, in the order given. Raises InvalidError for what is no digest."""
        return [digest for digest in dict.fromkeys(digests) if not self._use(self.path(digest))]

    def drop(self, digest: str, unused_since_ms: int) -> bool:
        """Remove it, unless it was written, read or asked for (`missing`) since then. Returns whether it is gone."""
        path = self.path(digest)
        with self._guard:
            if not path.exists():
                return True
            if path.stat().st_mtime_ns >= unused_since_ms * 1_000_000:
                return False
            path.unlink()
            return True

    def stored(self) -> Iterator[tuple[str, Path]]:
        """Digest and file of every blob."""
        for folder in sorted(self._root.iterdir()):
            if folder != self._arriving and folder.is_dir():
                yield from ((folder.name + file.name, file) for file in folder.iterdir())

    async def put(self, digest: str, chunks: AsyncIterable[bytes]) -> None:
        """Store the content that arrives in `chunks`; durable on return. One that is here is replaced by the same.

        Raises InvalidError if it has another digest, ResourceExhaustedError if it is too large or the disk is full (then
        its cause is the OSError). Nothing is kept then, nor when `chunks` raises.
        """
        with self._arrival(digest) as arrival:
            waiting = bytearray()
            async for chunk in chunks:
                waiting += chunk
                if len(waiting) >= CHUNK_BYTES:
                    await asyncio.to_thread(arrival.write, bytes(waiting))
                    waiting.clear()
            await asyncio.to_thread(arrival.finish, bytes(waiting))

    def add(self, content: bytes) -> str:
        """Store `content`; durable on return. Returns its digest. Raises ResourceExhaustedError as `put` does."""
        digest = hashlib.sha256(content).hexdigest()
        if self.missing([digest]):
            with self._arrival(digest) as arrival:
                arrival.finish(content)
        return digest

    def read(self, digest: str) -> bytes:
        """The content. Raises as `chunks` does."""
        return b"".join(self.chunks(digest))

    def chunks(self, digest: str) -> Iterator[bytes]:
        """The content in pieces; whoever uses them before the end must be ready to throw them away.

        Raises NotFoundError if it isn't here, and ExecutionError at the end if it is damaged; it is removed then, so that
        the next deploy uploads it again.
        """
        path, seen = self.path(digest), hashlib.sha256()
        self._use(path)
        try:
            with path.open("rb") as file:
                while chunk := file.read(CHUNK_BYTES):
                    seen.update(chunk)
                    yield chunk
        except FileNotFoundError:
            raise NotFoundError(f"Blob {digest} is not on the platform: deploy again to upload it.") from None
        if seen.hexdigest() != digest:
            path.unlink(missing_ok=True)
            raise ExecutionError(f"Blob {digest} was damaged on disk and has been removed: deploy again to upload it.")

    def _use(self, path: Path) -> bool:
        """Whether it is here; if so it counts as used now, so that whoever asked has time to make use of it."""
        with self._guard:
            try:
                os.utime(path)
            except FileNotFoundError:
                return False
            return True

    @contextmanager
    def _arrival(self, digest: str) -> Iterator[_Arrival]:
        target = self.path(digest)
        try:
            with tempfile.NamedTemporaryFile(dir=self._arriving, delete=False) as file:
                try:
                    yield _Arrival(file.file, Path(file.name), target, self._bytes_max)
                finally:
                    Path(file.name).unlink(missing_ok=True)
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            raise ResourceExhaustedError(
                f"disk full: no room for blob {digest} below {self._root}; free some space and deploy again."
            ) from error


class _Arrival:
    """One upload: written aside, and given its name only when it is whole and on disk."""

    def __init__(self, file: IO[bytes], aside: Path, target: Path, bytes_max: int) -> None:
        self._file = file
        self._aside = aside
        self._target = target
        self._digest = target.parent.name + target.name
        self._bytes_max = bytes_max
        self._seen = hashlib.sha256()

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
        if not self._target.parent.is_dir():
            self._target.parent.mkdir(exist_ok=True)
            sync_directory(self._target.parent.parent)
        self._aside.rename(self._target)
        sync_directory(self._target.parent)
