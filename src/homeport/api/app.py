"""The HTTP API as one ASGI application. Owns which routes there are and what stands before them; does nothing itself.

request -> AnswerUnexpected -> RequireToken -> LimitBody -> route -> Platform
"""

from __future__ import annotations

from importlib.metadata import version

from fastapi import FastAPI, Security
from starlette.middleware import Middleware

from ..store.tokens import TokenStore
from . import (
    apps,
    audit,
    blobs,
    containers,
    deployments,
    dicts,
    environments,
    garbage,
    images,
    metrics,
    problems,
    queues,
    redeployments,
    registry,
    secrets,
    servers,
    status,
    traffic,
    volume_files,
    volumes,
)
from .auth import BEARER, RequireToken
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
    images.router,
)


def create_app(platform: Platform, tokens: TokenStore) -> FastAPI:
    """The API of `platform`, for those who hold one of `tokens`."""
    app = FastAPI(
        title="homeport",
        version=version("homeport"),
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,  # these pages would load scripts from somewhere else
        redoc_url=None,
        responses=problems.DECLARED,
        middleware=[
            Middleware(problems.AnswerUnexpected),
            Middleware(RequireToken, tokens=tokens),
            Middleware(LimitBody),
        ],
        redirect_slashes=False,
    )
    app.state.platform = platform
    app.include_router(status.open_router, prefix=PREFIX)
    app.include_router(metrics.page)  # where Prometheus looks
    for router in ROUTERS:
        app.include_router(router, prefix=PREFIX, dependencies=[Security(BEARER)])
    problems.install(app)
    return app
