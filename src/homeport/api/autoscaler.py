"""The autoscaler of one Server: its settings, and changes to them until the next deployment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from . import autoscaler_models as models
from .auth import Actor
from .context import MAIN, Environment, PlatformHere

router = APIRouter(prefix="/servers/{app}/{server}/autoscaler", tags=["servers"])


@dataclass
class Named:
    """The Server that a path names."""

    app: str
    server: str
    environment: Environment = MAIN

    def target(self) -> tuple[str, str, str]:
        return self.app, self.server, self.environment


@router.get("", response_model=models.AutoscalerSettings)
async def settings(platform: PlatformHere, named: Annotated[Named, Depends()]) -> dict[str, Any]:
    return platform.autoscaler.settings(named.target())


@router.get("/explain", response_model=models.AutoscalerExplanation)
async def explain(platform: PlatformHere, named: Annotated[Named, Depends()]) -> dict[str, Any]:
    """Why there are as many containers as there are, and what would change that."""
    return platform.autoscaler.explain(named.target())


@router.patch("", response_model=models.AutoscalerSettings)
async def update(
    changes: models.AutoscalerChanges, platform: PlatformHere, actor: Actor, named: Annotated[Named, Depends()]
) -> dict[str, Any]:
    """Only what is named changes; null is none. The next deployment begins without any of it."""
    given = {name: getattr(changes, name) for name in changes.model_fields_set}
    return platform.autoscaler.update(named.target(), given, actor)
