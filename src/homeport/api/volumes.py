"""Volumes by name and by id: list, make, find, rename, delete. What is in them is `volume_files`'."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from ..control.objects import refuse_out_of_reach
from . import volume_models as models
from .auth import Actor
from .context import MAIN, Environment, PlatformHere
from .objects import Within

router = APIRouter(prefix="/volumes", tags=["volumes"])


def in_reach(request: Request, platform: PlatformHere, within: Within) -> None:
    """For containers: a Volume of another environment is as good as none."""
    volume_id = request.path_params.get("volume_id")
    if volume_id is not None:
        refuse_out_of_reach(str(platform.volumes.info(str(volume_id))["environment"]), within)


@router.get("", response_model=models.Volumes)
async def volumes(platform: PlatformHere, environment: Environment = MAIN) -> dict[str, Any]:
    """Those with a name, newest first."""
    return {"volumes": platform.volumes.lines(environment)}


@router.post("", response_model=models.VolumeInfo)
async def create(body: models.VolumeRequest, platform: PlatformHere, actor: Actor, within: Within) -> dict[str, Any]:
    """Without a name: one that is removed when it was not heard of (`heartbeat`) for 15 minutes."""
    refuse_out_of_reach(body.environment, within)
    return platform.volumes.create(body.name or "", body.environment, allow_existing=body.allow_existing, actor=actor)


@router.post("/resolve", response_model=models.VolumeResolved)
async def resolve(body: models.ResolveRequest, platform: PlatformHere, actor: Actor, within: Within) -> dict[str, Any]:
    """The id of a name."""
    refuse_out_of_reach(body.environment, within)
    made = body.create_if_missing
    return platform.volumes.resolve(body.name, body.environment, create_if_missing=made, actor=actor)


@router.get("/{volume_id}", response_model=models.VolumeInfo)
async def info(volume_id: str, platform: PlatformHere) -> dict[str, Any]:
    return platform.volumes.info(volume_id)


@router.get("/{volume_id}/users", response_model=models.VolumeUsers)
async def users(volume_id: str, platform: PlatformHere) -> dict[str, Any]:
    """Apps whose version that is live, or on its way, mounts it."""
    return await platform.volume_users(volume_id)


@router.patch("/{volume_id}", response_model=models.VolumeInfo)
async def rename(volume_id: str, body: models.RenameRequest, platform: PlatformHere, actor: Actor) -> dict[str, Any]:
    """Deployed Apps hold ids: nothing changes for them."""
    return platform.volumes.rename(volume_id, body.name, actor)


@router.delete("/{volume_id}", response_model=models.VolumeDeleted)
async def delete(volume_id: str, platform: PlatformHere, actor: Actor) -> dict[str, Any]:
    """With all that is in it, for good; containers that have it keep it until they end."""
    return await platform.delete_volume(volume_id, actor)


@router.post("/{volume_id}/heartbeat", status_code=204)
async def heartbeat(volume_id: str, platform: PlatformHere) -> None:
    platform.volumes.heartbeat(volume_id)
