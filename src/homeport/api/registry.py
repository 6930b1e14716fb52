"""Apps without a file: making an empty one, and the tags of any. Owns checking what is asked; the platform does the rest."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from ..control.requests import CreateRequest
from ..errors import InvalidError
from ..manifest import names
from . import models
from .auth import Actor
from .context import MAIN, Environment, PlatformHere

router = APIRouter(prefix="/apps", tags=["apps"])


@router.post("", response_model=models.AppCreated)
async def create(body: models.AppRequest, platform: PlatformHere, actor: Actor) -> dict[str, Any]:
    """The App of this name if there is one that is not stopped, else a new one without Servers."""
    problem = names.app_name_problem(body.name) or names.object_name_problem("Environment", body.environment)
    if problem:
        raise InvalidError(problem)
    return await platform.create_app(
        CreateRequest(body.name, body.environment, body.request_id, actor, body.client_version)
    )  # fmt: skip


@router.get("/{app}/tags", response_model=models.Tags)
async def tags(app: str, platform: PlatformHere, environment: Environment = MAIN) -> dict[str, Any]:
    return {"tags": await platform.app_tags(app, environment)}


@router.put("/{app}/tags", response_model=models.Tags)
async def set_tags(
    app: str, body: models.TagsRequest, platform: PlatformHere, actor: Actor, environment: Environment = MAIN
) -> dict[str, Any]:  # fmt: skip
    """Replaces all tags of the App. No new version, and nothing restarts."""
    problems = (names.app_tag_problem(key, value) for key, value in sorted(body.tags.items()))
    if problem := next(filter(None, problems), None):
        raise InvalidError(problem)
    return {"tags": await platform.set_app_tags(app, environment, body.tags, actor)}
