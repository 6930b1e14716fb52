"""`server.logs` and `server.metrics`: what a deployed Server said and used (semantics 2.4.5, 2.4.6). Shows nothing.

Times are `datetime`; one without a zone is in this machine's.
"""

from __future__ import annotations

from .twins import iterator_twin, twin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from ..client.answers import LogEntry, MetricsSchema, ServerMetrics
    from .server import Server

TAIL_MAX = 20_000  # semantics 9.12
RANGE_DAYS_MAX = 35
ON_THE_WAY_S = 60  # how old the caller's own "35 days ago" may be


class Metrics:
    """Time series of one Server; get it as `server.metrics`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @twin
    def schema(self) -> MetricsSchema:
        """The groups, their series, and the bucket sizes. Raises as `server.get_url`."""
        from ..client import traffic
        from .asking import asking

        with asking(self._server) as (calls, place):
            return traffic.metrics_schema(calls, place)

    @twin
    def export(
        self,
        group: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        bucket_size: str | None = None,
    ) -> ServerMetrics:
        """The series of one group, as points aligned to UTC.

        group: containers, cpu, memory, network, gpu or requests. since, until: a range of at most 31 days and 500 points;
        the last hour by default. bucket_size: 1m to 1d; by default one that gives about 100 points.
        Raises InvalidError for a group, size or range that is not legal, and as `server.get_url`.
        """
        from ..client import traffic
        from .asking import asking

        with asking(self._server) as (calls, place):
            return traffic.metrics(calls, place, group, traffic.Period(since, until), bucket_size)


class Logs:
    """What the containers of one Server write; get it as `server.logs`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @twin
    def fetch(
        self,
        since: datetime,
        until: datetime | None = None,
        *,
        source: str | None = None,
        search: str | None = None,
        container: str | None = None,
    ) -> list[LogEntry]:
        """The entries from `since` until before `until` (None: now), oldest first; at most 35 days.

        source: stdout, stderr or system. search: only lines with this text. container: only this container's (`ta-…`).
        Raises InvalidError for arguments that are not legal, and as `server.get_url`.
        """
        from datetime import datetime, timedelta

        from ..errors import InvalidError

        span = (until or datetime.now(since.tzinfo)).timestamp() - since.timestamp()
        most = timedelta(days=RANGE_DAYS_MAX).total_seconds() + (0 if until else ON_THE_WAY_S)
        if not 0 < span <= most:
            raise InvalidError(f"`since` has to be before `until`, by at most {RANGE_DAYS_MAX} days.")
        given = {"since": _wire(since), "until": _wire(until), "source": source, "search": search, "container": container}
        return list(self._entries(given))

    @twin
    def tail(
        self, n: int = 100, *, source: str | None = None, search: str | None = None, container: str | None = None
    ) -> list[LogEntry]:
        """The last `n` entries (1 to 20,000), oldest first. source, search, container: as in `fetch`. Raises as `fetch`."""
        from ..errors import InvalidError

        if not 1 <= n <= TAIL_MAX:
            raise InvalidError(f"`n` has to be from 1 to {TAIL_MAX}, not {n}.")
        return list(self._entries({"tail": n, "source": source, "search": search, "container": container}))

    @iterator_twin
    def stream(
        self, *, source: str | None = None, search: str | None = None, container: str | None = None
    ) -> Iterator[LogEntry]:
        """Iterates over entries as they are written, until the App stops. source, search, container: as in `fetch`. Raises
        as `fetch`, also while iterating.
        """
        yield from self._entries({"follow": True, "tail": 0, "source": source, "search": search, "container": container})

    def _entries(self, given: Mapping[str, str | int | bool | None]) -> Iterator[LogEntry]:
        from ..client import logs
        from .asking import streaming

        with streaming(self._server) as (client, environment):
            info = self._server._fetch()
            yield from logs.of_app(client, info["app_id"], environment, {**given, "function": info["object_id"]})


def _wire(moment: datetime | None) -> str | None:
    from datetime import UTC

    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
