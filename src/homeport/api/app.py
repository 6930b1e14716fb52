"""The HTTP API as one ASGI application. Owns which routes there are and what stands before them; does nothing itself.

request -> AnswerUnexpected -> RequireToken -> LimitBody -> rules.require -> route -> Platform
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version

from fastapi import Depends, FastAPI, Security
from starlette.middleware import Middleware

from ..control.access import Person
from ..control.members import OWNER
from ..store.tokens import TokenStore
from . import (
    apps,
    audit,
    autoscaler,
    blobs,
    containers,
    deployments,
    dicts,
    environments,
    garbage,
    images,
    members,
    metrics,
    problems,
    queues,
    redeployments,
    registry,
    rules,
    secrets,
    servers,
    sessions,
    status,
    tokens,
    traffic,
    volume_files,
    volumes,
)
from .auth import BEARER, Doorman, RequireToken
from .limits import LimitBody
from .platform_port import Platform

PREFIX = "/v1"
ROUTERS = (
    status.router,
    blobs.router,
    deployments.router,
    apps.router,
    registry.router,
    redeployments.router,
    containers.router,
    servers.router,
    autoscaler.router,
    traffic.router,
    metrics.router,
    environments.router,
    secrets.router,
    dicts.router,
    queues.router,
    garbage.router,
    volumes.router,
    volume_files.router,
    audit.router,
    tokens.router,
    members.router,
    images.router,
)


@dataclass(frozen=True, slots=True)
class Admins:
    """The doorman of a platform without members: only the admin gets in."""

    tokens: TokenStore

    def who(self, token_id: str, secret: str) -> Person | None:
        return OWNER if self.tokens.verify(token_id, secret) is not None else None


def create_app(platform: Platform, admins: TokenStore, doorman: Doorman | None = None) -> FastAPI:
    """The API of `platform`, for those whom `doorman` lets in; without one for holders of the `admins`' token."""
    app = FastAPI(
        title="homeport",
        version=version("homeport"),
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,  # these pages would load scripts from somewhere else
        redoc_url=None,
        responses=problems.DECLARED,
        middleware=[
            Middleware(problems.AnswerUnexpected),
            Middleware(RequireToken, doorman=doorman or Admins(admins)),
            Middleware(LimitBody),
        ],
        redirect_slashes=False,
    )
    app.state.platform = platform
    app.state.rules = {**rules.by_endpoint(ROUTERS, PREFIX), **rules.by_endpoint([metrics.page], "")}
    app.include_router(status.open_router, prefix=PREFIX)
    app.include_router(metrics.page, dependencies=[Depends(rules.require)])  # where Prometheus looks
    app.include_router(sessions.router)
    for router in ROUTERS:
        app.include_router(router, prefix=PREFIX, dependencies=[Security(BEARER), Depends(rules.require)])
    problems.install(app)
    return app
