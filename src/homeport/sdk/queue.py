"""`Queue`: first in, first out, between Apps (semantics 6.3.2). Owns Python's words for it, and waiting. Runs in containers
too.
"""

from __future__ import annotations

from .handles import Handle, Manager
from .twins import iterator_twin, twin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, TypeVar

    from ..client.calls import Calls

    T = TypeVar("T")

DAY_S = 24 * 3600
BATCH_BYTES = 16 << 20
ITEMS_MAX = 5_000
PEEKED_AT_ONCE = 100
UNREACHABLE_S_MAX = 60.0  # so long a platform that is being restarted is waited for


class Queue(Handle):
    """A first-in, first-out queue between Apps; get one by `Queue.from_name("work", create_if_missing=True)`.

    It has partitions, by name (1 to 64 characters); without a name it is the default one. Each holds 5,000 items of 1 MiB
    when pickled, and expires 24 hours after the last put. Every method raises NotFoundError when the Queue does not exist.
    """

    _kind, _word = "queues", "Queue"
    objects: Manager[Queue] = Manager(
        "queues", lambda name, environment: Queue.from_name(name, environment_name=environment)
    )

    @twin
    def get(self, block: bool = True, timeout: float | None = None, *, partition: str | None = None) -> Any:
        """Removes and returns the oldest item of `partition`. It is delivered to one caller only, even if that dies.

        block: wait for an item, up to `timeout` seconds (None: forever); if False, return None at once when there is none.
        Raises queue.Empty when the time is over.
        """
        found = self._take(1, block, timeout, partition)
        return found[0] if found else None

    @twin
    def get_many(
        self, n_values: int, block: bool = True, timeout: float | None = None, *, partition: str | None = None
    ) -> list[Any]:
        """Removes and returns up to `n_values` items, at least one if it blocks. block, timeout, partition: as in `get`; not
        blocking, an empty list when there is none. Raises as `get`.
        """
        return self._take(n_values, block, timeout, partition)

    @twin
    def put(
        self,
        v: Any,
        block: bool = True,
        timeout: float | None = None,
        *,
        partition: str | None = None,
        partition_ttl: int = DAY_S,
    ) -> None:
        """Appends `v` to `partition`.

        block: wait for room, up to `timeout` seconds (None: forever).
        partition_ttl: seconds after the last put when the partition expires, up to 7 days.
        Raises queue.Full when there is no room, InvalidError for what is too large or can't be pickled.
        """
        self._add([v], block, timeout, _part(partition), partition_ttl)

    @twin
    def put_many(
        self,
        vs: Sequence[Any],
        block: bool = True,
        timeout: float | None = None,
        *,
        partition: str | None = None,
        partition_ttl: int = DAY_S,
    ) -> None:
        """Appends the items of `vs`: all or none, unless they exceed 16 MiB together. block, timeout, partition,
        partition_ttl: as in `put`. Raises as `put`.
        """
        self._add(list(vs), block, timeout, _part(partition), partition_ttl)

    @twin
    def len(self, *, partition: str | None = None, total: bool = False) -> int:
        """The number of items in `partition`, or with `total` in all partitions. Raises InvalidError for both."""
        from ..client import queues
        from ..errors import InvalidError

        if total and partition is not None:
            raise InvalidError("Partition must be None when requesting total length.")
        with self._opened() as (calls, queue_id):
            return queues.length(calls, queue_id, _part(partition), total=total)

    @twin
    def clear(self, *, partition: str | None = None, all: bool = False) -> None:  # noqa: A002 - the public API's name for it
        """Removes all items of `partition`, or with `all` of every partition. Raises InvalidError for both."""
        from ..client import queues
        from ..errors import InvalidError

        if all and partition is not None:
            raise InvalidError("Partition must be None when clearing all.")
        with self._opened() as (calls, queue_id):
            queues.clear(calls, queue_id, _part(partition), everything=all)

    @iterator_twin
    def iterate(self, *, partition: str | None = None, item_poll_timeout: float = 0.0) -> Iterator[Any]:
        """Iterates over the items of `partition`, oldest first, and leaves them there. Ends when none was added for
        `item_poll_timeout` seconds.
        """
        return self._iterate(_part(partition), item_poll_timeout)

    def _iterate(self, part: str, item_poll_timeout: float) -> Iterator[Any]:
        from ..client import queues
        from .pickled import loaded

        after = 0
        while True:

            def look(calls: Calls, queue_id: str, wait_ms: int, after: int = after) -> tuple[list[bytes], int] | None:
                seen = queues.peek(calls, queue_id, part, after, count=PEEKED_AT_ONCE, wait_ms=wait_ms)
                return seen if seen[0] else None

            found = self._wait(look, item_poll_timeout)
            if found is None:
                return
            values, after = found
            for value in values:
                yield loaded(value)

    def _take(self, count: int, block: bool, timeout: float | None, partition: str | None) -> list[Any]:
        from ..client import queues
        from .pickled import loaded

        part = _part(partition)

        def attempt(calls: Calls, queue_id: str, wait_ms: int) -> list[bytes] | None:
            return queues.get(calls, queue_id, part, count, wait_ms) or None

        found = self._wait(attempt, timeout if block else 0.0)
        if found is None and block:
            from queue import Empty

            raise Empty
        return [loaded(value) for value in found or ()]

    def _add(self, values: list[Any], block: bool, timeout: float | None, part: str, ttl_s: float) -> None:
        from queue import Full

        from ..client import queues
        from ..errors import InvalidError
        from .pickled import dumped

        if len(values) > ITEMS_MAX:
            raise InvalidError(f"A Queue's partition can hold at most {ITEMS_MAX} items, not {len(values)}.")
        for batch in _batches([dumped(value) for value in values]):

            def attempt(calls: Calls, queue_id: str, wait_ms: int, batch: list[bytes] = batch) -> bool | None:
                return queues.put(calls, queue_id, part, batch, ttl_ms=int(ttl_s * 1000), wait_ms=wait_ms) or None

            if self._wait(attempt, timeout if block else 0.0, repeat=False) is None:
                raise Full

    def _wait(
        self, attempt: Callable[[Calls, str, int], T | None], timeout: float | None, *, repeat: bool = True
    ) -> T | None:
        """What `attempt` gives at last, asking again until `timeout` seconds are over (None: without end).

        repeat: a call that broke off is made again for a while. Not for what would then be done twice.
        """
        import time

        from ..errors import ConnectionError  # noqa: A004 - the public API's name for it

        end = None if timeout is None else time.monotonic() + max(0.0, timeout)
        broken_since = 0.0
        while True:
            left_s = 3600.0 if end is None else max(0.0, end - time.monotonic())
            try:
                with self._opened() as (calls, queue_id):
                    found = attempt(calls, queue_id, int(left_s * 1000))
                broken_since = 0.0
            except ConnectionError:
                now = time.monotonic()
                broken_since = broken_since or now
                if not repeat or not left_s or now - broken_since > UNREACHABLE_S_MAX:
                    raise
                time.sleep(min(left_s, 0.2))
                continue
            if found is not None or (end is not None and time.monotonic() >= end):
                return found


def _part(partition: str | None) -> str:
    from ..errors import InvalidError

    if partition is not None and not 0 < len(partition.encode()) <= 64:
        raise InvalidError("Queue partition key must be between 1 and 64 characters.")
    return partition or ""


def _batches(values: list[bytes]) -> Iterator[list[bytes]]:
    """As many as fit into a request."""
    batch: list[bytes] = []
    size = 0
    for value in values:
        size += len(value)
        if batch and size > BATCH_BYTES:
            yield batch
            batch, size = [], len(value)
        batch.append(value)
    if batch:
        yield batch
