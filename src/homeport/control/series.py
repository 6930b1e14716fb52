"""Metrics of a Server over time, as series of points (semantics 2.4.5, 2.6.13). Pure: tallies and samples in, numbers out.

Buckets are aligned to UTC. A point is null where nothing was measured, and 0 where nothing happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..errors import InvalidError
from ..store.requests import Minute
from ..store.samples import Sample, Usage
from ..store.tally import Tally
from .views import Json, iso

BUCKETS_MS: Mapping[str, int] = {
    name: count * unit
    for unit, names in (
        (60_000, ("1m", "2m", "3m", "4m", "5m", "6m", "10m", "12m", "15m", "20m", "30m")),
        (3_600_000, ("1h", "2h", "3h", "4h", "8h", "12h")),
        (86_400_000, ("1d",)),
    )
    for name, count in ((name, int(name[:-1])) for name in names)
}
POINTS_USUAL, POINTS_MAX = 100, 500
RANGE_DAYS_MAX = 31

Value = float | int | None


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is known of the `span_ms` from `at_ms` on; `measured_ms` of it has passed."""

    at_ms: int
    measured_ms: int
    tally: Tally
    usage: Usage | None


@dataclass(frozen=True, slots=True)
class Series:
    name: str
    unit: str
    description: str
    value: Callable[[Bucket], Value]


def _of_usage(value: Callable[[Usage, int], Value]) -> Callable[[Bucket], Value]:
    return lambda bucket: None if bucket.usage is None else value(bucket.usage, bucket.measured_ms)


def _class(name: str) -> Callable[[Bucket], Value]:
    return lambda bucket: bucket.tally.by_status[name]


def _duration(percent: int) -> Callable[[Bucket], Value]:
    return lambda bucket: _s(bucket.tally.percentiles_ms((percent,))[0])


def _s(ms: float | None) -> float | None:
    return None if ms is None else round(ms / 1000, 4)


GROUPS: Mapping[str, tuple[Series, ...]] = {
    "containers": (
        Series(
            "containers", "containers", "Running containers, on average.", _of_usage(lambda u, ms: _r(u.container_ms / ms))
        ),
    ),
    "cpu": (
        Series("cpu_cores", "cores", "CPU that all containers used together.", _of_usage(lambda u, ms: _r(u.cpu_ms / ms))),
        Series("cpu_cores_p50", "cores", "CPU of a container, 50 %.", _of_usage(lambda u, _: u.cpu_percentile(50))),
        Series("cpu_cores_p95", "cores", "CPU of a container, 95 %.", _of_usage(lambda u, _: u.cpu_percentile(95))),
    ),
    "memory": (
        Series("memory_mib", "MiB", "Memory of all containers together.", _of_usage(lambda u, ms: _r(u.memory_mib_ms / ms))),
        Series("memory_mib_p50", "MiB", "Memory of a container, median.", _of_usage(lambda u, _: u.memory_percentile(50))),
        Series("memory_mib_max", "MiB", "Memory of the largest container.", _of_usage(lambda u, _: u.memory_mib_max)),
    ),
    "network": (
        Series("received", "bytes/s", "All received.", _of_usage(lambda u, ms: _r(u.received_bytes * 1000 / ms))),
        Series("sent", "bytes/s", "All sent.", _of_usage(lambda u, ms: _r(u.sent_bytes * 1000 / ms))),
    ),
    "gpu": (),
    "requests": (
        Series("requests", "requests", "Requests that ended, refused ones included.", lambda b: b.tally.requests),
        Series("requests_per_second", "1/s", "The same as a rate.", lambda b: _r(b.tally.requests * 1000 / b.measured_ms)),
        *(Series(f"status_{n}", "requests", f"Those answered with {n}.", _class(n)) for n in ("2xx", "3xx", "4xx", "5xx")),
        *(Series(f"duration_p{p}", "s", f"How long {p} % took at most.", _duration(p)) for p in (50, 95, 99)),
    ),
}
NOTES = {"gpu": "GPUs are not measured; containers that have some are in the other groups."}


def schema() -> Json:
    """What `server metrics` says when it is not asked for a group."""
    groups = {
        group: {
            "series": [{"name": s.name, "unit": s.unit, "description": s.description} for s in series],
            "note": NOTES.get(group, ""),
        }
        for group, series in GROUPS.items()
    }
    limits: Json = {"days": RANGE_DAYS_MAX, "points": POINTS_MAX}
    return {"groups": groups, "bucket_sizes": list(BUCKETS_MS), "limits": limits}


def bucket_size(since_ms: int, until_ms: int, wanted: str | None) -> str:
    """The one that is wanted, or the smallest with about 100 points. Raises InvalidError."""
    if wanted is None:
        fitting = (name for name in BUCKETS_MS if _points(since_ms, until_ms, BUCKETS_MS[name]) <= POINTS_USUAL)
        return next(fitting, "1d")
    if wanted not in BUCKETS_MS:
        raise InvalidError(f"bucket_size: unknown size {wanted!r}; known: {', '.join(BUCKETS_MS)}.")
    points = _points(since_ms, until_ms, BUCKETS_MS[wanted])
    if points > POINTS_MAX:
        raise InvalidError(f"bucket_size: {wanted} makes {points} points, more than {POINTS_MAX}; take a larger one.")
    return wanted


def check_group(group: str) -> None:
    """Raises InvalidError."""
    if group not in GROUPS:
        raise InvalidError(f"group: unknown group {group!r}; known: {', '.join(GROUPS)}.")


def buckets(
    since_ms: int, until_ms: int, span_ms: int, minutes: Iterable[Minute], samples: Iterable[Sample]
) -> list[Bucket]:
    """All of the range, the last one as far as it has passed."""
    first = since_ms - since_ms % span_ms
    tallies: dict[int, Tally] = {}
    usages: dict[int, Usage] = {}
    for minute in minutes:
        tallies.setdefault(minute.minute_ms - minute.minute_ms % span_ms, Tally()).merge(minute.tally)
    for sample in samples:
        usages.setdefault(sample.at_ms - sample.at_ms % span_ms, Usage()).merge(sample.usage)
    return [
        Bucket(at_ms, min(span_ms, until_ms - at_ms), tallies.get(at_ms, Tally()), usages.get(at_ms))
        for at_ms in range(first, until_ms, span_ms)
    ]


def export(group: str, found: Sequence[Bucket]) -> list[Json]:
    """The series of a group, each with one point for each bucket: [time, value or null]."""
    return [
        {"name": s.name, "unit": s.unit, "points": [[iso(bucket.at_ms), s.value(bucket)] for bucket in found]}
        for s in GROUPS[group]
    ]


def _points(since_ms: int, until_ms: int, span_ms: int) -> int:
    return -(-(until_ms - (since_ms - since_ms % span_ms)) // span_ms)


def _r(value: float) -> float:
    return round(value, 4)
