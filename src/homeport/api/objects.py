"""What Dicts and Queues have in common: list, make, find by name, look at, delete. Owns these routes for either kind."""

from __future__ import annotations

import base64
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from ..control.objects import refuse_out_of_reach
from ..errors import InvalidError
from ..store.objects import Kind
from . import object_models as models
from .auth import Actor
from .context import MAIN, Environment, PlatformHere


def _within(request: Request) -> str | None:
    found: str | None = getattr(request.state, "within", None)
    return found


# the environment of the container that asks; None for people
Within = Annotated[str | None, Depends(_within)]


def router_of(kind: Kind) -> APIRouter:
    """`/dicts` or `/queues`, with the routes that both have."""
    router = APIRouter(prefix=f"/{kind.value}s", tags=[f"{kind.value}s"])

    @router.get("", response_model=models.Objects)
    async def listed(platform: PlatformHere, within: Within, environment: Environment = MAIN) -> dict[str, Any]:
        """Those with a name, newest first."""
        refuse_out_of_reach(environment, within)
        return {"objects": platform.objects.lines(kind, environment)}

    @router.post("", response_model=models.ObjectInfo)
    async def create(body: models.CreateRequest, platform: PlatformHere, actor: Actor, within: Within) -> dict[str, Any]:
        """Without a name: one that goes 10 minutes after its last `heartbeat`."""
        refuse_out_of_reach(body.environment, within)
        may = body.allow_existing
        return await platform.objects.create(kind, body.name, body.environment, allow_existing=may, actor=actor)

    @router.post("/resolve", response_model=models.ObjectId)
    async def resolve(body: models.ResolveRequest, platform: PlatformHere, actor: Actor, within: Within) -> dict[str, Any]:
        """The id of a name."""
        refuse_out_of_reach(body.environment, within)
        make = body.create_if_missing
        return {"object_id": await platform.objects.resolve(kind, body.name, body.environment, create=make, actor=actor)}

    @router.get("/{object_id}", response_model=models.ObjectInfo)
    async def info(object_id: str, platform: PlatformHere, within: Within) -> dict[str, Any]:
        return platform.objects.line(platform.objects.get(kind, object_id, within))

    @router.delete("/{object_id}", response_model=models.ObjectId)
    async def delete(object_id: str, platform: PlatformHere, within: Within) -> dict[str, Any]:
        """With all that is in it."""
        row = platform.objects.get(kind, object_id, within)
        await platform.objects.delete(row)
        platform.queues.deleted(row)
        return {"object_id": object_id}

    @router.post("/{object_id}/heartbeat", status_code=204)
    async def heartbeat(object_id: str, platform: PlatformHere, within: Within) -> None:
        """One without a name is still needed."""
        await platform.objects.heartbeat(platform.objects.get(kind, object_id, within))

    return router


def decoded(text: str, what: str) -> bytes:
    """Raises InvalidError for what is no base64."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise InvalidError(f"{what}: it must be base64.") from None


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()
