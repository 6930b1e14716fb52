"""What people and containers do with a Dict (semantics 6.3.1). Owns the limits; who may reach which is `objects`'."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from ..errors import InvalidError, NotFoundError
from ..spawner.wire import write_all
from ..store.dicts import DictRows, Entry, Page
from ..store.objects import ObjectRow
from .objects import Objects

VALUE_BYTES_MAX = 100 << 20
KEY_BYTES_MAX = 64 << 10
ENTRIES_MAX = 10_000
PAGE_BYTES = 4 << 20
UPLOAD_S_MAX = 600

_UPLOAD = re.compile(r"[0-9a-f]{32}")


class Dicts:
    """`uploads` is a directory for values on their way, which is emptied now and then."""

    def __init__(self, objects: Objects, uploads: Path) -> None:
        self._objects = objects
        self._rows = DictRows(objects.file)
        self._uploads = uploads
        objects.chores += [self._rows.remove_idle, self._remove_old_uploads]

    async def get(self, row: ObjectRow, key: bytes) -> bytes | None:
        now_ms = self._objects.clock.now_ms()
        return await self._objects.run(lambda: self._rows.get(row.object_id, key, now_ms))

    async def put(self, row: ObjectRow, entries: Sequence[Entry], *, skip_existing: bool) -> int:
        """All of them or none; how many were written. Raises InvalidError for what is too large."""
        if len(entries) > ENTRIES_MAX:
            raise InvalidError(f"An update of a Dict can have at most {ENTRIES_MAX} entries, not {len(entries)}.")
        for key, value in entries:
            _refuse_large(key, value)
        now_ms = self._objects.clock.now_ms()
        return await self._objects.run(lambda: self._rows.put(row.object_id, entries, now_ms, skip_existing=skip_existing))

    async def put_uploaded(self, row: ObjectRow, key: bytes, upload: str, *, skip_existing: bool) -> int:
        """As `put`, with a value that was uploaded. Raises NotFoundError when it was not, or too long ago."""
        path = self._upload(upload)

        def work() -> int:
            try:
                value = path.read_bytes()
            except FileNotFoundError:
                raise NotFoundError("The value's upload is not there (any more); put it again.") from None
            _refuse_large(key, value)
            try:
                return self._rows.put(row.object_id, [(key, value)], now_ms, skip_existing=skip_existing)
            finally:
                path.unlink(missing_ok=True)

        now_ms = self._objects.clock.now_ms()
        return await self._objects.run(work)

    async def upload(self, upload: str, pieces: AsyncIterator[bytes]) -> None:
        """Takes a large value, for `put_uploaded`. Raises InvalidError for one that is too large, OSError."""
        path = self._upload(upload)
        self._uploads.mkdir(mode=0o700, parents=True, exist_ok=True)
        size = 0
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                async for piece in pieces:
                    size += len(piece)
                    if size > VALUE_BYTES_MAX:
                        raise _too_large(size)
                    await asyncio.to_thread(write_all, fd, piece)
            finally:
                os.close(fd)
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    async def pop(self, row: ObjectRow, key: bytes) -> bytes | None:
        now_ms = self._objects.clock.now_ms()
        return await self._objects.run(lambda: self._rows.pop(row.object_id, key, now_ms))

    async def length(self, row: ObjectRow) -> int:
        now_ms = self._objects.clock.now_ms()
        return await self._objects.run(lambda: self._rows.length(row.object_id, now_ms))

    async def page(self, row: ObjectRow, after: int) -> Page:
        now_ms = self._objects.clock.now_ms()
        return await self._objects.run(lambda: self._rows.page(row.object_id, after, now_ms, PAGE_BYTES))

    async def clear(self, row: ObjectRow) -> None:
        await self._objects.run(lambda: self._rows.clear(row.object_id))

    def _upload(self, name: str) -> Path:
        if not _UPLOAD.fullmatch(name):
            raise InvalidError("The upload's name has to be 32 hex digits.")
        return self._uploads / name

    def _remove_old_uploads(self, _now_ms: int) -> None:
        """By the time of the file system, which wrote them."""
        with contextlib.suppress(FileNotFoundError):
            for path in self._uploads.iterdir():
                if time.time() - path.stat().st_mtime > UPLOAD_S_MAX:
                    path.unlink(missing_ok=True)


def _refuse_large(key: bytes, value: bytes) -> None:
    if len(key) > KEY_BYTES_MAX:
        raise InvalidError(f"A Dict's key can have at most 64 KiB when it is pickled, not {len(key)} bytes.")
    if len(value) > VALUE_BYTES_MAX:
        raise _too_large(len(value))


def _too_large(size: int) -> InvalidError:
    return InvalidError(f"A Dict's value can have at most 100 MiB when it is pickled, not {size} bytes.")
