"""What containers used, in an SQLite file of its own beside the journal. Owns its table, how coarse it gets, and its limits.

It is not the truth about anything: not synced, and begun anew when it is damaged. A row is what all containers of a Server
used in one minute; after two days minutes are put together to quarters of an hour, which stay for 31 days.
Everything here blocks; call it from a thread. Times are milliseconds since the epoch.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .tally import at_percent, bucket
from .telemetry import open_file

MINUTE_MS, COARSE_MS, DAY_MS = 60_000, 900_000, 86_400_000
FINE_DAYS, DAYS = 2, 31

_SCHEMA = """
CREATE TABLE IF NOT EXISTS samples (
    service_id TEXT NOT NULL, at_ms INTEGER NOT NULL, span_ms INTEGER NOT NULL, usage TEXT NOT NULL,
    PRIMARY KEY (service_id, at_ms)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS samples_by_time ON samples (span_ms, at_ms);
"""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one container used in the `elapsed_ms` (above 0) since the reading before, and the memory it has now."""

    elapsed_ms: int
    cpu_ms: int
    memory_mib: int
    received_bytes: int = 0
    sent_bytes: int = 0


@dataclass(slots=True)
class Usage:
    """Of any number of containers over any time. `container_ms` is for how long there was one, summed over all of them.

    `memory_mib_ms` is MiB times milliseconds. Counters are of readings, by `tally.bucket` of thousandths of a core and MiB.
    """

    container_ms: int = 0
    cpu_ms: int = 0
    memory_mib_ms: int = 0
    memory_mib_max: int = 0
    received_bytes: int = 0
    sent_bytes: int = 0
    by_cpu: Counter[int] = field(default_factory=Counter)
    by_memory: Counter[int] = field(default_factory=Counter)

    def add(self, reading: Reading) -> None:
        self.container_ms += reading.elapsed_ms
        self.cpu_ms += reading.cpu_ms
        self.memory_mib_ms += reading.memory_mib * reading.elapsed_ms
        self.memory_mib_max = max(self.memory_mib_max, reading.memory_mib)
        self.received_bytes += reading.received_bytes
        self.sent_bytes += reading.sent_bytes
        self.by_cpu[bucket(round(1000 * reading.cpu_ms / reading.elapsed_ms))] += 1
        self.by_memory[bucket(reading.memory_mib)] += 1

    def merge(self, other: Usage) -> None:
        self.container_ms += other.container_ms
        self.cpu_ms += other.cpu_ms
        self.memory_mib_ms += other.memory_mib_ms
        self.memory_mib_max = max(self.memory_mib_max, other.memory_mib_max)
        self.received_bytes += other.received_bytes
        self.sent_bytes += other.sent_bytes
        self.by_cpu.update(other.by_cpu)
        self.by_memory.update(other.by_memory)

    def cpu_percentile(self, percent: int) -> float | None:
        """Cores that a container used at most in so many percent of the readings; None without one."""
        milli = at_percent(self.by_cpu, percent)
        return None if milli is None else round(milli / 1000, 4)

    def memory_percentile(self, percent: int) -> float | None:
        """MiB, likewise."""
        return at_percent(self.by_memory, percent)

    def encode(self) -> str:
        numbers = [self.container_ms, self.cpu_ms, self.memory_mib_ms, self.memory_mib_max]
        return json.dumps(
            [*numbers, self.received_bytes, self.sent_bytes, self.by_cpu, self.by_memory], separators=(",", ":")
        )

    @classmethod
    def decode(cls, text: str) -> Usage:
        *numbers, by_cpu, by_memory = json.loads(text)
        return cls(*numbers, *(Counter({int(k): n for k, n in found.items()}) for found in (by_cpu, by_memory)))


@dataclass(frozen=True, slots=True)
class Sample:
    """What a Server used in the minute, or later the quarter of an hour, that begins at `at_ms`."""

    at_ms: int
    usage: Usage


class SampleStore:
    def __init__(self, path: Path) -> None:
        """Opens or makes the file; a damaged one is put aside. Raises OSError."""
        self._path = path
        self._lock = threading.Lock()
        self._connection = open_file(path, _SCHEMA)

    def add(self, at_ms: int, used: Mapping[str, Usage]) -> None:
        """By service id; to be called once for each round of readings. All of them or, with an OSError, none."""
        minute = at_ms - at_ms % MINUTE_MS
        with self._writing() as connection:
            for service_id, usage in used.items():
                _merge(connection, service_id, minute, MINUTE_MS, usage)

    def between(self, service_id: str, since_ms: int, until_ms: int) -> list[Sample]:
        """In order of time; whatever overlaps the range belongs to it. Raises OSError."""
        query = (
            "SELECT at_ms, usage FROM samples WHERE service_id = ? AND at_ms > ? AND at_ms + span_ms > ? "
            "AND at_ms < ? ORDER BY at_ms"
        )
        try:
            connection = sqlite3.connect(self._path, timeout=5)
            try:
                rows = connection.execute(query, (service_id, since_ms - COARSE_MS, since_ms, until_ms)).fetchall()
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise OSError(f"What containers used can't be read from {self._path}: {error}.") from error
        return [Sample(at_ms, Usage.decode(text)) for at_ms, text in rows]

    def collect(self, now_ms: int) -> None:
        """Puts old minutes together and drops what is over 31 days old. Raises OSError."""
        fine_from = now_ms - FINE_DAYS * DAY_MS
        fine_from -= fine_from % COARSE_MS
        with self._writing() as connection:
            connection.execute("DELETE FROM samples WHERE at_ms < ?", (now_ms - DAYS * DAY_MS,))
            old = connection.execute(
                "SELECT service_id, at_ms, usage FROM samples WHERE span_ms = ? AND at_ms < ?", (MINUTE_MS, fine_from)
            ).fetchall()
            connection.execute("DELETE FROM samples WHERE span_ms = ? AND at_ms < ?", (MINUTE_MS, fine_from))
            for service_id, at_ms, text in old:
                _merge(connection, service_id, at_ms - at_ms % COARSE_MS, COARSE_MS, Usage.decode(text))

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._lock, self._connection as connection:
                yield connection
        except sqlite3.Error as error:
            raise OSError(f"What containers used can't be written to {self._path}: {error}.") from error


def _merge(connection: sqlite3.Connection, service_id: str, at_ms: int, span_ms: int, usage: Usage) -> None:
    key = (service_id, at_ms)
    found = connection.execute("SELECT usage FROM samples WHERE service_id = ? AND at_ms = ?", key).fetchone()
    total = Usage.decode(found[0]) if found else Usage()
    total.merge(usage)
    connection.execute("REPLACE INTO samples VALUES (?, ?, ?, ?)", (*key, span_ms, total.encode()))
