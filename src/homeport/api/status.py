"""Whether the platform is there, and how it is."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from . import models
from .auth import Actor
from .context import PlatformHere

open_router = APIRouter(tags=["platform"])
router = APIRouter(tags=["platform"])


@open_router.get("/health", response_model=models.Health)
async def health(request: Request) -> dict[str, Any]:
    """Needs no token."""
    return {"ok": True, "version": request.app.version}


@router.get("/status", response_model=models.Status)
async def status(platform: PlatformHere, actor: Actor) -> dict[str, Any]:
    return await platform.status()
