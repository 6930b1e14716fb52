"""Servers: what one is and where it answers."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from . import models
from .context import MAIN, Environment, PlatformHere

router = APIRouter(prefix="/servers", tags=["servers"])


@router.get("/{server_id}", response_model=models.ServerInfo)
async def server_by_id(server_id: str, platform: PlatformHere) -> dict[str, Any]:
    return platform.server_by_id(server_id)


@router.get("/{app}/{server}", response_model=models.ServerInfo)
async def server_info(app: str, server: str, platform: PlatformHere, environment: Environment = MAIN) -> dict[str, Any]:
    return platform.server_info(app, server, environment)
