"""Opens SQLite files of what is counted and measured: not synced, and begun anew when damaged. Knows no table."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

log = logging.getLogger(__name__)


Added = Mapping[str, Sequence[str]]  # whole numbers that an older file's tables lack


def open_file(path: Path, schema: str, added: Added = MappingProxyType({})) -> sqlite3.Connection:
    """Opens or makes it, and adds the columns that came later; a damaged one is put aside. Raises OSError."""
    try:
        return _open(path, schema, added)
    except sqlite3.OperationalError as error:
        raise OSError(f"{path} can't be opened: {error}.") from error
    except sqlite3.DatabaseError as error:
        aside = path.with_suffix(".damaged")
        log.warning("%s can't be read (%s); it is kept as %s and begun anew", path, error, aside)
        path.replace(aside)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        return _open(path, schema, added)


def _open(path: Path, schema: str, added: Added) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=5, check_same_thread=False)
    try:
        path.chmod(0o600)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.executescript(schema)
        for table, columns in added.items():
            there = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
            for column in columns:
                if column not in there:
                    connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} INTEGER")
    except BaseException:
        connection.close()
        raise
    return connection
