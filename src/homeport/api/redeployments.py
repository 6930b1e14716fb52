"""A version of an App once more: rollback and rollover. Owns reading the request; the platform does the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends

from ..control.requests import RedeployRequest
from ..core.facts import DeployKind
from . import models
from .auth import Actor
from .context import MAIN, Environment, PlatformHere
from .deployments import strategy
from .sse import EventStream

router = APIRouter(prefix="/apps/{app}", tags=["apps"])


@dataclass
class Wish:
    """Of whom, of which App, and whether they wait. Taken from everything but the body."""

    app: str
    actor: Actor
    environment: Environment = MAIN
    wait: bool = False

    def request(self, kind: DeployKind, body: models.RolloverRequest, version: int | None = None) -> RedeployRequest:
        """Raises InvalidError for an unknown strategy."""
        return RedeployRequest(
            app_ref=self.app,
            environment=self.environment,
            kind=kind,
            strategy=strategy(body.strategy),
            request_id=body.request_id,
            actor=self.actor,
            version=version,
        )


@router.post("/rollover", response_class=EventStream)
async def rollover(body: models.RolloverRequest, platform: PlatformHere, wish: Annotated[Wish, Depends()]) -> EventStream:
    """New containers for the version that is there, as a new version. Events as of a deployment."""
    request = wish.request(DeployKind.ROLLOVER, body)
    return await EventStream.of(platform.redeploy(request, wish.wait), keep_going=True)


@router.post("/rollback", response_class=EventStream)
async def rollback(body: models.RollbackRequest, platform: PlatformHere, wish: Annotated[Wish, Depends()]) -> EventStream:
    """An earlier version as a new version; without `version` one back from the live one. Events as of a deployment."""
    request = wish.request(DeployKind.ROLLBACK, body, body.version)
    return await EventStream.of(platform.redeploy(request, wish.wait), keep_going=True)
