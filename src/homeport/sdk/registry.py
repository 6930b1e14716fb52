"""Deployed Apps as objects: found, made, stopped, and their tags (semantics 1.8, 1.10). Knows no Server or file."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from ..client.http import Client
from ..errors import InvalidError, NotFoundError
from ..manifest.names import app_name_problem, is_app_id
from .connect import session
from .deployed import Deployed
from .options import check_tags


@dataclass(frozen=True, slots=True)
class Wanted:
    """An App by name or id; `create`: make one without Servers if there is none of this name."""

    ref: str
    create: bool = False
    environment_name: str | None = None


def find(wanted: Wanted, client: Client | None) -> tuple[str, Deployed]:
    """Its name, and where it is. Raises NotFoundError, and InvalidError for a name that no App can have."""
    by_id = is_app_id(wanted.ref)
    if not by_id and (problem := app_name_problem(wanted.ref)):
        raise InvalidError(problem)
    with session(client, wanted.environment_name) as (connected, environment):
        if wanted.create and not by_id:
            app_id, name = _make(wanted.ref, environment, connected)
        else:
            answer = connected.app(wanted.ref, environment)
            if not by_id and answer["lifecycle"]["state"] in ("stopping", "stopped"):
                raise NotFoundError(
                    f"App {wanted.ref!r} in the {environment!r} environment is stopped; deploy it again, "
                    "or look it up by its id."
                )
            app_id, name = answer["app_id"], answer["description"]
        url = f"{connected.target.server_url}/v1/apps/{app_id}"
    return name, Deployed(app_id, url, wanted.environment_name, client)


def stop(app: Deployed) -> None:
    """Raises ConflictError for an App that is stopped already."""
    with session(app.client, app.environment_name) as (connected, environment):
        connected.stop_app(app.app_id, environment)


def set_tags(app: Deployed, tags: Mapping[str, str]) -> None:
    """Raises InvalidError for tags that are not legal."""
    if not isinstance(tags, Mapping):
        raise InvalidError(f"`tags` must be a dictionary of text, not {tags!r}.")
    check_tags(tags)
    with session(app.client, app.environment_name) as (connected, environment):
        connected.set_app_tags(app.app_id, environment, tags)


def get_tags(app: Deployed) -> dict[str, str]:
    with session(app.client, app.environment_name) as (connected, environment):
        return connected.app_tags(app.app_id, environment)


def _make(name: str, environment: str, client: Client) -> tuple[str, str]:
    from .. import __version__

    made = client.create_app(
        {"name": name, "environment": environment, "request_id": secrets.token_hex(16), "client_version": __version__}
    )
    return made["app_id"], made["description"]
