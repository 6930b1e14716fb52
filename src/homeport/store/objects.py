"""Dicts and Queues as rows: who they are. Owns the database file that they share with what is in them, and its schema.

A file of its own, because what Apps write here is no business of the journal's, and must not wait for it nor hold it up. One
thread uses it (`control.objects`); everything that returns is durable. Values are bytes that nobody here looks into.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ..errors import PlatformError

FORMAT = 1
CACHE_KIB = 8192

_SCHEMA = """
CREATE TABLE objects (
    object_id TEXT PRIMARY KEY, kind TEXT NOT NULL, environment_id TEXT NOT NULL, name TEXT,
    created_at_ms INTEGER NOT NULL, created_by TEXT NOT NULL, expires_at_ms INTEGER
) WITHOUT ROWID;
CREATE UNIQUE INDEX objects_by_name ON objects (kind, environment_id, name);
CREATE TABLE entries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, dict_id TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,
    used_at_ms INTEGER NOT NULL
);
CREATE UNIQUE INDEX entries_by_key ON entries (dict_id, key);
CREATE TABLE items (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, queue_id TEXT NOT NULL, part TEXT NOT NULL, value BLOB NOT NULL
);
CREATE INDEX items_by_part ON items (queue_id, part, seq);
CREATE TABLE parts (
    queue_id TEXT NOT NULL, part TEXT NOT NULL, expires_at_ms INTEGER NOT NULL, PRIMARY KEY (queue_id, part)
) WITHOUT ROWID;
"""


class Kind(StrEnum):
    DICT = "dict"
    QUEUE = "queue"


PREFIXES = {Kind.DICT: "di-", Kind.QUEUE: "qu-"}


@dataclass(frozen=True, slots=True)
class ObjectRow:
    """`name` is None for one that goes by itself at `expires_at_ms`, unless somebody who has it says that it is needed."""

    object_id: str
    kind: Kind
    environment_id: str
    name: str | None
    created_at_ms: int
    created_by: str
    expires_at_ms: int | None = None


class ObjectFile:
    """An open database; used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Opens or makes it. Raises PlatformError for one of a newer homeport and for what is none, OSError for the disk."""
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self.path = path
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._prepare()
        except sqlite3.DatabaseError as error:
            self.connection.close()
            raise PlatformError(f"{path} is damaged or not a homeport database: restore it from a backup.") from error
        except BaseException:
            self.connection.close()
            raise

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it durable, or nothing and an OSError."""
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise
        except sqlite3.OperationalError as error:
            raise _as_os_error(error, self.path) from error

    def close(self) -> None:
        self.connection.close()

    def rows(self) -> list[ObjectRow]:
        found = self.connection.execute(f"SELECT {', '.join(ObjectRow.__dataclass_fields__)} FROM objects")
        return [ObjectRow(row[0], Kind(row[1]), *row[2:]) for row in found]

    def add(self, row: ObjectRow) -> None:
        """Raises sqlite3.IntegrityError for a name that is taken: a bug of the caller, who knows all of them."""
        values = [getattr(row, name) for name in ObjectRow.__dataclass_fields__]
        with self.writing() as connection:
            connection.execute(f"INSERT INTO objects VALUES ({', '.join('?' * len(values))})", values)

    def expires(self, object_id: str, at_ms: int) -> None:
        with self.writing() as connection:
            connection.execute("UPDATE objects SET expires_at_ms = ? WHERE object_id = ?", (at_ms, object_id))

    def remove(self, object_id: str) -> None:
        """With all that is in it."""
        with self.writing() as connection:
            connection.execute("DELETE FROM objects WHERE object_id = ?", (object_id,))
            connection.execute("DELETE FROM entries WHERE dict_id = ?", (object_id,))
            for table in ("items", "parts"):
                connection.execute(f"DELETE FROM {table} WHERE queue_id = ?", (object_id,))

    def _prepare(self) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", f"cache_size=-{CACHE_KIB}", "busy_timeout=5000"):
            self.connection.execute(f"PRAGMA {pragma}")
        found = self.connection.execute("PRAGMA user_version").fetchone()[0]
        if found > FORMAT:
            raise PlatformError(
                f"{self.path} has format {found}, this homeport knows {FORMAT}: start the version that made it."
            )
        if not found:
            self.connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {FORMAT}; COMMIT;")


def _as_os_error(error: sqlite3.OperationalError, path: Path) -> OSError:
    import errno

    name = str(getattr(error, "sqlite_errorname", ""))
    number = errno.ENOSPC if name.startswith("SQLITE_FULL") else errno.EIO
    return OSError(number, f"{os.strerror(number)} ({error})", str(path))
