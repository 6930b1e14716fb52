"""What each route takes, as one table: the only place where rights are given. Owns the table and how a wish finds the
environment that it is about; what a role allows, `control.access` knows.

A route that is not in the table is for owners only, so that a forgotten line never opens anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute

from ..control.access import Need, Person, Place, allows, demand
from ..errors import PermissionDeniedError
from .context import MAIN
from .platform_port import Platform


class Where(Enum):
    """Which environment a wish is about: the one that is changed or read, never the one that somebody comes from."""

    NOWHERE = auto()  # the workspace as a whole
    QUERY = auto()  # `environment=`
    BODY = auto()  # its field `environment`
    NAME = auto()  # {name} in the path
    APP = auto()  # that of {app} in the path or `app=`: an id may be one of elsewhere
    CONTAINER = auto()  # that of the App of {container_id}
    ANYWHERE = auto()  # any that the person may do it in


@dataclass(frozen=True, slots=True)
class Rule:
    need: Need
    where: Where = Where.NOWHERE


ANYBODY = Rule(Need.TOKEN)
MANAGE = Rule(Need.MANAGE)
OWNERS = Rule(Need.OWN)
VIEW_APP, CHANGE_APP = Rule(Need.VIEW, Where.APP), Rule(Need.CHANGE, Where.APP)
UPLOAD = Rule(Need.CHANGE, Where.ANYWHERE)  # contents are known by their digests alone, in all environments

RULES: Mapping[str, Rule] = {
    "GET /v1/status": ANYBODY,
    "GET /v1/me": ANYBODY,
    "POST /v1/blobs/missing": UPLOAD,
    "PUT /v1/blobs/{digest}": UPLOAD,
    "POST /v1/deployments": Rule(Need.CHANGE, Where.BODY),
    "POST /v1/deployments/plan": Rule(Need.VIEW, Where.BODY),
    "GET /v1/apps": Rule(Need.VIEW, Where.QUERY),
    "POST /v1/apps": Rule(Need.CHANGE, Where.BODY),
    "GET /v1/apps/{app}": VIEW_APP,
    "GET /v1/apps/{app}/history": VIEW_APP,
    "GET /v1/apps/{app}/tags": VIEW_APP,
    "PUT /v1/apps/{app}/tags": CHANGE_APP,
    "POST /v1/apps/{app}/stop": CHANGE_APP,
    "POST /v1/apps/{app}/rollover": CHANGE_APP,
    "POST /v1/apps/{app}/rollback": CHANGE_APP,
    "GET /v1/apps/{app}/logs": VIEW_APP,
    "GET /v1/containers": VIEW_APP,
    "GET /v1/containers/{container_id}/logs": Rule(Need.VIEW, Where.CONTAINER),
    "POST /v1/containers/{container_id}/stop": Rule(Need.CHANGE, Where.CONTAINER),
    "POST /v1/containers/{container_id}/exec": Rule(Need.CHANGE, Where.CONTAINER),
    "GET /v1/servers/{app}/{server}": VIEW_APP,
    "GET /v1/environments": ANYBODY,  # tells of those that the person may see
    "POST /v1/environments": MANAGE,
    "PATCH /v1/environments/{name}": MANAGE,
    "DELETE /v1/environments/{name}": MANAGE,
    "GET /v1/environments/{name}/roles": Rule(Need.VIEW, Where.NAME),
    "PUT /v1/environments/{name}/roles/{member}": MANAGE,
    "POST /v1/gc": MANAGE,
    "GET /v1/audit": MANAGE,
    "GET /v1/audit/verify": MANAGE,
    "GET /v1/workspace": ANYBODY,
    "PATCH /v1/workspace": OWNERS,
    "GET /v1/workspace/proxy-tokens": MANAGE,
    "POST /v1/workspace/proxy-tokens": MANAGE,
    "PATCH /v1/workspace/proxy-tokens/{token_id}": MANAGE,
    "DELETE /v1/workspace/proxy-tokens/{token_id}": MANAGE,
    "PUT /v1/workspace/proxy-tokens/{token_id}/environments/{environment}": MANAGE,
    "DELETE /v1/workspace/proxy-tokens/{token_id}/environments/{environment}": MANAGE,
    "GET /v1/workspace/members": ANYBODY,
    "POST /v1/workspace/members": MANAGE,
    "PATCH /v1/workspace/members/{name}": MANAGE,
    "DELETE /v1/workspace/members/{name}": MANAGE,
    "GET /v1/workspace/service-users": MANAGE,
    "POST /v1/workspace/service-users": MANAGE,
    "GET /v1/workspace/service-users/{name}": MANAGE,
    "DELETE /v1/workspace/service-users/{name}": MANAGE,
    "GET /v1/workspace/tokens": ANYBODY,  # tells of one's own
    "POST /v1/workspace/tokens": ANYBODY,  # for others: `control.members` asks for more
    "DELETE /v1/workspace/tokens/{token_id}": ANYBODY,  # likewise
}


def by_endpoint(routers: Iterable[APIRouter], prefix: str) -> dict[object, Rule]:
    """The table by the functions that answer: whatever a framework calls a route's path, it names these alike."""
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    names = {route.endpoint: f"{min(route.methods or ())} {prefix}{route.path}" for route in routes}
    return {endpoint: RULES[name] for endpoint, name in names.items() if name in RULES}


async def require(request: Request) -> None:
    """Stands before every route. Raises PermissionDeniedError, NotFoundError for an unknown environment."""
    person: Person = request.state.person
    rule: Rule = request.app.state.rules.get(request.scope["endpoint"], OWNERS)
    if rule.where is Where.NOWHERE or person.manages:
        demand(person, rule.need, None)
        return
    platform: Platform = request.app.state.platform
    if rule.where is Where.ANYWHERE:
        _demand_anywhere(person, rule.need, [platform.environments.place(row.name) for row in platform.environments.rows()])
        return
    demand(person, rule.need, await _place(request, rule.where, platform))


async def _place(request: Request, where: Where, platform: Platform) -> Place:
    environment = request.query_params.get("environment", MAIN)
    match where:
        case Where.BODY:
            return platform.place(await _environment_of_body(request))
        case Where.NAME:
            return platform.place(request.path_params["name"])
        case Where.APP:
            app = request.path_params.get("app") or request.query_params.get("app")
            return platform.place(environment, app=app)
        case Where.CONTAINER:
            return platform.place(environment, container_id=request.path_params["container_id"])
        case _:
            return platform.place(environment)


async def _environment_of_body(request: Request) -> str:
    """What is no JSON, or names none, is refused by the route for what it is."""
    try:
        body = json.loads(await request.body())
    except ValueError:
        return MAIN
    named = body.get("environment", MAIN) if isinstance(body, dict) else MAIN
    return named if isinstance(named, str) else MAIN


def _demand_anywhere(person: Person, need: Need, places: list[Place]) -> None:
    if not any(allows(person, need, place) for place in places):
        raise PermissionDeniedError(
            f"{person.name!r} may change nothing in any environment. Ask a manager for a role: "
            f"`homeport environment roles update ENVIRONMENT {person.name} contributor`."
        )
