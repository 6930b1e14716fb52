"""The request log: an SQLite file of its own beside the journal. Owns its tables, their limits, and the questions to them.

It is not the truth about anything: it is written in batches, not synced, and begun anew when it is damaged. Two tables: a
row for each request, and for each container and minute a `Tally`, which lasts longer and is what statistics are made of.
Everything here blocks; call it from a thread. Times are milliseconds since the epoch.
"""

from __future__ import annotations

import operator
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from .tally import Tally
from .telemetry import open_file

MINUTE_MS = 60_000
ROWS_DROPPED_AT_ONCE = 20_000
TALLIES_DAYS = 31

_SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (
    id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, app_id TEXT NOT NULL, service_id TEXT NOT NULL,
    container_id TEXT NOT NULL, version INTEGER, method TEXT NOT NULL, path TEXT NOT NULL, status INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL, bytes_up INTEGER NOT NULL, bytes_down INTEGER NOT NULL, why TEXT NOT NULL,
    protocol TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS requests_by_time ON requests (service_id, at_ms);
CREATE TABLE IF NOT EXISTS tallies (
    service_id TEXT NOT NULL, minute_ms INTEGER NOT NULL, container_id TEXT NOT NULL, app_id TEXT NOT NULL,
    tally TEXT NOT NULL, PRIMARY KEY (service_id, minute_ms, container_id)) WITHOUT ROWID;
"""
PHASES = ("receive_ms", "queue_ms", "connect_ms", "response_ms")


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A request that is over. `at_ms` is when its first byte came; `why` says what refused it, if the router did.

    The last four are parts of its duration, None where it did not get that far: until its header was there, until a
    container had room, until that was connected, and until its answer began.
    """

    at_ms: int
    app_id: str
    service_id: str
    container_id: str
    version: int | None
    method: str
    path: str
    status: int
    duration_ms: int
    bytes_up: int
    bytes_down: int
    why: str
    protocol: str
    receive_ms: int | None = None
    queue_ms: int | None = None
    connect_ms: int | None = None
    response_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A row and its number in the log."""

    number: int
    row: RequestRow


@dataclass(frozen=True, slots=True)
class Span:
    """Of one Server, from `since_ms` up to but without `until_ms`; of one container of it if one is named."""

    service_id: str
    since_ms: int
    until_ms: int
    container_id: str = ""


@dataclass(frozen=True, slots=True)
class Minute:
    """The tally of one container in the minute that begins at `minute_ms`."""

    minute_ms: int
    container_id: str
    tally: Tally


_COLUMNS = ", ".join(field.name for field in fields(RequestRow))
_PLACES = ", ".join("?" for _ in fields(RequestRow))
_AS_TUPLE = operator.attrgetter(*(field.name for field in fields(RequestRow)))
_IN_SPAN = "service_id = ? AND at_ms >= ? AND at_ms < ? AND (? = '' OR container_id = ?)"


class RequestStore:
    def __init__(self, path: Path) -> None:
        """Opens or makes the file; a damaged one is put aside. Raises OSError."""
        self._path = path
        self._lock = threading.Lock()
        self._connection = open_file(path, _SCHEMA, {"requests": PHASES})

    def append(self, rows: Sequence[RequestRow]) -> None:
        """All of them or, with an OSError, none."""
        tallied: dict[tuple[str, int, str], tuple[str, Tally]] = {}
        for row in rows:
            key = (row.service_id, row.at_ms - row.at_ms % MINUTE_MS, row.container_id)
            entry = tallied.get(key)
            if entry is None:
                entry = tallied[key] = (row.app_id, Tally())
            entry[1].add(row.status, row.duration_ms, row.bytes_up, row.bytes_down)
        with self._writing() as connection:
            connection.executemany(f"INSERT INTO requests ({_COLUMNS}) VALUES ({_PLACES})", map(_AS_TUPLE, rows))
            for key, (app_id, tally) in tallied.items():
                _merge(connection, key, app_id, tally)

    def newest(self, span: Span, count: int) -> list[Found]:
        """The last so many, newest first."""
        return self._rows(f"{_IN_SPAN} ORDER BY at_ms DESC, id DESC LIMIT ?", (*_values(span), count))

    def page(self, span: Span, after: tuple[int, int] | None, count: int) -> list[Found]:
        """So many, oldest first; those after (time, number) of the last one of the page before."""
        at_ms, number = after or (-1, -1)
        where = f"{_IN_SPAN} AND (at_ms, id) > (?, ?) ORDER BY at_ms, id LIMIT ?"
        return self._rows(where, (*_values(span), at_ms, number, count))

    def minutes(self, span: Span) -> list[Minute]:
        """Tallies of the whole minutes in the span, and of the requests in what is left of a minute at its two ends."""
        first = -(-span.since_ms // MINUTE_MS) * MINUTE_MS
        last = span.until_ms - span.until_ms % MINUTE_MS
        if first >= last:
            return self._parts(span)
        whole = self._select(
            "SELECT minute_ms, container_id, tally FROM tallies WHERE service_id = ? AND minute_ms >= ? AND minute_ms < ? "
            "AND (? = '' OR container_id = ?) ORDER BY minute_ms",
            (span.service_id, first, last, span.container_id, span.container_id),
        )
        head = self._parts(Span(span.service_id, span.since_ms, first, span.container_id))
        tail = self._parts(Span(span.service_id, last, span.until_ms, span.container_id))
        return [*head, *(Minute(at, container, Tally.decode(text)) for at, container, text in whole), *tail]

    def collect(self, now_ms: int, days: int, mib: int) -> int:
        """Drops rows older than `days`, and the oldest while the file is over `mib`. Returns how many rows went."""
        dropped = 0
        while True:
            with self._writing() as connection:
                connection.execute("DELETE FROM tallies WHERE minute_ms < ?", (now_ms - TALLIES_DAYS * 86_400_000,))
                over = _bytes_used(connection) > mib << 20
                before = now_ms + 86_400_000 if over else now_ms - days * 86_400_000
                oldest = "SELECT id FROM requests ORDER BY id LIMIT ?"
                gone = connection.execute(
                    f"DELETE FROM requests WHERE id IN ({oldest}) AND at_ms < ?", (ROWS_DROPPED_AT_ONCE, before)
                ).rowcount
            dropped += gone
            if not gone:
                return dropped

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _parts(self, span: Span) -> list[Minute]:
        found: dict[tuple[int, str], Tally] = {}
        query = f"SELECT at_ms, container_id, status, duration_ms, bytes_up, bytes_down FROM requests WHERE {_IN_SPAN}"
        for at_ms, container_id, *rest in self._select(query, _values(span)):
            found.setdefault((at_ms - at_ms % MINUTE_MS, container_id), Tally()).add(*rest)
        return [Minute(at, container, tally) for (at, container), tally in sorted(found.items())]

    def _rows(self, where: str, values: tuple[object, ...]) -> list[Found]:
        rows = self._select(f"SELECT id, {_COLUMNS} FROM requests WHERE {where}", values)
        return [Found(number, RequestRow(*row)) for number, *row in rows]

    def _select(self, query: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        """On a connection of its own: a long question does not hold up the writer."""
        try:
            connection = sqlite3.connect(self._path, timeout=5)
            try:
                return connection.execute(query, values).fetchall()
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise OSError(f"The request log {self._path} can't be read: {error}.") from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._lock, self._connection as connection:
                yield connection
        except sqlite3.Error as error:
            raise OSError(f"The request log {self._path} can't be written: {error}.") from error


def _merge(connection: sqlite3.Connection, key: tuple[str, int, str], app_id: str, tally: Tally) -> None:
    where = "service_id = ? AND minute_ms = ? AND container_id = ?"
    found = connection.execute(f"SELECT tally FROM tallies WHERE {where}", key).fetchone()
    if found:
        tally.merge(Tally.decode(found[0]))
    connection.execute("REPLACE INTO tallies VALUES (?, ?, ?, ?, ?)", (*key, app_id, tally.encode()))


def _bytes_used(connection: sqlite3.Connection) -> int:
    pages, free, size = (
        int(connection.execute(f"PRAGMA {p}").fetchone()[0]) for p in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def _values(span: Span) -> tuple[object, ...]:
    return (span.service_id, span.since_ms, span.until_ms, span.container_id, span.container_id)
