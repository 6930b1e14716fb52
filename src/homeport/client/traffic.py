"""Questions about requests and statistics, as functions of a connection. Owns paths and pages; shows nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from .answers import AppStats, MetricsSchema, RequestInfo, ServerMetrics, ServerStats

if TYPE_CHECKING:
    from .calls import Calls

ROWS_MAX = 1_000_000  # semantics 2.6.9
PAGE = 5_000


@dataclass(frozen=True, slots=True)
class Place:
    """A Server of a deployed App, by names or ids."""

    app: str
    server: str
    environment: str

    @property
    def path(self) -> str:
        return f"/servers/{quote(self.app, safe='')}/{quote(self.server, safe='')}"


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` up to but without `until`, at most 7 days; None is what is usual for the question."""

    since: datetime | None = None
    until: datetime | None = None

    def parameters(self) -> dict[str, str | None]:
        return {"since": _wire(self.since), "until": _wire(self.until)}


@dataclass(frozen=True, slots=True)
class Requests:
    """`dropped`: how many were not logged since the platform started, coming too fast to be written."""

    rows: list[RequestInfo]
    dropped: int


def newest(calls: Calls, place: Place, count: int) -> Requests:
    """The last requests, newest first; `count` from 1 to 1,000. Raises NotFoundError and what every call raises."""
    answer = calls.call("GET", f"{place.path}/requests", params={"environment": place.environment, "tail": count})
    return Requests(cast("list[RequestInfo]", answer["requests"]), int(answer["dropped"]))


def between(calls: Calls, place: Place, period: Period, rows_max: int = ROWS_MAX) -> Iterator[RequestInfo]:
    """Requests of a period, oldest first, fetched page by page. Raises as `newest`, and InvalidError for the period."""
    after: str | None = None
    left = rows_max
    while left > 0:
        params = {"environment": place.environment, **period.parameters(), "after": after, "limit": min(PAGE, left)}
        answer = calls.call("GET", f"{place.path}/requests", params=params)
        rows = cast("list[RequestInfo]", answer["requests"])
        yield from rows
        left -= len(rows)
        after = answer["next"]
        if after is None:
            return


def server_stats(calls: Calls, place: Place, period: Period, container: str | None = None) -> ServerStats:
    """Of the last hour, where no period is given. Raises as `between`."""
    params = {"environment": place.environment, **period.parameters(), "container": container}
    return cast(ServerStats, calls.call("GET", f"{place.path}/stats", params=params))


def metrics_schema(calls: Calls, place: Place) -> MetricsSchema:
    """Which groups of metrics, and sizes of buckets, there are. Raises as `newest`."""
    answer = calls.call("GET", f"{place.path}/metrics/schema", params={"environment": place.environment})
    return cast(MetricsSchema, answer)


def metrics(calls: Calls, place: Place, group: str, period: Period, bucket_size: str | None = None) -> ServerMetrics:
    """One group over at most 31 days, the last hour where no period is given. Raises as `between`."""
    params = {"environment": place.environment, **period.parameters(), "group": group, "bucket_size": bucket_size}
    return cast(ServerMetrics, calls.call("GET", f"{place.path}/metrics", params=params))


def app_stats(calls: Calls, app: str, environment: str, period: Period) -> AppStats:
    """As `server_stats`, of all Servers of an App."""
    params = {"environment": environment, **period.parameters()}
    return cast(AppStats, calls.call("GET", f"/apps/{quote(app, safe='')}/stats", params=params))


def _wire(moment: datetime | None) -> str | None:
    """One without an offset is in this machine's zone."""
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
