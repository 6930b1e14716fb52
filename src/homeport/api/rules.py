"""What each route takes, as one table: the only place where rights are given. Owns the table and how a wish finds the
environment that it is about; what a role allows, `control.access` knows.

A route that is not in the table is for owners only, so that a forgotten line never opens anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute

from ..control.access import Need, Person, Place, allows, demand
from ..control.places import Places
from ..errors import PermissionDeniedError
from ..store.objects import Kind
from .context import MAIN
from .platform_port import Platform


class Where(Enum):
    """Which environment a wish is about: the one that is changed or read, never the one that somebody comes from."""

    NOWHERE = auto()  # the workspace as a whole
    QUERY = auto()  # `environment=`
    BODY = auto()  # its field `environment`
    NAME = auto()  # {name} in the path
    APP = auto()  # that of {app} in the path or `app=`: an id may be one of elsewhere
    SERVER = auto()  # that of the App of {server_id}
    CONTAINER = auto()  # that of the App of {container_id}
    VOLUME = auto()  # that of {volume_id}
    DICT = auto()  # that of {object_id}
    QUEUE = auto()
    DEPLOY = auto()  # that of {request_id}, while it is under way
    ANYWHERE = auto()  # any that the person may do it in


@dataclass(frozen=True, slots=True)
class Rule:
    """`making`: what it takes if the body asks for what is not there to be made."""

    need: Need
    where: Where = Where.NOWHERE
    making: Need | None = None


ANYBODY = Rule(Need.TOKEN)
MANAGE = Rule(Need.MANAGE)
OWNERS = Rule(Need.OWN)
VIEW_APP, CHANGE_APP = Rule(Need.VIEW, Where.APP), Rule(Need.CHANGE, Where.APP)
VIEW_QUERY, CHANGE_QUERY = Rule(Need.VIEW, Where.QUERY), Rule(Need.CHANGE, Where.QUERY)
VIEW_BODY, CHANGE_BODY = Rule(Need.VIEW, Where.BODY), Rule(Need.CHANGE, Where.BODY)
VIEW_VOLUME, CHANGE_VOLUME = Rule(Need.VIEW, Where.VOLUME), Rule(Need.CHANGE, Where.VOLUME)
RESOLVE = Rule(Need.VIEW, Where.BODY, making=Need.CHANGE)
UPLOAD = Rule(Need.CHANGE, Where.ANYWHERE)  # contents are known by their digests alone, in all environments
VIEW_IMAGES, BUILD = Rule(Need.VIEW, Where.ANYWHERE), Rule(Need.CHANGE, Where.ANYWHERE)  # likewise


def _of_objects(path: str, where: Where, viewing: Iterable[str], changing: Iterable[str]) -> Mapping[str, Rule]:
    """What Dicts and Queues have in common, and the rest of what is in one."""
    one = f"{path}/{{object_id}}"
    return {
        f"GET {path}": VIEW_QUERY,
        f"POST {path}": CHANGE_BODY,
        f"POST {path}/resolve": RESOLVE,
        f"GET {one}": Rule(Need.VIEW, where),
        f"DELETE {one}": Rule(Need.CHANGE, where),
        f"POST {one}/heartbeat": Rule(Need.CHANGE, where),
        **{f"{route.replace(' ', f' {one}/')}": Rule(Need.VIEW, where) for route in viewing},
        **{f"{route.replace(' ', f' {one}/')}": Rule(Need.CHANGE, where) for route in changing},
    }


RULES: Mapping[str, Rule] = {
    "GET /metrics": MANAGE,  # of all environments
    "GET /v1/status": ANYBODY,
    "GET /v1/me": ANYBODY,
    "POST /v1/blobs/missing": UPLOAD,
    "POST /v1/blobs/batch": UPLOAD,
    "GET /v1/blobs/{digest}": UPLOAD,  # how much of it has arrived; no content is given out
    "PUT /v1/blobs/{digest}": UPLOAD,
    "POST /v1/deployments": CHANGE_BODY,  # for what it uses of elsewhere, the route asks `control.access` too
    "POST /v1/deployments/plan": VIEW_BODY,  # likewise
    "DELETE /v1/deployments/{request_id}": Rule(Need.CHANGE, Where.DEPLOY),
    "GET /v1/apps": VIEW_QUERY,
    "POST /v1/apps": CHANGE_BODY,
    "GET /v1/apps/{app}": VIEW_APP,
    "GET /v1/apps/{app}/history": VIEW_APP,
    "GET /v1/apps/{app}/tags": VIEW_APP,
    "PUT /v1/apps/{app}/tags": CHANGE_APP,
    "POST /v1/apps/{app}/stop": CHANGE_APP,
    "POST /v1/apps/{app}/rollover": CHANGE_APP,
    "POST /v1/apps/{app}/rollback": CHANGE_APP,
    "GET /v1/apps/{app}/logs": VIEW_APP,
    "GET /v1/apps/{app}/stats": VIEW_APP,
    "GET /v1/containers": VIEW_APP,
    "GET /v1/containers/{container_id}/logs": Rule(Need.VIEW, Where.CONTAINER),
    "POST /v1/containers/{container_id}/stop": Rule(Need.CHANGE, Where.CONTAINER),
    "POST /v1/containers/{container_id}/exec": Rule(Need.CHANGE, Where.CONTAINER),
    "GET /v1/servers/{server_id}": Rule(Need.VIEW, Where.SERVER),
    "GET /v1/servers/{app}/{server}": VIEW_APP,
    "GET /v1/servers/{app}/{server}/requests": VIEW_APP,
    "GET /v1/servers/{app}/{server}/stats": VIEW_APP,
    "GET /v1/servers/{app}/{server}/metrics": VIEW_APP,
    "GET /v1/servers/{app}/{server}/metrics/schema": VIEW_APP,
    "GET /v1/servers/{app}/{server}/autoscaler": VIEW_APP,
    "GET /v1/servers/{app}/{server}/autoscaler/explain": VIEW_APP,
    "PATCH /v1/servers/{app}/{server}/autoscaler": CHANGE_APP,
    "GET /v1/environments": ANYBODY,  # tells of those that the person may see
    "POST /v1/environments": MANAGE,
    "PATCH /v1/environments/{name}": MANAGE,
    "DELETE /v1/environments/{name}": MANAGE,
    "GET /v1/environments/{name}/roles": Rule(Need.VIEW, Where.NAME),
    "PUT /v1/environments/{name}/roles/{member}": MANAGE,
    "GET /v1/secrets": VIEW_QUERY,
    "POST /v1/secrets": CHANGE_BODY,
    "PATCH /v1/secrets/{name}": CHANGE_QUERY,
    "DELETE /v1/secrets/{name}": CHANGE_QUERY,
    "POST /v1/secrets/resolve": VIEW_BODY,
    "POST /v1/secrets/values": CHANGE_BODY,
    "POST /v1/secrets/rotate-key": MANAGE,
    **_of_objects(
        "/v1/dicts",
        Where.DICT,
        viewing=("POST get", "GET content", "GET len", "GET entries"),
        changing=("POST put", "PUT uploads/{upload}", "POST pop", "POST clear"),
    ),
    **_of_objects(
        "/v1/queues",
        Where.QUEUE,
        viewing=("POST peek", "GET len"),
        changing=("POST put", "POST get", "POST clear"),  # to get is to take out
    ),
    "GET /v1/volumes": VIEW_QUERY,
    "POST /v1/volumes": CHANGE_BODY,
    "POST /v1/volumes/resolve": RESOLVE,
    "GET /v1/volumes/{volume_id}": VIEW_VOLUME,
    "GET /v1/volumes/{volume_id}/users": VIEW_VOLUME,
    "PATCH /v1/volumes/{volume_id}": CHANGE_VOLUME,
    "DELETE /v1/volumes/{volume_id}": CHANGE_VOLUME,
    "POST /v1/volumes/{volume_id}/heartbeat": CHANGE_VOLUME,
    "POST /v1/volumes/{volume_id}/commit": CHANGE_VOLUME,
    "GET /v1/volumes/{volume_id}/entries": VIEW_VOLUME,
    "GET /v1/volumes/{volume_id}/content": VIEW_VOLUME,
    "PUT /v1/volumes/{volume_id}/content": CHANGE_VOLUME,
    "DELETE /v1/volumes/{volume_id}/content": CHANGE_VOLUME,
    "POST /v1/volumes/{volume_id}/existing": VIEW_VOLUME,
    "POST /v1/volumes/{volume_id}/copy": CHANGE_VOLUME,
    "POST /v1/images/build": BUILD,  # for what it uses, the route asks `control.access` too
    "GET /v1/images/names": VIEW_IMAGES,
    "GET /v1/images/{image_id}/logs": VIEW_IMAGES,
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
    """Stands before every route, and lets a stream ask again while it goes on (`request.state.still_allowed`).

    Raises PermissionDeniedError, NotFoundError for an environment or object that is not there.
    """
    rule: Rule = request.app.state.rules.get(request.scope["endpoint"], OWNERS)
    body = await _body(request) if rule.where is Where.BODY else {}
    platform: Platform = request.app.state.platform
    _judge(request, rule, body, platform)

    def again() -> None:
        request.state.person = request.state.identify()
        _judge(request, rule, body, platform)

    request.state.still_allowed = again


def _judge(request: Request, rule: Rule, body: Mapping[str, object], platform: Platform) -> None:
    person: Person = request.state.person
    if rule.where is Where.NOWHERE or person.manages:
        demand(person, rule.need, None)
        return
    if rule.where is Where.ANYWHERE:
        _demand_anywhere(person, rule.need, platform.places.everywhere())
        return
    place = _place(request, rule.where, platform.places, body)
    need = rule.making if rule.making is not None and body.get("create_if_missing") else rule.need
    if place is not None:
        demand(person, need, place)


def _place(request: Request, where: Where, places: Places, body: Mapping[str, object]) -> Place | None:
    """None for what can change nothing, whoever asks for it."""
    params, query = request.path_params, request.query_params
    environment = query.get("environment", MAIN)
    match where:
        case Where.BODY:
            named = body.get("environment", MAIN)
            return places.named(named if isinstance(named, str) else MAIN)
        case Where.NAME:
            return places.named(params["name"])
        case Where.APP:
            return places.of_app(params.get("app") or query.get("app"), environment)
        case Where.SERVER:
            return places.of_server(params["server_id"], environment)
        case Where.CONTAINER:
            return places.of_container(params["container_id"], environment)
        case Where.VOLUME:
            return places.of_volume(params["volume_id"])
        case Where.DICT | Where.QUEUE:
            return places.of_object(Kind.DICT if where is Where.DICT else Kind.QUEUE, params["object_id"])
        case Where.DEPLOY:
            return places.of_deploy(params["request_id"])
        case _:
            return places.named(environment)


async def _body(request: Request) -> Mapping[str, object]:
    """What is no JSON object is refused by the route for what it is."""
    try:
        body = await request.json()  # which is parsed once, here or before
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _demand_anywhere(person: Person, need: Need, places: list[Place]) -> None:
    if not any(allows(person, need, place) for place in places):
        raise PermissionDeniedError(
            f"{person.name!r} has no write access to any environment. Ask a manager for a role: "
            f"`homeport environment roles update ENVIRONMENT {person.name} contributor`."
        )
