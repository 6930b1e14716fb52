"""What every route is given: the platform, and the environment that a name is looked up in. Knows no route."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Query, Request

from .platform_port import Platform


def _platform(request: Request) -> Platform:
    return cast(Platform, request.app.state.platform)


PlatformHere = Annotated[Platform, Depends(_platform)]
Environment = Annotated[str, Query(min_length=1, max_length=64, description="Where an App's name is looked up.")]
MAIN = "main"
