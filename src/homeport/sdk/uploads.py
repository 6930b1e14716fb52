"""Sends trees, and what their files hold, as far as the platform lacks it. Tells how it goes on; decides nothing else.

Small files go many in one request, large ones each in one that can be continued, all of them side by side.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from ..client import blobs
from ..errors import ConflictError
from ..errors import ConnectionError as NotConnectedError
from ..manifest import frames
from . import hashes
from .events import Uploading
from .scan import Found, ModifiedError, modified, unreadable
from .trees import LocalTree

if TYPE_CHECKING:
    from ..client.calls import Calls

PARALLEL = 4
SMALL_BYTES = 256 * 1024  # up to here, files share a request
BATCH_BYTES = 4 * 1024**2
PIECE_BYTES = 1024**2
TELL_EVERY_S = 0.1
RETRY_S = 0.5
TRIES = 4  # of a large file whose connection breaks


@dataclass(frozen=True, slots=True)
class _Blob:
    """What is to be sent: a local file, or (where there is none) the content itself."""

    digest: str
    size_bytes: int
    found: Found | None = None
    content: bytes = b""
    during: str = ""

    def read(self) -> bytes:
        if self.found is None:
            return self.content
        content = hashes.read(self.found, self.during)
        if hashlib.sha256(content).hexdigest() != self.digest:
            raise modified(self.found.local, self.during)
        return content


@dataclass(slots=True)
class _Sent:
    """Counted by the threads that send."""

    size_bytes: int = 0
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def add(self, size_bytes: int) -> None:
        with self._guard:
            self.size_bytes += size_bytes


def send(calls: Calls, trees: Iterable[LocalTree]) -> Iterator[Uploading]:
    """Sends while it is iterated over; nothing is told where the platform has everything.

    Raises ConflictError naming a file that was changed meanwhile, InvalidError for one that can't be read any more, and
    what the platform answers.
    """
    trees = tuple(trees)
    wanted = dict.fromkeys(digest for tree in trees for digest in (*tree.files, tree.tree.digest))
    absent = dict.fromkeys(blobs.missing(calls, wanted)) if wanted else {}
    missing = list({blob.digest: blob for tree in trees for blob in _blobs(tree, absent)}.values())
    if not missing:
        return
    files = [blob for blob in missing if blob.found is not None]  # lists of files go along, and nobody waits for them
    total = sum(blob.size_bytes for blob in files)
    sent = _Sent()
    if files:
        yield Uploading(len(files), total)
    with ThreadPoolExecutor(PARALLEL) as pool:
        running = {pool.submit(job) for job in _jobs(calls, missing, sent)}
        try:
            while running:
                done, running = wait(running, TELL_EVERY_S, FIRST_COMPLETED)
                for job in done:
                    job.result()
                if files:
                    yield Uploading(len(files), total, sent.size_bytes)
        finally:
            _cancel(running)


def _blobs(tree: LocalTree, absent: Mapping[str, None]) -> Iterator[_Blob]:
    """What it has of these: files, and the tree itself as the last one, so that where it is there, the files were."""
    for digest in absent:
        if (found := tree.files.get(digest)) is not None:
            yield _Blob(digest, found.status.st_size, found, during=tree.during)
    if tree.tree.digest in absent:
        yield _Blob(tree.tree.digest, len(tree.tree.content), content=tree.tree.content)


def _jobs(calls: Calls, missing: list[_Blob], sent: _Sent) -> Iterator[Callable[[], None]]:
    """The large ones first, so that they aren't waited for in the end."""
    large = [blob for blob in missing if blob.size_bytes > SMALL_BYTES and blob.found is not None]
    for blob in sorted(large, key=lambda blob: -blob.size_bytes):
        yield partial(_send_large, calls, blob, sent)
    names = {blob.digest for blob in large}
    for batch in _batches(blob for blob in missing if blob.digest not in names):
        yield partial(_send_batch, calls, batch, sent)


def _batches(small: Iterable[_Blob]) -> Iterator[list[_Blob]]:
    batch: list[_Blob] = []
    size_bytes = 0
    for blob in small:
        if batch and (size_bytes + blob.size_bytes > BATCH_BYTES or len(batch) == frames.BLOBS_MAX):
            yield batch
            batch, size_bytes = [], 0
        batch.append(blob)
        size_bytes += blob.size_bytes
    if batch:
        yield batch


def _send_batch(calls: Calls, batch: list[_Blob], sent: _Sent) -> None:
    if len(batch) == 1 and batch[0].size_bytes > BATCH_BYTES:  # a very large tree
        blobs.put(calls, batch[0].digest, iter((batch[0].content,)), batch[0].size_bytes, None)
    else:
        blobs.put_all(calls, frames.pack((blob.digest, blob.read()) for blob in batch))
    sent.add(sum(blob.size_bytes for blob in batch if blob.found is not None))


def _send_large(calls: Calls, blob: _Blob, sent: _Sent) -> None:
    """From where an earlier upload of it broke off, this one's own included."""
    counted = _Counted(sent)
    for tries_left in reversed(range(TRIES)):
        at = counted.start(blobs.offset(calls, blob.digest))
        try:
            blobs.put(calls, blob.digest, counted.over(_pieces(blob, at)), blob.size_bytes - at, at)
            break
        except ModifiedError:
            raise
        except ConflictError:  # somebody else sends it at this moment
            at = counted.start(0)
            blobs.put(calls, blob.digest, counted.over(_pieces(blob, at)), blob.size_bytes, None)
            break
        except NotConnectedError:
            if not tries_left:
                raise
            time.sleep(RETRY_S)


@dataclass(slots=True)
class _Counted:
    """How much of one file counts as sent."""

    sent: _Sent
    size_bytes: int = 0

    def start(self, at: int) -> int:
        self.sent.add(at - self.size_bytes)
        self.size_bytes = at
        return at

    def over(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            yield piece
            self.size_bytes += len(piece)
            self.sent.add(len(piece))


def _pieces(blob: _Blob, at: int) -> Iterator[bytes]:
    """The content from there. Raises ConflictError before the last piece if the file is not the one that was hashed."""
    found = blob.found
    assert found is not None, "only files are large"
    try:
        with open(found.local, "rb", buffering=0) as file:
            hashes.check_unchanged(found, file.fileno(), blob.during)
            file.seek(at)
            held = b""
            while piece := file.read(PIECE_BYTES):
                if held:
                    yield held
                held = piece
            hashes.check_unchanged(found, file.fileno(), blob.during)
            if held:
                yield held
    except OSError as error:
        raise unreadable(found.local, error, blob.during) from None


def _cancel(running: set[Future[None]]) -> None:
    for job in running:
        job.cancel()
