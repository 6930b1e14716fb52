"""Collecting what nobody needs any more, or saying what that would be."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from . import models
from .auth import Actor
from .context import PlatformHere

router = APIRouter(prefix="/gc", tags=["platform"])


@router.post("", response_model=models.Garbage)
async def collect(platform: PlatformHere, actor: Actor, dry_run: bool = False) -> dict[str, Any]:
    """With `dry_run` nothing is removed."""
    return await platform.collector.collect(actor, dry_run=dry_run)
