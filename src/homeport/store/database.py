"""The journal's SQLite file: how it is opened, brought to our schema, and how its failures are told.

Owns connections, pragmas, migrations and the translation of driver errors into OSError. Knows no table's meaning.
One connection writes; readers have their own and see the last committed state without waiting for the writer (WAL).
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, OperationalError

from ..errors import PlatformError

HEAD_REVISION = "0008"  # the newest file in migrations/versions
BUSY_TIMEOUT_S = 5


class Database:
    """An open journal database in the current schema: `writer` (the only connection that writes) and `readers`."""

    def __init__(self, path: Path) -> None:
        """Open or create `path`; its directory exists.

        Raises PlatformError for a file that a newer homeport wrote or that is no database, OSError when it can't be read.
        """
        self.path = path
        self._write_engine = _engine(path, "BEGIN IMMEDIATE")
        self.readers = _engine(path, "BEGIN", "PRAGMA query_only=ON")
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self.writer = self._write_engine.connect()
            _migrate(self.writer, path)
        except DBAPIError as error:
            self._dispose()
            if _name(error) in ("SQLITE_NOTADB", "SQLITE_CORRUPT"):
                raise PlatformError(f"{path} is damaged or not a homeport journal: restore it from a backup.") from error
            raise as_os_error(error, path) from error
        except BaseException:
            self._dispose()
            raise

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction on the writer: all of it, or nothing and an OSError if the disk fails."""
        try:
            with self.writer.begin():
                yield self.writer
        except OperationalError as error:
            # a connection that saw the disk fail is not trusted again: the next transaction opens a new one
            self.writer.invalidate()
            raise as_os_error(error, self.path) from error

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view of what is committed. Raises OSError if the disk fails."""
        try:
            with self.readers.begin() as connection:
                yield connection
        except OperationalError as error:
            raise as_os_error(error, self.path) from error

    def close(self) -> None:
        self.writer.close()
        self._dispose()

    def _dispose(self) -> None:
        self.readers.dispose()
        self._write_engine.dispose()


def as_os_error(error: DBAPIError, path: Path) -> OSError:
    """The failure of a statement as the OSError it stems from: ENOSPC for a full disk, EIO for what we can't name better."""
    name = _name(error)
    numbers = {
        "SQLITE_FULL": errno.ENOSPC,
        "SQLITE_READONLY": errno.EROFS,
        "SQLITE_PERM": errno.EACCES,
        "SQLITE_CANTOPEN": errno.EACCES,
        "SQLITE_BUSY": errno.EBUSY,
        "SQLITE_LOCKED": errno.EBUSY,
    }
    number = next((number for prefix, number in numbers.items() if name.startswith(prefix)), errno.EIO)
    return OSError(number, f"{os.strerror(number)} ({error.orig})", str(path))


def _name(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlite_errorname", ""))


def _engine(path: Path, begin: str, *more: str) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)), connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False}
    )

    def prepare(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # transactions begin where `begin` says so, not where the driver guesses
        for pragma in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON", *more):
            connection.execute(pragma)

    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    listeners: list[tuple[str, Callable[..., Any]]] = [("connect", prepare), ("begin", start)]
    for name, listener in listeners:
        event.listen(engine, name, listener)
    return engine


def _migrate(writer: Connection, path: Path) -> None:
    with writer.begin():
        known = inspect(writer).has_table("alembic_version")
        found = writer.execute(text("SELECT version_num FROM alembic_version")).scalar() if known else None
    if found == HEAD_REVISION:
        return  # the usual case does not pay for importing Alembic
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    ours = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in ours:
        raise PlatformError(
            f"{path} was written by a newer homeport (schema {found}, this one knows {HEAD_REVISION}): "
            "start that version again, or restore a backup made by this one."
        )
    config.attributes["connection"] = writer
    with writer.begin():
        command.upgrade(config, "head")
