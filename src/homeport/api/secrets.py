"""Secrets: list, make, change, delete, and the ids that deploys name them by. Values come in here; none goes out."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from . import secret_models as models
from .auth import Actor
from .context import MAIN, Environment, PlatformHere

router = APIRouter(prefix="/secrets", tags=["secrets"])


@router.get("", response_model=models.Secrets)
async def secrets(platform: PlatformHere, environment: Environment = MAIN) -> dict[str, Any]:
    """By name; with the keys that each has, without their values."""
    return {"secrets": platform.secrets.lines(environment)}


@router.post("", response_model=models.SecretInfo)
async def create(body: models.SecretRequest, platform: PlatformHere, actor: Actor) -> dict[str, Any]:
    """With `overwrite` one of that name keeps its id and gets these values, and no others."""
    return platform.secrets.create(body.name, body.environment, body.values, overwrite=body.overwrite, actor=actor)


@router.post("/resolve", response_model=models.SecretId)
async def resolve(body: models.SecretResolveRequest, platform: PlatformHere) -> dict[str, Any]:
    """404 naming the Secret, or the keys that it lacks."""
    return {"secret_id": platform.secrets.resolve(body.name, body.environment, body.required_keys)}


@router.post("/values", response_model=models.SecretId)
async def keep(body: models.SecretValuesRequest, platform: PlatformHere, actor: Actor) -> dict[str, Any]:
    """Keeps values without a name, for as long as a version names their id. Equal values have one id."""
    return {"secret_id": platform.secrets.keep(body.values, body.environment, actor, dry_run=body.dry_run)}


@router.post("/rotate-key", response_model=models.SecretKeyRotated)
async def rotate_key(platform: PlatformHere, actor: Actor) -> dict[str, Any]:
    """Encrypts all Secrets with a new key, and forgets the old one."""
    return platform.secrets.rotate_key(actor)


@router.patch("/{name}", response_model=models.SecretInfo)
async def update(
    name: str, body: models.SecretUpdate, platform: PlatformHere, actor: Actor, environment: Environment = MAIN
) -> dict[str, Any]:  # fmt: skip
    """Adds these values to those it has. Containers that run keep theirs."""
    return platform.secrets.update(name, environment, body.values, actor)


@router.delete("/{name}", response_model=models.SecretDeleted)
async def delete(name: str, platform: PlatformHere, actor: Actor, environment: Environment = MAIN) -> dict[str, Any]:
    """What runs goes on; no container that names it starts any more."""
    return platform.secrets.delete(name, environment, actor)
