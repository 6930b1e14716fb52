"""What Servers were asked: single requests, and statistics. Owns the parameters; knows no log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from ..control.requests import TrafficQuery
from ..control.traffic import PAGE_MAX
from ..errors import InvalidError
from . import traffic_models as models
from .context import MAIN, Environment, PlatformHere
from .logs import moment_ms

router = APIRouter(tags=["traffic"])


@dataclass(frozen=True, slots=True)
class Period:
    """To be used as `Annotated[Period, Depends()]`."""

    environment: Environment = MAIN
    since: Annotated[str | None, Query(description="ISO 8601, inclusive; at most 7 days before `until`.")] = None
    until: Annotated[str | None, Query(description="ISO 8601, exclusive; now, when left out.")] = None
    container: Annotated[str, Query(max_length=64, description="Only of this container of the Server.")] = ""

    def query(self, app: str, server: str | None) -> TrafficQuery:
        """Raises InvalidError for a time that can't be."""
        since_ms, until_ms = moment_ms("since", self.since), moment_ms("until", self.until)
        return TrafficQuery(self.environment, app, server, since_ms, until_ms, self.container)


@dataclass(frozen=True, slots=True)
class Page:
    """Which requests: the last ones, or a page of a range."""

    tail: Annotated[int | None, Query(ge=1, le=1_000, description="The last ones, newest first.")] = None
    after: Annotated[str | None, Query(description="The `next` of the page before.")] = None
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX, description="Of one page.")] = 1_000


PeriodHere = Annotated[Period, Depends()]


@router.get("/servers/{app}/{server}/requests", response_model=models.Requests)
async def requests(
    app: str, server: str, platform: PlatformHere, period: PeriodHere, page: Annotated[Page, Depends()]
) -> dict[str, Any]:
    """With `tail`, or without anything: the last ones (10), newest first. With a range: a page, oldest first."""
    query = period.query(app, server)
    if period.since is None and period.until is None and page.after is None:
        return await platform.traffic.newest(query, 10 if page.tail is None else page.tail)
    if page.tail is not None:
        raise InvalidError("tail: it can't be used with since, until or after.")
    return await platform.traffic.page(query, page.after, page.limit)


@router.get("/servers/{app}/{server}/stats", response_model=models.ServerStats)
async def server_stats(app: str, server: str, platform: PlatformHere, period: PeriodHere) -> dict[str, Any]:
    """Of the last hour, when no range is given."""
    return await platform.metrics.server_stats(period.query(app, server))


@router.get("/apps/{app}/stats", response_model=models.AppStats)
async def app_stats(app: str, platform: PlatformHere, period: PeriodHere) -> dict[str, Any]:
    """Of the last hour, when no range is given; of all containers."""
    return await platform.traffic.app_stats(period.query(app, None))
