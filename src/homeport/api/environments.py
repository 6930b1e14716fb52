"""Environments: list, make, change, delete. What may be called how, `control.environments` knows."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from ..control.access import Role, role_in
from ..control.environments import Access, Update
from . import models
from .auth import Actor, Caller
from .context import PlatformHere

router = APIRouter(prefix="/environments", tags=["environments"])


@router.get("", response_model=models.Environments)
async def environments(platform: PlatformHere, caller: Caller) -> dict[str, Any]:
    """Those that the caller may see, in order of creation."""
    there = platform.environments
    shown = [line for line in there.lines() if role_in(caller, there.place(str(line["name"]))) is not Role.NO_ACCESS]
    return {"environments": shown}


@router.post("", response_model=models.EnvironmentInfo)
async def create(body: models.EnvironmentRequest, platform: PlatformHere, actor: Actor) -> dict[str, Any]:
    return platform.environments.create(body.name, body.web_suffix, actor, Access(body.restricted, body.default_role))


@router.patch("/{name}", response_model=models.EnvironmentInfo)
async def update(name: str, body: models.EnvironmentUpdate, platform: PlatformHere, actor: Actor) -> dict[str, Any]:
    """Its name and web suffix can't change while an App in it has not stopped."""
    wanted = Update(body.name, body.web_suffix, body.restricted, body.default_role)
    changed = platform.environments.update(name, wanted, actor)
    if changed["name"] != name:
        await platform.proxy_tokens.push()  # the router knows environments by name
    return changed


@router.delete("/{name}", response_model=models.EnvironmentDeleted)
async def delete(name: str, platform: PlatformHere, actor: Actor) -> dict[str, Any]:
    """Refused while an App in it has not stopped."""
    deleted = platform.environments.delete(name, actor)
    await platform.proxy_tokens.push()
    return deleted
