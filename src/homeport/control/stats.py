"""Statistics of Servers and Apps over some time (semantics 1.9.3, 2.6.10). Pure: tallies and containers in, JSON out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..store.history import ContainerRow
from ..store.requests import Minute
from ..store.tally import Tally
from .views import Json, iso

PERCENTILES = (50, 90, 95, 99)
CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx", "other")


@dataclass(frozen=True, slots=True)
class Range:
    """Milliseconds since the epoch; `since_ms` belongs to it, `until_ms` does not."""

    since_ms: int
    until_ms: int

    @property
    def seconds(self) -> float:
        return (self.until_ms - self.since_ms) / 1000

    def __contains__(self, at_ms: int | None) -> bool:
        return at_ms is not None and self.since_ms <= at_ms < self.until_ms


def server_stats(object_id: str, span: Range, minutes: Iterable[Minute], containers: Sequence[ContainerRow]) -> Json:
    """containers: all that the Server ever had, or the one that was asked for."""
    tally = total(minutes)
    alive = [row for row in containers if _alive(row, span)]
    return {
        "object_id": object_id,
        "since": iso(span.since_ms),
        "until": iso(span.until_ms),
        "request_count": tally.requests,
        "request_count_by_status_code": {name: tally.by_status[name] for name in CLASSES if tally.by_status[name]},
        "request_rate_per_second": round(tally.requests / span.seconds, 3),
        "container_started_count": sum(row.started_at_ms in span for row in alive),
        "container_error_count": sum(_failed(row, span) for row in alive),
        "container_total_count": len(alive),
        "container_creating_at_end_count": sum(_creating(row, span.until_ms) for row in alive),
        "request_percentile_stats": {"duration_seconds": _named([_s(ms) for ms in tally.percentiles_ms(PERCENTILES)])},
        "container_percentile_stats": {"startup_time": _startup(alive, span)},
        "inference": None,
    }


def server_summary(object_id: str, minutes: Iterable[Minute], containers: Sequence[ContainerRow], span: Range) -> Json:
    """One line of an App's statistics."""
    tally = total(minutes)
    alive = [row for row in containers if _alive(row, span)]
    return {
        "id": object_id,
        "requests": tally.requests,
        "failed": tally.failed,
        "containers": len(alive),
        "errors": sum(_failed(row, span) for row in alive),
    }


def app_stats(app_id: str, lifecycle: object, span: Range, servers: Mapping[str, Json], deployments: int) -> Json:
    return {
        "app_id": app_id,
        "since": iso(span.since_ms),
        "until": iso(span.until_ms),
        "lifecycle": lifecycle,
        "functions": {},
        "servers": dict(servers),
        "sandboxes": {"live": 0, "finished": 0},
        "deployment_count": deployments,
    }


def total(minutes: Iterable[Minute]) -> Tally:
    found = Tally()
    for minute in minutes:
        found.merge(minute.tally)
    return found


def _alive(row: ContainerRow, span: Range) -> bool:
    """Whether it was there at some moment of the span."""
    return row.created_at_ms < span.until_ms and (row.ended_at_ms is None or row.ended_at_ms >= span.since_ms)


def _failed(row: ContainerRow, span: Range) -> bool:
    """A Server's process is not meant to end by itself, whatever its exit code."""
    return row.ended_at_ms in span and bool(row.failed)


def _creating(row: ContainerRow, at_ms: int) -> bool:
    return (row.ready_at_ms or at_ms) >= at_ms and (row.ended_at_ms or at_ms) >= at_ms


def _startup(rows: Iterable[ContainerRow], span: Range) -> dict[str, float | None]:
    """Seconds from the decision to start a container until it was ready."""
    took = sorted(row.ready_at_ms - row.created_at_ms for row in rows if row.ready_at_ms and row.ready_at_ms in span)
    return _named([_s(took[max(1, math.ceil(len(took) * p / 100)) - 1]) if took else None for p in PERCENTILES])


def named(value_at: Callable[[int], float | None]) -> dict[str, float | None]:
    """The usual percentiles by name."""
    return {f"p{percent}": value_at(percent) for percent in PERCENTILES}


def _named(values: Sequence[float | None]) -> dict[str, float | None]:
    return dict(zip((f"p{percent}" for percent in PERCENTILES), values, strict=True))


def _s(ms: float | None) -> float | None:
    return None if ms is None else round(ms / 1000, 4)
