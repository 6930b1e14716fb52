"""What is in Dicts: keys and values as bytes (semantics 6.3.1). Owns the queries and the time after which an entry is gone.

An entry that nobody read or wrote for 7 days is not there any more, whether or not it was already removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .objects import ObjectFile

DAY_MS = 24 * 3600 * 1000
IDLE_MS_MAX = 7 * DAY_MS
USED_EVERY_MS = DAY_MS // 24  # how exact it has to be known when an entry was read last
LENGTH_MAX = 100_000
Entry = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries; `after` asks for the next ones, None when there are no more."""

    entries: tuple[Entry, ...]
    after: int | None


class DictRows:
    """Used by the thread that the file is used by. Everything raises OSError if the disk fails."""

    def __init__(self, file: ObjectFile) -> None:
        self._file = file

    def get(self, dict_id: str, key: bytes, now_ms: int) -> bytes | None:
        row = self._file.connection.execute(
            "SELECT value, used_at_ms FROM entries WHERE dict_id = ? AND key = ? AND used_at_ms > ?",
            (dict_id, key, now_ms - IDLE_MS_MAX),
        ).fetchone()
        if row is None:
            return None
        if now_ms - row[1] > USED_EVERY_MS:
            with self._file.writing() as connection:
                where = (now_ms, dict_id, key)
                connection.execute("UPDATE entries SET used_at_ms = ? WHERE dict_id = ? AND key = ?", where)
        value: bytes = row[0]
        return value

    def put(self, dict_id: str, entries: Sequence[Entry], now_ms: int, *, skip_existing: bool) -> int:
        """All of them or none; how many were written. skip_existing: keys that are there keep their value."""
        live = (dict_id, now_ms - IDLE_MS_MAX)
        update = "DO NOTHING" if skip_existing else "DO UPDATE SET value = excluded.value, used_at_ms = excluded.used_at_ms"
        written = 0
        with self._file.writing() as connection:
            for key, value in entries:
                gone = "DELETE FROM entries WHERE dict_id = ? AND used_at_ms <= ? AND key = ?"
                connection.execute(gone, (*live, key))
                put = (
                    f"INSERT INTO entries (dict_id, key, value, used_at_ms) VALUES (?, ?, ?, ?) ON CONFLICT {_KEY} {update}"
                )
                written += connection.execute(put, (dict_id, key, value, now_ms)).rowcount
        return written

    def pop(self, dict_id: str, key: bytes, now_ms: int) -> bytes | None:
        """Takes it out: of two who ask at the same time, one gets it."""
        with self._file.writing() as connection:
            gone = "DELETE FROM entries WHERE dict_id = ? AND key = ? RETURNING value, used_at_ms"
            found = connection.execute(gone, (dict_id, key)).fetchone()
        if found is None or found[1] <= now_ms - IDLE_MS_MAX:
            return None
        value: bytes = found[0]
        return value

    def length(self, dict_id: str, now_ms: int) -> int:
        """At most 100,000."""
        counted = "SELECT count(*) FROM (SELECT 1 FROM entries WHERE dict_id = ? AND used_at_ms > ? LIMIT ?)"
        found = self._file.connection.execute(counted, (dict_id, now_ms - IDLE_MS_MAX, LENGTH_MAX))
        return int(found.fetchone()[0])

    def page(self, dict_id: str, after: int, now_ms: int, bytes_max: int) -> Page:
        """Entries in order of their making; at least one, if there is one, and then as many as fit in `bytes_max`."""
        query = "SELECT seq, key, value FROM entries WHERE dict_id = ? AND seq > ? AND used_at_ms > ? ORDER BY seq"
        entries: list[Entry] = []
        size, last = 0, after
        for seq, key, value in self._file.connection.execute(query, (dict_id, after, now_ms - IDLE_MS_MAX)):
            size += len(key) + len(value)
            if entries and size > bytes_max:
                return Page(tuple(entries), last)
            entries.append((key, value))
            last = seq
        return Page(tuple(entries), None)

    def clear(self, dict_id: str) -> None:
        with self._file.writing() as connection:
            connection.execute("DELETE FROM entries WHERE dict_id = ?", (dict_id,))

    def remove_idle(self, now_ms: int) -> None:
        """In every Dict, what is not there any more for readers either."""
        with self._file.writing() as connection:
            connection.execute("DELETE FROM entries WHERE used_at_ms <= ?", (now_ms - IDLE_MS_MAX,))


_KEY = "(dict_id, key)"
