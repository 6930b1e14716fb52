"""Hashes of local files, remembered between deploys in `~/.cache/homeport/hashes/`, one file for each folder.

A file counts as the same by device, inode, size, and its times of change; one that was changed in the last two seconds
isn't remembered, since it may change again within one tick of the file system's clock. What is remembered is a help and no
truth: a file of it that is damaged, or of another version, is as good as none, and of two processes that write, one wins.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .scan import Found, modified, unreadable

SETTLED_NS = 2_000_000_000
KEPT_S = 60 * 24 * 3600  # files of folders that nobody deployed for so long are removed
PIECE_BYTES = 1024**2
PARALLEL_FROM_BYTES = 8 * 1024**2  # below, threads cost more than they gain
THREADS = min(8, os.cpu_count() or 1)

_MAGIC = b"homeport hashes 1\n"
_KEY = struct.Struct("<QQQqq")
_ROW = struct.Struct("<40s32s")


def of_files(found: Sequence[Found], folder: Path, during: str) -> list[str]:
    """The sha256, in hex, of each file. folder: what they belong to.

    Raises ConflictError for a file that is written to meanwhile, InvalidError for one that can't be read.
    """
    memory = _memory_path(folder)
    known = _load(memory)
    keys = [_key(each.status) for each in found]
    unknown = [number for number, key in enumerate(keys) if key not in known]
    started_ns = time.time_ns()
    fresh = _hash_all([found[number] for number in unknown], during)
    digests = {key: known[key] for key in keys if key in known}
    unsettled = set()
    for number, digest in zip(unknown, fresh, strict=True):
        digests[keys[number]] = digest
        status = found[number].status
        if max(status.st_mtime_ns, status.st_ctime_ns) > started_ns - SETTLED_NS:
            unsettled.add(keys[number])
    if memory is not None and (fresh or len(digests) != len(known)):
        _save(memory, {key: digest for key, digest in digests.items() if key not in unsettled})
    return [digests[key].hex() for key in keys]


def read(found: Found, during: str) -> bytes:
    """All of it. Raises as `of_files`."""
    try:
        handle = os.open(found.local, os.O_RDONLY | os.O_CLOEXEC)
        try:
            content = os.read(handle, found.status.st_size + 1)
            status = os.fstat(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise unreadable(found.local, error, during) from None
    if len(content) != found.status.st_size or _key(status) != _key(found.status):
        raise modified(found.local, during)
    return content


def check_unchanged(found: Found, handle: int, during: str) -> None:
    """Raises ConflictError if the open file isn't as it was when it was found."""
    if _key(os.fstat(handle)) != _key(found.status):
        raise modified(found.local, during)


def _hash_all(found: Sequence[Found], during: str) -> list[bytes]:
    if sum(each.status.st_size for each in found) < PARALLEL_FROM_BYTES or len(found) < 2:
        return [_hash(each, during) for each in found]
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(lambda each: _hash(each, during), found, chunksize=64))


def _hash(found: Found, during: str) -> bytes:
    if found.status.st_size <= PIECE_BYTES:
        return hashlib.sha256(read(found, during)).digest()
    hasher = hashlib.sha256()
    try:
        with open(found.local, "rb", buffering=0) as file:
            while piece := file.read(PIECE_BYTES):
                hasher.update(piece)
            check_unchanged(found, file.fileno(), during)
    except OSError as error:
        raise unreadable(found.local, error, during) from None
    return hasher.digest()


def _key(status: os.stat_result) -> bytes:
    return _KEY.pack(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _memory_path(folder: Path) -> Path | None:
    """None where there is nowhere to remember anything."""
    with contextlib.suppress(RuntimeError, KeyError):
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return base / "homeport" / "hashes" / hashlib.sha256(os.fsencode(os.path.realpath(folder))).hexdigest()[:32]
    return None


def _load(memory: Path | None) -> dict[bytes, bytes]:
    try:
        content = memory.read_bytes() if memory else b""
    except OSError:
        return {}
    rows = content[len(_MAGIC) : -32]
    if not content.startswith(_MAGIC) or hashlib.sha256(rows).digest() != content[-32:] or len(rows) % _ROW.size:
        return {}
    return dict(_ROW.iter_unpack(rows))


def _save(memory: Path, digests: dict[bytes, bytes]) -> None:
    """A disk that is full, or a home that can't be written, costs time and no deploy."""
    rows = b"".join(key + digest for key, digest in digests.items())
    with contextlib.suppress(OSError):
        memory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _forget_old(memory.parent)
        handle, aside = tempfile.mkstemp(dir=memory.parent)
        try:
            with open(handle, "wb") as file:
                file.write(_MAGIC + rows + hashlib.sha256(rows).digest())
            os.rename(aside, memory)
        except OSError:
            os.unlink(aside)


def _forget_old(folder: Path) -> None:
    oldest_s = time.time() - KEPT_S
    with os.scandir(folder) as found:
        for item in found:
            with contextlib.suppress(OSError):
                if item.stat().st_mtime < oldest_s:
                    os.unlink(item.path)
