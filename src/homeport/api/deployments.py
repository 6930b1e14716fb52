"""Publishing a version of an App. Owns reading and checking the request; the platform does the rest."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from fastapi import APIRouter

from ..control.access import Person, demand_uses
from ..control.requests import DeployRequest
from ..core.model import Strategy
from ..errors import InvalidError
from ..manifest import checks, codec, names, tree
from ..manifest.schema import AppManifest
from . import models
from .auth import Caller
from .context import PlatformHere
from .platform_port import Platform
from .sse import EventStream

router = APIRouter(prefix="/deployments", tags=["deployments"])


@router.post("", response_class=EventStream)
async def deploy(body: models.DeploymentRequest, platform: PlatformHere, caller: Caller, wait: bool = False) -> EventStream:
    """Events `progress`, `build`, `published`, and with `wait` also `container` and `settled`.

    A client that disconnects changes nothing: the deployment goes on.
    """
    request = _request(body, caller)
    _judge(request, platform, caller)
    return await EventStream.of(platform.deploy(request, wait), keep_going=True)


@router.delete("/{request_id}", response_model=models.DeploymentCancelled)
async def cancel(request_id: str, platform: PlatformHere) -> dict[str, Any]:
    """End a deploy that is under way and not published, its builds included; else `cancelled` is false."""
    return {"request_id": request_id, "cancelled": platform.cancel_deploy(request_id)}


@router.post("/plan", response_model=models.Plan)
async def plan(body: models.PlanRequest, platform: PlatformHere, caller: Caller) -> dict[str, Any]:
    """What `deploy` would change now. Uploads, builds and changes nothing; refuses what a deploy would be refused for."""
    asked = {"manifest": body.manifest, "environment": body.environment, "request_id": "plan"}
    given = models.DeploymentRequest.model_validate(asked)
    trees = await asyncio.to_thread(lambda: tuple(tree.loads(text.encode()) for text in body.trees))
    request = _request(given, caller)
    _judge(request, platform, caller)
    return await platform.plan(replace(request, trees=trees))


def strategy(text: str) -> Strategy:
    """Raises InvalidError in the words of semantics 1.3."""
    problem = names.strategy_problem(text)
    if problem:
        raise InvalidError(problem)
    return Strategy(text)


def _request(body: models.DeploymentRequest, caller: Person) -> DeployRequest:
    problem = names.object_name_problem("Environment", body.environment)
    problem = problem or (names.deployment_tag_problem(body.tag) if body.tag else None)
    if problem:
        raise InvalidError(problem)
    return DeployRequest(
        manifest=_manifest(body.manifest),
        strategy=strategy(body.strategy),
        environment=body.environment,
        request_id=body.request_id,
        actor=caller.name,
        tag=body.tag,
        client_version=body.client_version,
        commit=dict(body.commit) if body.commit else None,
    )


def _judge(request: DeployRequest, platform: Platform, caller: Person) -> None:
    """Raises PermissionDeniedError for what it uses of other environments, NotFoundError for its own."""
    uses = platform.places.uses_of(request.manifest)
    if uses:
        demand_uses(caller, platform.places.named(request.environment), uses)


def _manifest(document: dict[str, object]) -> AppManifest:
    manifest = codec.from_json(document)
    problems = checks.problems(manifest)
    if problems:
        raise InvalidError(problems[0] + (f" ({len(problems) - 1} more problems.)" if problems[1:] else ""))
    return manifest
