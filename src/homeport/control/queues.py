"""What people and containers do with a Queue (semantics 6.3.2). Owns limits, and waiting for items or for room.

An item is delivered at most once, even if its receiver dies right after. A client that has disconnected receives none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from ..errors import InvalidError
from ..store.objects import ObjectRow
from ..store.queues import ITEMS_MAX, Part, QueueRows, Seen
from .objects import Objects

T = TypeVar("T")

ITEM_BYTES_MAX = 1 << 20
PARTITION_BYTES_MAX = 64
TTL_MS_MAX = 7 * 24 * 3600 * 1000
WAIT_MS_MAX = 25_000  # of one request; who wants to wait longer asks again


class Queues:
    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._rows = QueueRows(objects.file)
        self._changes: dict[str, asyncio.Event] = {}
        objects.chores.append(self._rows.remove_expired)

    async def put(self, row: ObjectRow, partition: str, values: Sequence[bytes], *, ttl_ms: int, wait_ms: int) -> bool:
        """All of them; False when there is no room for them within `wait_ms`. Raises InvalidError for what is too large."""
        part = _part(row, partition)
        _refuse_values(values)
        if not 0 < ttl_ms <= TTL_MS_MAX:
            raise InvalidError("A Queue's `partition_ttl` has to be more than 0 and at most 7 days.")
        now_ms = self._objects.clock.now_ms
        return await self._until(row, lambda: self._rows.put(part, values, now_ms(), ttl_ms), wait_ms)

    async def get(self, row: ObjectRow, partition: str, count: int, wait_ms: int) -> list[bytes]:
        """Up to `count`; none when there is none within `wait_ms`."""
        part, now_ms = _part(row, partition), self._objects.clock.now_ms
        _refuse_count(count)
        return await self._until(row, lambda: self._rows.get(part, count, now_ms()), wait_ms)

    async def peek(self, row: ObjectRow, partition: str, after: int, count: int, wait_ms: int) -> Seen:
        """Up to `count` of those that came after `after`; they stay."""
        part, now_ms = _part(row, partition), self._objects.clock.now_ms
        _refuse_count(count)

        async def look() -> Seen | None:
            seen = await self._objects.run(lambda: self._rows.peek(part, after, count, now_ms()))
            return seen if seen.values else None

        return await self._wait(row, look, wait_ms) or Seen((), after)

    async def length(self, row: ObjectRow, partition: str, *, total: bool) -> int:
        part, now_ms = _part(row, partition), self._objects.clock.now_ms()
        if total:
            return await self._objects.run(lambda: self._rows.total(row.object_id, now_ms))
        return await self._objects.run(lambda: self._rows.length(part, now_ms))

    async def clear(self, row: ObjectRow, partition: str, *, everything: bool) -> None:
        part = _part(row, partition)
        await self._objects.run(lambda: self._rows.clear_all(row.object_id) if everything else self._rows.clear(part))
        self._changed(row)

    async def _until(self, row: ObjectRow, work: Callable[[], T], wait_ms: int) -> T:
        """What `work` gives once that is true, or at the end of the time."""
        last: list[T] = []

        async def attempt() -> bool | None:
            last[:] = [await self._objects.run(work)]
            if last[0]:
                self._changed(row)
            return bool(last[0]) or None

        await self._wait(row, attempt, wait_ms)
        return last[0]

    async def _wait(self, row: ObjectRow, attempt: Callable[[], Awaitable[T | None]], wait_ms: int) -> T | None:
        """Tries, and again after every change of the Queue, for `wait_ms`. Raises NotFoundError once it is deleted."""
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + min(wait_ms, WAIT_MS_MAX) / 1000
        while True:
            changed = self._changes.setdefault(row.object_id, asyncio.Event())  # before the look: nothing is missed
            found = await attempt()
            left_s = deadline_s - loop.time()
            if found is not None or left_s <= 0:
                return found
            try:
                await asyncio.wait_for(changed.wait(), left_s)
            except TimeoutError:
                return None
            self._objects.get(row.kind, row.object_id, None)

    def _changed(self, row: ObjectRow) -> None:
        event = self._changes.pop(row.object_id, None)
        if event is not None:
            event.set()

    def deleted(self, row: ObjectRow) -> None:
        """Who waits is told."""
        self._changed(row)


def _part(row: ObjectRow, name: str) -> Part:
    if len(name.encode()) > PARTITION_BYTES_MAX:
        raise InvalidError("Queue partition key must be between 1 and 64 characters.")
    return Part(row.object_id, name)


def _refuse_values(values: Sequence[bytes]) -> None:
    if len(values) > ITEMS_MAX:
        raise InvalidError(f"A Queue's partition can hold at most {ITEMS_MAX} items, not {len(values)}.")
    large = next((len(value) for value in values if len(value) > ITEM_BYTES_MAX), None)
    if large is not None:
        raise InvalidError(f"A Queue's item can have at most 1 MiB when it is pickled, not {large} bytes.")


def _refuse_count(count: int) -> None:
    if not 1 <= count <= ITEMS_MAX:
        raise InvalidError(f"A Queue gives 1 to {ITEMS_MAX} items at once, not {count}.")
