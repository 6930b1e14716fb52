"""Opens SQLite files of what is counted and measured: not synced, and begun anew when damaged. Knows no table."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

log = logging.getLogger(__name__)


def open_file(path: Path, schema: str) -> sqlite3.Connection:
    """Opens or makes it; a damaged one is put aside. Raises OSError."""
    try:
        return _open(path, schema)
    except sqlite3.OperationalError as error:
        raise OSError(f"{path} can't be opened: {error}.") from error
    except sqlite3.DatabaseError as error:
        aside = path.with_suffix(".damaged")
        log.warning("%s can't be read (%s); it is kept as %s and begun anew", path, error, aside)
        path.replace(aside)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        return _open(path, schema)


def _open(path: Path, schema: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=5, check_same_thread=False)
    try:
        path.chmod(0o600)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.executescript(schema)
    except BaseException:
        connection.close()
        raise
    return connection
