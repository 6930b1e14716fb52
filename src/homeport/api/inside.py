"""The API as containers see it, on a socket that is in every one of them: what they may use, and nothing of what people may.

Owns who is asking (the token of the container's environment) and that nobody reaches another environment. There is no route
here for Apps, deployments, Secrets or containers.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Annotated, Any, Protocol
from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from ..control.identity import Caller
from ..control.objects import refuse_out_of_reach
from ..errors import AuthError, Error, NotFoundError
from . import dicts, models, problems, queues, volume_files, volumes
from .context import MAIN, Environment, PlatformHere
from .limits import LimitBody
from .platform_port import Platform

PREFIX = "/v1"


class Gate(Protocol):
    """What is asked of the World."""

    def caller(self, token: str) -> Caller | None:
        """Whose token it is; None for a bad one, and for one of a container that has ended."""
        ...

    def environment_of(self, app_id: str) -> str | None: ...


def _caller(request: Request) -> Caller:
    found: Caller = request.state.caller
    return found


CallerHere = Annotated[Caller, Depends(_caller)]

router = APIRouter()


@router.get("/whoami")
async def whoami(caller: CallerHere) -> dict[str, str]:
    """The container that asks."""
    return {"container_id": caller.container_id, "app_id": caller.app_id, "environment": caller.environment}


@router.get("/servers/{app}/{server}", response_model=models.ServerInfo)
async def server_info(
    app: str, server: str, platform: PlatformHere, request: Request, environment: Environment = MAIN
) -> dict[str, Any]:  # fmt: skip
    """As for people, in the container's own environment."""
    info = platform.server_info(app, server, environment)
    if not _is_in(environment, info, request):
        raise NotFoundError(f"No App with name {app!r} found in the {environment!r} environment")
    return info


@router.get("/servers/{server_id}", response_model=models.ServerInfo)
async def server_by_id(
    server_id: str, platform: PlatformHere, request: Request, environment: Environment = MAIN
) -> dict[str, Any]:  # fmt: skip
    """Likewise."""
    info = platform.server_by_id(server_id)
    if not _is_in(environment, info, request):
        raise NotFoundError(f"There is no Server with the id {server_id!r} in the {environment!r} environment")
    return info


def _is_in(environment: str, server: Mapping[str, Any], request: Request) -> bool:
    gate: Gate = request.app.state.gate
    return gate.environment_of(str(server["app_id"])) == environment


ROUTERS = (router, dicts.router, queues.router)
VOLUME_ROUTERS = (volumes.router, volume_files.router)


def create_inside_app(platform: Platform, gate: Gate) -> FastAPI:
    """The application behind the socket."""
    app = FastAPI(
        title="homeport, inside",
        version=version("homeport"),
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        responses=problems.DECLARED,
        middleware=[Middleware(problems.AnswerUnexpected), Middleware(RequireContainer, gate=gate), Middleware(LimitBody)],
        redirect_slashes=False,
    )
    app.state.platform, app.state.gate = platform, gate
    for each in ROUTERS:
        app.include_router(each, prefix=PREFIX)
    for each in VOLUME_ROUTERS:
        app.include_router(each, prefix=PREFIX, dependencies=[Depends(volumes.in_reach)])
    problems.install(app)
    return app


class RequireContainer:
    """ASGI middleware: 401 or 403 in words, or `request.state` knows the container and all environments are its own."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                scope = self._admitted(scope)
            except Error as error:
                await problems.answer(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _admitted(self, scope: Scope) -> Scope:
        caller = self._caller(dict(scope["headers"]))
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        for named in query.get("environment", ()):
            refuse_out_of_reach(named, caller.environment)
        query["environment"] = [caller.environment]
        state = {"caller": caller, "actor": caller.container_id, "within": caller.environment}
        asked = urlencode(query, doseq=True).encode("latin-1")
        return {**scope, "query_string": asked, "state": {**scope.get("state", {}), **state}}

    def _caller(self, headers: Mapping[bytes, bytes]) -> Caller:
        scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").strip().partition(" ")
        caller = self._gate.caller(token.strip()) if scheme.lower() == "bearer" else None
        if caller is None:
            raise AuthError("The platform answers containers that run, and this is no token of one.")
        return caller
