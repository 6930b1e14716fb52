"""Apps: list, look at, stop, read their logs. An App is named by its id, or by its name in an environment."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from . import models
from .auth import Actor
from .context import MAIN, Environment, PlatformHere
from .logs import AppLogParameters
from .sse import EventStream

router = APIRouter(prefix="/apps", tags=["apps"])


@router.get("", response_model=models.Apps)
async def apps(platform: PlatformHere, environment: Environment = MAIN) -> dict[str, Any]:
    return {"apps": platform.apps(environment)}


@router.get("/{app}", response_model=models.AppInfo)
async def app_info(app: str, platform: PlatformHere, environment: Environment = MAIN) -> dict[str, Any]:
    return await platform.app_info(app, environment)


@router.get("/{app}/history", response_model=models.History)
async def history(app: str, platform: PlatformHere, environment: Environment = MAIN) -> dict[str, Any]:
    """Its versions, newest first."""
    return {"history": await platform.history(app, environment)}


@router.post("/{app}/stop", response_model=models.AppStopped)
async def stop(app: str, platform: PlatformHere, actor: Actor, environment: Environment = MAIN) -> dict[str, Any]:
    """Answers when nothing of it runs any more."""
    return await platform.stop_app(app, environment, actor)


@router.get("/{app}/logs", response_class=EventStream)
async def logs(
    app: str,
    platform: PlatformHere,
    parameters: Annotated[AppLogParameters, Depends()],
    environment: Environment = MAIN,
) -> EventStream:
    """Events `log`, then `end` unless it follows a live App."""
    return await EventStream.of(platform.logs(parameters.app_query(environment, app)))
