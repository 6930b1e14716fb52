"""How a Server did over time, and the platform as Prometheus reads it. Owns the parameters; measures nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import PlainTextResponse

from ..control.exposition import CONTENT_TYPE
from . import traffic_models as models
from .context import PlatformHere
from .traffic import PeriodHere

router = APIRouter(tags=["traffic"])
page = APIRouter()


@dataclass(frozen=True, slots=True)
class Wanted:
    group: Annotated[str, Query(max_length=32, description="containers, cpu, memory, network, gpu or requests.")]
    bucket_size: Annotated[str | None, Query(max_length=8, description="1m to 1d; about 100 points, when left out.")] = None


@page.get("/metrics", response_class=PlainTextResponse, include_in_schema=False)
async def prometheus(platform: PlatformHere) -> Response:
    """The platform for Prometheus, with the token of a manager or owner: it tells of all environments."""
    return Response(await platform.prometheus.render(), media_type=CONTENT_TYPE)


@router.get("/servers/{app}/{server}/metrics/schema", response_model=models.MetricsSchema)
async def schema(app: str, server: str, platform: PlatformHere, period: PeriodHere) -> dict[str, Any]:
    """Which groups, series and bucket sizes there are."""
    return platform.metrics.schema(period.query(app, server))


@router.get("/servers/{app}/{server}/metrics", response_model=models.ServerMetrics)
async def export(
    app: str, server: str, platform: PlatformHere, period: PeriodHere, wanted: Annotated[Wanted, Depends()]
) -> dict[str, Any]:
    """Of the last hour, when no range is given; at most 31 days and 500 points."""
    return await platform.metrics.export(period.query(app, server), wanted.group, wanted.bucket_size)
