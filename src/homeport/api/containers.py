"""Containers: list, stop, read their logs, run a command in one."""

from __future__ import annotations

import base64
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from ..errors import InvalidError
from . import models
from .auth import Actor
from .context import MAIN, Environment, PlatformHere
from .logs import LogParameters
from .sse import EventStream

router = APIRouter(prefix="/containers", tags=["containers"])


@router.get("", response_model=models.Containers)
async def containers(
    platform: PlatformHere,
    environment: Environment = MAIN,
    app: str | None = None,
    ended: Annotated[bool, Query(alias="all", description="Also those that ended.")] = False,
) -> dict[str, Any]:
    return {"containers": platform.containers(app, environment, ended)}


@router.get("/{container_id}/logs", response_class=EventStream)
async def logs(
    container_id: str,
    platform: PlatformHere,
    parameters: Annotated[LogParameters, Depends()],
    environment: Environment = MAIN,
) -> EventStream:
    """Events `log`, then `end` unless it follows a container that runs."""
    return await EventStream.of(platform.logs(parameters.query(environment, None, container_id)))


@router.post("/{container_id}/stop", response_model=models.ContainerStopped)
async def stop(container_id: str, platform: PlatformHere, actor: Actor) -> dict[str, Any]:
    """Answers when it has ended. Its Server replaces it."""
    return await platform.stop_container(container_id, actor)


@router.post("/{container_id}/exec", response_class=EventStream)
async def execute(container_id: str, body: models.ExecRequest, platform: PlatformHere) -> EventStream:
    """Events `stdout` and `stderr` with base64 `data`, then `exit`."""
    return await EventStream.of(platform.exec(container_id, tuple(body.argv), _decoded(body.stdin)))


def _decoded(stdin: str | None) -> bytes | None:
    try:
        return None if stdin is None else base64.b64decode(stdin, validate=True)
    except ValueError:
        raise InvalidError("stdin: it must be base64.") from None
