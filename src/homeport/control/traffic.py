"""Answers about requests: single ones, and statistics of Servers and Apps. Owns spans, pages and look-ups by name.

What is counted is `stats`', what is kept is the `RequestLog`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from ..errors import InvalidError, NotFoundError
from ..ports import Clock
from ..store.history import AppRow, History
from ..store.requests import PHASES, Found, Minute, Span
from . import stats, views
from .garbage import DAY_MS
from .hints import no_server
from .loop import ControlLoop
from .requestlog import RequestLog
from .requests import TrafficQuery
from .stats import Range
from .views import Json, iso

HOUR_MS = 3_600_000
RANGE_DAYS_MAX = 7  # semantics 9.13
ON_THE_WAY_MS = 60_000  # how old "7 days ago" may be when it arrives, on clocks that differ a little
PAGE_MAX = 10_000

T = TypeVar("T")


class Traffic:
    def __init__(self, requests: RequestLog, history: History, loop: ControlLoop, clock: Clock) -> None:
        self.log = requests
        self.find_app: Callable[[str, str], AppRow] | None = None  # by id or name, and environment; set by the platform
        self._history = history
        self._loop = loop
        self._clock = clock

    async def newest(self, query: TrafficQuery, count: int) -> Json:
        """The last requests of a Server, newest first. Raises NotFoundError, InvalidError, OSError."""
        span = self.span(query, default_ms=RANGE_DAYS_MAX * DAY_MS)
        found = await self._ask(lambda: self.log.store.newest(span, count))
        return self._answer(found, next_page=None)

    async def page(self, query: TrafficQuery, after: str | None, count: int) -> Json:
        """Requests of a Server, oldest first; `after` is the `next` of the page before. Raises as `newest`."""
        place = _place(after)
        if place is not None:  # a page may be asked for long after the first one: what is before it counts no more
            query = replace(query, since_ms=max(place[0], query.since_ms or 0))
        span = self.span(query, default_ms=RANGE_DAYS_MAX * DAY_MS)
        found = await self._ask(lambda: self.log.store.page(span, place, count))
        last = found[-1] if len(found) == count else None
        return self._answer(found, f"{last.row.at_ms}-{last.number}" if last else None)

    async def server_stats(self, query: TrafficQuery) -> Json:
        """Raises NotFoundError, InvalidError, OSError."""
        app = self._app(query)
        span = self.span(query, default_ms=HOUR_MS)
        minutes = await self.minutes(span)
        rows = [row for row in self._history.containers(app.app_id) if row.service == query.server]
        if query.container_id:
            rows = [row for row in rows if row.container_id == query.container_id]
            if not rows:
                raise NotFoundError(f"Server {query.server!r} had no container {query.container_id!r}.")
        return stats.server_stats(span.service_id, Range(span.since_ms, span.until_ms), minutes, rows)

    async def app_stats(self, query: TrafficQuery) -> Json:
        """Raises NotFoundError, InvalidError, OSError."""
        app = self._app(query)
        since_ms, until_ms = self._range(query, HOUR_MS)
        span = Range(since_ms, until_ms)
        ids = self._ids(app)
        minutes: dict[str, list[Minute]] = await self._ask(
            lambda: {name: self.log.store.minutes(Span(ids[name], since_ms, until_ms)) for name in ids}
        )
        rows = self._history.containers(app.app_id)
        servers = {
            name: stats.server_summary(ids[name], minutes[name], [row for row in rows if row.service == name], span)
            for name in sorted(ids)
        }
        versions = self._history.history(app.app_id)
        lifecycle = views.app_info(app, versions, {})["lifecycle"]
        return stats.app_stats(app.app_id, lifecycle, span, servers, sum(row.at_ms in span for row in versions))

    async def minutes(self, span: Span) -> list[Minute]:
        """Tallies of the requests in it. Raises OSError."""
        return await self._ask(lambda: self.log.store.minutes(span))

    async def _ask(self, question: Callable[[], T]) -> T:
        await self.log.flush()
        return await asyncio.to_thread(question)

    def _answer(self, found: list[Found], next_page: str | None) -> Json:
        return {"requests": [_line(each) for each in found], "next": next_page, "dropped": self.log.dropped}

    def _app(self, query: TrafficQuery) -> AppRow:
        assert self.find_app is not None, "the platform gives it"
        return self.find_app(query.app_ref, query.environment)

    def span(self, query: TrafficQuery, default_ms: int, days_max: int = RANGE_DAYS_MAX) -> Span:
        """Which Server, from when to when. Raises NotFoundError, InvalidError."""
        app = self._app(query)
        ids = self._ids(app)
        if query.server not in ids:
            raise no_server(app.name, str(query.server), ids)
        since_ms, until_ms = self._range(query, default_ms, days_max)
        return Span(ids[query.server], since_ms, until_ms, query.container_id)

    def _range(self, query: TrafficQuery, default_ms: int, days_max: int = RANGE_DAYS_MAX) -> tuple[int, int]:
        now_ms = self._clock.now_ms()
        until_ms = now_ms if query.until_ms is None else query.until_ms
        since_ms = until_ms - default_ms if query.since_ms is None else query.since_ms
        if since_ms >= until_ms:
            raise InvalidError("`since` must be before `until`, and in the past.")
        first_ms = until_ms - days_max * DAY_MS
        if query.until_ms is None and first_ms - ON_THE_WAY_MS <= since_ms:
            since_ms = max(since_ms, first_ms)
        if since_ms < first_ms:
            raise InvalidError(f"`since` and `until` may be at most {days_max} days apart.")
        return since_ms, until_ms

    def _ids(self, app: AppRow) -> dict[str, str]:
        there = self._loop.world.apps.get(app.app_id)
        return {service.name: service.service_id for service in there.services} if there else {}


def _place(after: str | None) -> tuple[int, int] | None:
    if after is None:
        return None
    at_ms, dash, number = after.partition("-")
    if not (dash and at_ms.isdecimal() and number.isdecimal()) or len(after) > 40:
        raise InvalidError(f"after: {after[:60]!r} is not the `next` of an answer.")
    return int(at_ms), int(number)


def _line(found: Found) -> Json:
    row = found.row
    return {
        "timestamp": iso(row.at_ms),
        "route": row.path,
        "container_id": row.container_id or None,
        "duration_seconds": row.duration_ms / 1000,
        "status": row.status if row.status > 0 else None,
        "method": row.method,
        "version": row.version,
        "bytes_up": row.bytes_up,
        "bytes_down": row.bytes_down,
        "protocol": row.protocol,
        "why": row.why or None,
        "phases": {f"{phase.removesuffix('_ms')}_seconds": _seconds(getattr(row, phase)) for phase in PHASES},
    }


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / 1000
