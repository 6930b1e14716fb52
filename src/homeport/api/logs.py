"""The parameters of log streams, shared by Apps and containers. Owns their form and limits; reads no log."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query

from ..control.requests import LogQuery
from ..errors import InvalidError

TAIL_MAX = 20_000
SOURCES = ("stdout", "stderr", "system")


@dataclass(frozen=True, slots=True)
class LogParameters:
    """To be used as `Annotated[LogParameters, Depends()]`."""

    follow: bool = False
    tail: Annotated[int | None, Query(ge=0, le=TAIL_MAX, description="Only so many last lines.")] = None
    since: Annotated[str | None, Query(description="ISO 8601, inclusive.")] = None
    until: Annotated[str | None, Query(description="ISO 8601, exclusive.")] = None
    source: Annotated[str | None, Query(description="stdout, stderr or system.")] = None
    search: Annotated[str | None, Query(max_length=1_000, description="A text that a line must hold.")] = None

    def query(self, environment: str, app_ref: str | None, container_id: str | None) -> LogQuery:
        """Raises InvalidError for a source or a time that can't be."""
        if self.source is not None and self.source not in SOURCES:
            raise InvalidError(f"Invalid source: {self.source!r}. Must be 'stdout', 'stderr', or 'system'.")
        return LogQuery(
            environment=environment,
            app_ref=app_ref,
            container_id=container_id,
            follow=self.follow,
            tail=self.tail,
            since_ms=moment_ms("since", self.since),
            until_ms=moment_ms("until", self.until),
            source=self.source,
            search=self.search or None,
        )


@dataclass(frozen=True, slots=True)
class AppLogParameters(LogParameters):
    """Those of an App, of which one part can be named."""

    container: Annotated[str | None, Query(description="Id of the container that wrote it.")] = None
    function: Annotated[str | None, Query(description="Id or name of the Server that wrote it.")] = None

    def app_query(self, environment: str, app_ref: str) -> LogQuery:
        """Raises as `query`."""
        return replace(self.query(environment, app_ref, self.container), function_id=self.function)


def moment_ms(name: str, text: str | None) -> int | None:
    """Milliseconds since the epoch. Raises InvalidError for what is no ISO time, naming the parameter."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return round(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise InvalidError(f"{name}: {text!r} is not a time; write it like 2026-03-01T12:00:00Z.") from None
