"""Logs of Apps and containers: the options that both take, and showing a stream of entries, over cuts if it is followed.

The checks are pure; `entries` gets its streams and its waiting passed in.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import errors
from . import render, text, when

if TYPE_CHECKING:
    from ..client.http import Client
    from ..client.stream import Event

TAIL_DEFAULT = 100
TAIL_MAX = 20_000
SOURCES = ("stdout", "stderr", "system")
RECONNECTS_MAX = 15
RECONNECT_WAIT_S_MAX = 5.0

_STYLES = {"stderr": "red", "system": "dim"}

Follow = Annotated[bool, typer.Option("-f", "--follow", help="Follow the log until the App stops.")]
Tail = Annotated[int | None, typer.Option("-n", "--tail", metavar="N", help=f"Last N entries. [default: {TAIL_DEFAULT}]")]
Since = Annotated[str | None, typer.Option(metavar="WHEN", help="Start: 15m, 2h or 1d ago, or an ISO time.")]
Until = Annotated[str | None, typer.Option(metavar="WHEN", help="End of the range.")]
Source = Annotated[str | None, typer.Option("-s", "--source", metavar="SOURCE", help="stdout, stderr or system.")]
Search = Annotated[str | None, typer.Option(metavar="TEXT", help="Only entries with this text.")]
Timestamps = Annotated[bool, typer.Option("--timestamps", help="Show when each entry was written.")]


@dataclass(frozen=True, slots=True)
class Asked:
    """The options as they were typed (semantics 1.9.4)."""

    follow: bool = False
    tail: int | None = None
    since: str | None = None
    until: str | None = None
    source: str | None = None
    search: str | None = None
    container: str | None = None
    function: str | None = None
    everything: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """Checked. Times are seconds since the epoch."""

    follow: bool = False
    tail: int | None = None
    since: float | None = None
    until: float | None = None
    source: str | None = None
    search: str | None = None
    container: str | None = None
    function: str | None = None

    def parameters(self) -> dict[str, str | int | bool | None]:
        return {
            "follow": self.follow or None,
            "tail": self.tail,
            "since": _wire(self.since),
            "until": _wire(self.until),
            "source": self.source,
            "search": self.search,
            "container": self.container,
            "function": self.function,
        }


def check(asked: Asked, now: datetime) -> Query:
    """Raises UsageError for options that are not legal, or not together."""
    if asked.follow and (asked.since or asked.until or asked.tail is not None):
        raise errors.UsageError("--follow can't be used with --since, --until or --tail.")
    if asked.everything and asked.tail is not None:
        raise errors.UsageError("--all can't be used with --tail.")
    if asked.tail is not None and not 1 <= asked.tail <= TAIL_MAX:
        raise errors.UsageError(f"--tail must be between 1 and {TAIL_MAX}, not {asked.tail}.")
    if asked.source is not None and asked.source not in SOURCES:
        raise errors.UsageError(f"Invalid source: {asked.source!r}. Must be 'stdout', 'stderr', or 'system'.")
    since = when.parse("--since", asked.since, now) if asked.since else None
    until = when.parse("--until", asked.until, now) if asked.until else None
    when.check_range(since, until, now)
    unbounded = asked.follow or asked.everything or since is not None
    return Query(
        follow=asked.follow,
        tail=asked.tail if asked.tail is not None or unbounded else TAIL_DEFAULT,
        since=since.timestamp() if since else None,
        until=until.timestamp() if until else None,
        source=asked.source,
        search=asked.search,
        container=asked.container,
        function=asked.function,
    )


def show_app(client: Client, app_ref: str, query: Query, prefix: text.LogPrefix | None) -> None:
    """Prints the log of an App; prefix None: as JSON, one entry a line."""
    environment = client.target.environment
    _show(query, lambda parameters: client.app_logs(app_ref, environment, parameters), prefix)


def show_container(client: Client, container_id: str, query: Query, prefix: text.LogPrefix | None) -> None:
    """Prints the log of a container, as `show_app` does."""
    _show(query, lambda parameters: client.container_logs(container_id, parameters), prefix)


def entries(
    query: Query, open_stream: Callable[[Mapping[str, Any]], Iterable[Event]], sleep: Callable[[float], object]
) -> Iterator[Mapping[str, Any]]:
    """The entries of a log. One that is followed goes on after a cut, where it was, while the platform comes back in time.

    Raises what `open_stream` raises; its ConnectionError only at the first try, or when the last one failed too.
    """
    parameters = query.parameters()
    place = _Place()
    began, failures = False, 0
    while True:
        try:
            for event in open_stream(parameters):
                began, failures = True, 0
                if event.name == "log" and place.is_new(event.data):
                    yield event.data
            return
        except errors.ConnectionError:
            failures += 1
            if not (query.follow and began) or failures > RECONNECTS_MAX:
                raise
        sleep(min(RECONNECT_WAIT_S_MAX, 0.25 * 2**failures))
        parameters = place.resume(parameters)


class _Place:
    """How far a log was read. After a cut one asks from the last time on, and leaves out what was shown already."""

    def __init__(self) -> None:
        self._time = ""
        self._shown: Counter[str] = Counter()  # of the entries at that time
        self._skip: Counter[str] = Counter()

    def is_new(self, entry: Mapping[str, Any]) -> bool:
        key, written = repr(sorted(entry.items())), str(entry.get("timestamp", ""))
        if written == self._time and self._skip[key] > 0:
            self._skip[key] -= 1
            return False
        if written != self._time:
            self._time, self._shown = written, Counter()
        self._shown[key] += 1
        return True

    def resume(self, parameters: dict[str, Any]) -> dict[str, Any]:
        self._skip = Counter(self._shown)
        return {**parameters, "since": self._time} if self._time else parameters


def _show(query: Query, open_stream: Callable[[Mapping[str, Any]], Iterable[Event]], prefix: text.LogPrefix | None) -> None:
    for entry in entries(query, open_stream, time.sleep):
        if prefix is None:
            render.json_line(entry)
        else:
            render.out(text.log_line(entry, prefix), _STYLES.get(str(entry.get("source")), ""))


def _wire(seconds: float | None) -> str | None:
    return None if seconds is None else when.wire(datetime.fromtimestamp(seconds, UTC))
