"""Images: building one by itself, the names that were given to some, and what builds said."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from ..control.access import demand_uses
from ..errors import InvalidError
from ..manifest import checks, codec
from . import models
from .auth import Caller
from .context import PlatformHere
from .sse import EventStream

router = APIRouter(prefix="/images", tags=["images"])


@router.post("/build", response_class=EventStream)
async def build(body: models.ImageBuildRequest, platform: PlatformHere, caller: Caller) -> EventStream:
    """Events `build` and `built`. A client that disconnects ends the build, unless somebody else waits for it too."""
    recipe = codec.recipe_from_json(body.recipe)
    if problems := checks.recipe_problems(recipe):
        raise InvalidError(problems[0])
    demand_uses(caller, None, platform.places.uses_of_image(recipe))
    return await EventStream.of(platform.builds.build(recipe, body.name, caller.name))


@router.get("/names", response_model=models.ImageNames)
async def names(platform: PlatformHere) -> dict[str, Any]:
    """What was published, by name."""
    return {"names": platform.builds.names()}


@router.get("/{image_id}/logs", response_class=EventStream)
async def logs(image_id: str, platform: PlatformHere) -> EventStream:
    """What the last build of this image (`im-…`) said, also if it failed: events `build`, then `end`."""
    return await EventStream.of(platform.builds.log(image_id))
