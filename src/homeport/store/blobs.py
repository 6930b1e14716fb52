"""Content-addressed files: `<data dir>/blobs/ab/cdef…`, named by the sha256 of what they hold.

Owns that a blob is whole: verified when it arrives (`arrivals`) and again whenever it is read. Beside a blob there may be
`cdef…x`, the same content that can be executed, for whoever links to it. Refuses to know what blobs are for.

What was asked for counts as used, so that it isn't collected under whoever asked. That is remembered by this process alone:
writing it down for twenty thousand files would take longer than the deploy that asks.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import threading
import time
from collections.abc import AsyncIterable, Collection, Iterable, Iterator, Sequence
from pathlib import Path

from ..errors import ExecutionError, InvalidError, NotFoundError
from .arrivals import CHUNK_BYTES, Arrivals
from .listing import Listing

BLOB_BYTES_MAX = 64 * 1024**3
PARTIAL = ".part"
EXECUTABLE = "x"
LISTED_FROM = 200  # so many blobs are not asked for one by one

_DIGEST = re.compile(r"[0-9a-f]{64}")
_KEY = re.compile(rf"[0-9a-f]{{64}}({re.escape(PARTIAL)})?")


class Blobs:
    def __init__(self, root: Path, bytes_max: int = BLOB_BYTES_MAX) -> None:
        """Keep blobs of at most `bytes_max` bytes each below `root`, which is made. Removes what broken uploads left,
        but for those that can be continued.
        """
        self._root = root.absolute()
        self._arriving = root / "arriving"
        self._arriving.mkdir(parents=True, exist_ok=True)
        self._guard = threading.Lock()
        self._asked_ms: dict[str, int] = {}  # only of what is here
        self._listing = Listing(self._root)
        self._arrivals = Arrivals(self._arriving, self.path, bytes_max)
        for left in self._arriving.iterdir():
            if left.suffix != PARTIAL:
                left.unlink()

    def path(self, digest: str) -> Path:
        """Where this blob is or would be. Raises InvalidError for what is no sha256 in lower-case hex."""
        if not _DIGEST.fullmatch(digest):
            raise _no_digest(digest)
        return self._root / digest[:2] / digest[2:]

    def place(self, digest: str) -> str:
        """`path` as text, for whoever asks for thousands, of digests that are known to be some."""
        return f"{self._root}/{digest[:2]}/{digest[2:]}"

    def missing(self, digests: Iterable[str]) -> list[str]:
        """Those that are not here, each once, in the order given. Raises InvalidError for what is no digest."""
        asked = dict.fromkeys(digests, time.time_ns() // 1_000_000)
        with self._guard:  # what is told to be here must not go before it is known to have been asked for
            absent = self._absent(asked)
            self._asked_ms.update(asked)
            for digest in absent:
                self._asked_ms.pop(digest, None)
        return absent

    def executable(self, digest: str) -> Path:
        """A file with the content of this blob that can be executed; made when first asked for. Raises as `chunks`."""
        plain = self.path(digest)
        path = plain.with_name(plain.name + EXECUTABLE)
        if path.exists():
            return path
        handle, aside = tempfile.mkstemp(dir=self._arriving)
        try:
            with open(handle, "wb") as copy:
                for chunk in self.chunks(digest):
                    copy.write(chunk)
                os.fchmod(copy.fileno(), 0o555)
                os.fsync(copy.fileno())
            os.rename(aside, path)
        except BaseException:
            os.unlink(aside)
            raise
        return path

    def drop(self, key: str, unused_since_ms: int) -> bool:
        """Remove what `stored` told of, unless it was written, read or asked for since then. Returns whether it is gone."""
        if not _KEY.fullmatch(key):
            raise _no_digest(key)
        paths = self.paths(key)
        with self._guard:
            if not paths[0].exists():
                return True
            if self.used_ms(key, paths[0]) >= unused_since_ms:
                return False
            for path in reversed(paths):
                path.unlink(missing_ok=True)
            self._asked_ms.pop(key, None)
            return True

    def stored(self) -> Iterator[tuple[str, Path]]:
        """Key and file of every blob, and of every upload that can be continued. The key of a blob is its digest."""
        for folder in sorted(self._root.iterdir()):
            if folder == self._arriving:
                yield from ((file.name, file) for file in folder.glob(f"*{PARTIAL}"))
            elif folder.is_dir():
                with os.scandir(folder) as found:
                    yield from ((folder.name + f.name, Path(f.path)) for f in found if not f.name.endswith(EXECUTABLE))

    def paths(self, key: str) -> list[Path]:
        """All files of what `stored` told of; not all of them need to be there."""
        if key.endswith(PARTIAL):
            return [self._arriving / key]
        path = self.path(key)
        return [path, path.with_name(path.name + EXECUTABLE)]

    def used_ms(self, key: str, path: Path) -> int:
        """When it was last written, read or asked for, as far as this process knows. Raises FileNotFoundError."""
        return max(path.stat().st_mtime_ns // 1_000_000, self._asked_ms.get(key, 0))

    async def put(self, digest: str, chunks: AsyncIterable[bytes], offset: int | None = None) -> None:
        """Store the content that arrives in `chunks`; durable on return. One that is here is replaced by the same.

        offset: `chunks` begin there, and what comes before is here from an upload that broke off; this one can be
        continued likewise. None: nothing is kept unless all of it arrives.
        Raises InvalidError if it has another digest, ResourceExhaustedError if it is too large or the disk is full (then
        its cause is the OSError); nothing is kept then. ConflictError where the content can't go on at `offset`.
        """
        await self._arrivals.put(digest, chunks, offset)

    def arrived(self, digest: str) -> tuple[int, bool]:
        """At which offset an upload of this blob goes on, and whether it is all here."""
        if not self.missing([digest]):
            return self.path(digest).stat().st_size, True
        return self._arrivals.offset(digest), False

    def add(self, content: bytes) -> str:
        """Store `content`; durable on return. Returns its digest. Raises ResourceExhaustedError as `put` does."""
        digest = hashlib.sha256(content).hexdigest()
        if self.missing([digest]):
            self._arrivals.add([(digest, content)])
        return digest

    def add_all(self, contents: Sequence[tuple[str, bytes]]) -> None:
        """Store many small ones at once, by digest; durable on return. All or nothing. Raises as `put`."""
        for digest, content in contents:
            self.path(digest)
            if (found := hashlib.sha256(content).hexdigest()) != digest:
                raise InvalidError(f"What was uploaded as blob {digest} has the digest {found}: nothing was kept.")
        missing = set(self.missing(digest for digest, _ in contents))
        self._arrivals.add([(digest, content) for digest, content in dict(contents).items() if digest in missing])

    def read(self, digest: str) -> bytes:
        """The content. Raises as `chunks` does."""
        return b"".join(self.chunks(digest))

    def chunks(self, digest: str) -> Iterator[bytes]:
        """The content in pieces; whoever uses them before the end must be ready to throw them away.

        Raises NotFoundError if it isn't here, and ExecutionError at the end if it is damaged; it is removed then, so that
        the next deploy uploads it again.
        """
        path, seen = self.path(digest), hashlib.sha256()
        self.missing([digest])
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

    def _absent(self, asked: Collection[str]) -> list[str]:
        if len(asked) < LISTED_FROM:
            return [digest for digest in asked if not self.path(digest).exists()]
        here = self._listing.digests()
        if here.issuperset(asked):
            return []
        absent = [digest for digest in asked if digest not in here]
        for digest in absent:
            if not _DIGEST.fullmatch(digest):
                raise _no_digest(digest)
        return absent


def _no_digest(text: str) -> InvalidError:
    return InvalidError(
        f"{text[:80]!r} is not a blob digest: it must be the sha256 of the content, 64 lower-case hex digits."
    )
