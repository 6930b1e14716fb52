"""What is in Queues: items as bytes, first in, first out, in partitions (semantics 6.3.2). Owns the queries and the limits.

A partition is gone a while (24 h unless said otherwise) after the last put to it, with everything that is still in it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import ResourceExhaustedError
from .objects import ObjectFile

ITEMS_MAX = 5_000
PARTITIONS_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Part:
    """One partition of a Queue; the empty name is the one that is meant when none is named."""

    queue_id: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """Items that stay where they are; `after` asks for the next ones."""

    values: tuple[bytes, ...]
    after: int


class QueueRows:
    """Used by the thread that the file is used by. Everything raises OSError if the disk fails."""

    def __init__(self, file: ObjectFile) -> None:
        self._file = file

    def put(self, part: Part, values: Sequence[bytes], now_ms: int, ttl_ms: int) -> bool:
        """All of them, or none when the partition has no room for them: then False.

        Raises ResourceExhaustedError when there are too many partitions.
        """
        with self._file.writing() as connection:
            self._drop_expired(connection, part, now_ms)
            if _count(connection, part) + len(values) > ITEMS_MAX:
                return False
            known = "SELECT 1 FROM parts WHERE queue_id = ? AND part = ?"
            if not connection.execute(known, (part.queue_id, part.name)).fetchone():
                self._refuse_too_many(connection, part.queue_id)
            rows = [(part.queue_id, part.name, value) for value in values]
            connection.executemany("INSERT INTO items (queue_id, part, value) VALUES (?, ?, ?)", rows)
            lives = "INSERT INTO parts VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET expires_at_ms = excluded.expires_at_ms"
            connection.execute(lives, (part.queue_id, part.name, now_ms + ttl_ms))
        return True

    def get(self, part: Part, count: int, now_ms: int) -> list[bytes]:
        """Takes out up to `count` of the oldest."""
        if not self._lives(part, now_ms):
            return []
        with self._file.writing() as connection:
            chosen = "SELECT seq FROM items WHERE queue_id = ? AND part = ? ORDER BY seq LIMIT ?"
            gone = f"DELETE FROM items WHERE seq IN ({chosen}) RETURNING seq, value"
            found = connection.execute(gone, (part.queue_id, part.name, count)).fetchall()
        return [value for _, value in sorted(found)]

    def peek(self, part: Part, after: int, count: int, now_ms: int) -> Seen:
        """Up to `count` of those that came after `after`."""
        if not self._lives(part, now_ms):
            return Seen((), after)
        query = "SELECT seq, value FROM items WHERE queue_id = ? AND part = ? AND seq > ? ORDER BY seq LIMIT ?"
        found = self._file.connection.execute(query, (part.queue_id, part.name, after, count)).fetchall()
        return Seen(tuple(value for _, value in found), found[-1][0] if found else after)

    def length(self, part: Part, now_ms: int) -> int:
        return _count(self._file.connection, part) if self._lives(part, now_ms) else 0

    def total(self, queue_id: str, now_ms: int) -> int:
        """Of all partitions together."""
        live = "SELECT part FROM parts WHERE queue_id = ?1 AND expires_at_ms > ?2"
        query = f"SELECT count(*) FROM items WHERE queue_id = ?1 AND part IN ({live})"
        return int(self._file.connection.execute(query, (queue_id, now_ms)).fetchone()[0])

    def clear(self, part: Part) -> None:
        with self._file.writing() as connection:
            _remove(connection, part)

    def clear_all(self, queue_id: str) -> None:
        with self._file.writing() as connection:
            for table in ("items", "parts"):
                connection.execute(f"DELETE FROM {table} WHERE queue_id = ?", (queue_id,))

    def remove_expired(self, now_ms: int) -> None:
        """In every Queue, the partitions that are not there any more for readers either."""
        with self._file.writing() as connection:
            over = connection.execute("SELECT queue_id, part FROM parts WHERE expires_at_ms <= ?", (now_ms,)).fetchall()
            for queue_id, name in over:
                _remove(connection, Part(queue_id, name))

    def _lives(self, part: Part, now_ms: int) -> bool:
        query = "SELECT 1 FROM parts WHERE queue_id = ? AND part = ? AND expires_at_ms > ?"
        return self._file.connection.execute(query, (part.queue_id, part.name, now_ms)).fetchone() is not None

    def _drop_expired(self, connection: sqlite3.Connection, part: Part, now_ms: int) -> None:
        if not self._lives(part, now_ms):
            _remove(connection, part)

    def _refuse_too_many(self, connection: sqlite3.Connection, queue_id: str) -> None:
        counted = connection.execute("SELECT count(*) FROM parts WHERE queue_id = ?", (queue_id,)).fetchone()[0]
        if counted >= PARTITIONS_MAX:
            raise ResourceExhaustedError(
                f"The Queue has {PARTITIONS_MAX} partitions, and there can't be more: clear some, or put with a shorter "
                "`partition_ttl`."
            )


def _count(connection: sqlite3.Connection, part: Part) -> int:
    query = "SELECT count(*) FROM items WHERE queue_id = ? AND part = ?"
    return int(connection.execute(query, (part.queue_id, part.name)).fetchone()[0])


def _remove(connection: sqlite3.Connection, part: Part) -> None:
    for table in ("items", "parts"):
        connection.execute(f"DELETE FROM {table} WHERE queue_id = ? AND part = ?", (part.queue_id, part.name))
