"""Environments: list, make, change, delete. What may be called how, `control.environments` knows."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from ..control.environments import Update
from . import models
from .auth import Actor
from .context import PlatformHere

router = APIRouter(prefix="/environments", tags=["environments"])


@router.get("", response_model=models.Environments)
async def environments(platform: PlatformHere) -> dict[str, Any]:
    """In order of creation."""
    return {"environments": platform.environments.lines()}


@router.post("", response_model=models.EnvironmentInfo)
async def create(body: models.EnvironmentRequest, platform: PlatformHere, actor: Actor) -> dict[str, Any]:
    return platform.environments.create(body.name, body.web_suffix, actor)


@router.patch("/{name}", response_model=models.EnvironmentInfo)
async def update(name: str, body: models.EnvironmentUpdate, platform: PlatformHere, actor: Actor) -> dict[str, Any]:
    """Refused while an App in it has not stopped."""
    return platform.environments.update(name, Update(body.name, body.web_suffix), actor)


@router.delete("/{name}", response_model=models.EnvironmentDeleted)
async def delete(name: str, platform: PlatformHere, actor: Actor) -> dict[str, Any]:
    """Refused while an App in it has not stopped."""
    return platform.environments.delete(name, actor)
