"""Log lines of Apps and containers for people: which files belong to a query, and how far it goes. Parses nothing itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..engine.follow import Follower
from ..engine.loglines import LogLine, Wanted
from ..engine.logs import read_range, read_tail
from ..errors import NotFoundError
from ..store.history import ContainerRow, History
from .prepare import log_path
from .requests import Event, LogQuery
from .views import iso

DEFAULT_TAIL = 100
LOOK_AGAIN_S = 0.3


@dataclass(frozen=True, slots=True)
class Subject:
    """What a query is about: an App and, if they were named, a container or a Server of it. `ids`: Servers' by name."""

    app_id: str
    container_id: str | None = None
    service: str | None = None
    ids: Mapping[str, str] = field(default_factory=dict)


class Logbook:
    def __init__(self, data_dir: Path, history: History) -> None:
        self._data_dir = data_dir
        self._history = history

    async def read(self, query: LogQuery, subject: Subject) -> AsyncIterator[Event]:
        """The lines that are there, oldest first: the last ones, or those of a range if one was given."""
        rows = self._rows(subject)
        wanted = _wanted(query)
        paths = self._paths(rows)
        ranged = query.since_ms is not None or query.until_ms is not None
        if ranged and query.tail is None:
            lines = await asyncio.to_thread(lambda: list(read_range(paths, wanted)))
        else:
            lines = await asyncio.to_thread(read_tail, paths, DEFAULT_TAIL if query.tail is None else query.tail, wanted)
        for line in lines:
            yield _event(line, rows, subject)
        yield Event("end", {})

    async def follow(self, query: LogQuery, subject: Subject, over: Callable[[], bool]) -> AsyncIterator[Event]:
        """The last lines and then every new one, also of containers that come later, until the subject is over."""
        rows = self._rows(subject)

        def paths() -> dict[str, str]:
            rows.update(self._rows(subject))
            return self._paths(rows)

        follower = Follower(paths, _wanted(query))
        ended = asyncio.Event()
        for line in follower.tail(DEFAULT_TAIL if query.tail is None else query.tail):
            yield _event(line, rows, subject)
        watch = asyncio.create_task(_until_over(over, ended))
        try:
            async for line in follower.lines(ended):
                yield _event(line, rows, subject)
        finally:
            watch.cancel()
        yield Event("end", {})

    def _rows(self, subject: Subject) -> dict[str, ContainerRow]:
        if subject.container_id is None:
            rows = self._history.containers(subject.app_id)
            return {row.container_id: row for row in rows if subject.service in (None, row.service)}
        row = self._history.container(subject.container_id)
        if row is None or row.app_id != subject.app_id:
            raise NotFoundError(f"There is no container {subject.container_id!r}; see `homeport container list --all`.")
        return {row.container_id: row}

    def _paths(self, rows: dict[str, ContainerRow]) -> dict[str, str]:
        return {row.container_id: str(log_path(self._data_dir, row.app_id, row.container_id)) for row in rows.values()}


async def _until_over(over: Callable[[], bool], ended: asyncio.Event) -> None:
    while not over():  # noqa: ASYNC110 - being over is a state of the World, not an event that is kept
        await asyncio.sleep(LOOK_AGAIN_S)
    ended.set()


def _wanted(query: LogQuery) -> Wanted:
    sources = (query.source,) if query.source else None
    until_ms = None if query.until_ms is None else query.until_ms - 1  # a query's end is exclusive, a filter's inclusive
    return Wanted(sources=sources, search=query.search or "", since_ms=query.since_ms, until_ms=until_ms)


def _event(line: LogLine, rows: dict[str, ContainerRow], subject: Subject) -> Event:
    row = rows[line.container_id]
    return Event(
        "log",
        {
            "timestamp": iso(line.timestamp_ms),
            "source": line.source,
            "container_id": line.container_id,
            "server": row.service,
            "function_id": subject.ids.get(row.service),
            "version": row.version,
            "text": line.text,
        },
    )
