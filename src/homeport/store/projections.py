"""What a record means for the tables that people read: pure functions from one record to changes of rows.

Owns the meaning of records for history; performs nothing (`journal` does, in the record's own transaction). Folding all
records again from the first gives the same rows, and folding one twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..ports import Record
from . import access_projections
from . import records as kinds
from .change import Change
from .tables import app_index, app_tags, container_index, deployments, environments, volumes


def changes(seq: int, at_ms: int, record: Record) -> tuple[Change, ...]:
    """The changes that record number `seq`, written at `at_ms`, makes. Kinds without a projection make none.

    Raises KeyError for a known kind whose body lacks something: a bug of the caller, before anything is written.
    """
    project = PROJECTORS.get(record.kind)
    return project(seq, at_ms, record) if project else ()


def _published(seq: int, at_ms: int, record: Record) -> tuple[Change, ...]:
    body = record.body
    key = {"app_id": body["app_id"], "version": body["version"]}
    copied = {name: body[name] for name in ("client_version", "tag", "commit", "manifest_digest", "type")}
    copied["rollback_version"] = body.get("rollback_version")  # records of before there were rollbacks have none
    deployment = Change(
        deployments, key, first={"at_ms": at_ms, "actor": record.actor, "outcome": "rolling", **copied}, make=True
    )
    if not body["created"]:
        return (deployment,)
    first = {
        "position": seq,
        "name": body["app_name"],
        "environment": body["environment"],
        "state": "initializing",
        "created_at_ms": at_ms,
        "created_by": record.actor,
    }
    return deployment, Change(app_index, {"app_id": body["app_id"]}, first=first, make=True)


def _settled(_seq: int, _at_ms: int, record: Record) -> tuple[Change, ...]:
    body = record.body
    key = {"app_id": body["app_id"], "version": body["version"]}
    values: dict[str, Any] = {"outcome": body["outcome"]}
    if body["reason"]:
        values["reason"] = body["reason"]
    # a live version that is superseded later keeps the moment when it became live: that is how long the rollout took
    first: dict[str, Any] = {"settled_at_ms": body["at_ms"]}
    if body["outcome"] != "live":
        return (Change(deployments, key, values, first),)
    settled = Change(deployments, key, values, first | {"live_at_ms": body["at_ms"]})
    return settled, Change(app_index, {"app_id": body["app_id"]}, {"state": "deployed"})


def _app_stop(_seq: int, _at_ms: int, record: Record) -> tuple[Change, ...]:
    return (Change(app_index, {"app_id": record.body["app_id"]}, {"state": "stopping"}, {"stopped_by": record.actor}),)


def _app_stopped(_seq: int, at_ms: int, record: Record) -> tuple[Change, ...]:
    return (Change(app_index, {"app_id": record.body["app_id"]}, {"state": "stopped"}, {"stopped_at_ms": at_ms}),)


def _app_tags(_seq: int, _at_ms: int, record: Record) -> tuple[Change, ...]:
    values = {name: record.body[name] for name in ("tags", "code_tags")}
    return (Change(app_tags, {"app_id": record.body["app_id"]}, values, make=True),)


def _created(seq: int, at_ms: int, record: Record) -> tuple[Change, ...]:
    first = {name: record.body[name] for name in ("app_id", "service", "version")}
    first |= {"position": seq, "created_at_ms": at_ms}
    return (Change(container_index, _container(record), first=first, make=True),)


def _started(_seq: int, at_ms: int, record: Record) -> tuple[Change, ...]:
    values = {"address": record.body["address"]}
    return (Change(container_index, _container(record), values, {"started_at_ms": at_ms}),)


def _ready(_seq: int, at_ms: int, record: Record) -> tuple[Change, ...]:
    return (Change(container_index, _container(record), first={"ready_at_ms": at_ms}),)


def _container_stop(_seq: int, _at_ms: int, record: Record) -> tuple[Change, ...]:
    return (Change(container_index, _container(record), first={"stopped_by": record.actor}),)


def _ended(_seq: int, at_ms: int, record: Record) -> tuple[Change, ...]:
    first = {name: record.body[name] for name in ("reason", "exit_code", "detail")}
    first["failed"] = record.body.get("failed")  # older records don't say
    return (Change(container_index, _container(record), first={**first, "ended_at_ms": at_ms}),)


def _requests_cut(_seq: int, _at_ms: int, record: Record) -> tuple[Change, ...]:
    return (Change(container_index, _container(record), {"cut": record.body["count"]}),)


def _environment_created(seq: int, at_ms: int, record: Record) -> tuple[Change, ...]:
    first = {name: record.body[name] for name in ("name", "web_suffix")}
    first |= {"position": seq, "created_at_ms": at_ms, "created_by": record.actor}
    first |= access_projections.environment(record)
    return (Change(environments, _environment(record), first=first, make=True),)


def _environment_updated(_seq: int, _at_ms: int, record: Record) -> tuple[Change, ...]:
    body = record.body
    values = {"name": body["name"], "web_suffix": body["web_suffix"], **access_projections.environment(record)}
    renamed = Change(environments, _environment(record), values)
    if body["old_name"] == body["name"]:
        return (renamed,)
    return renamed, *_goes_along(body["old_name"], body["name"])


def _environment_deleted(_seq: int, at_ms: int, record: Record) -> tuple[Change, ...]:
    """What was in it keeps the name that no environment can have, so the next one that is called alike does not get it."""
    body = record.body
    deleted = Change(environments, _environment(record), first={"deleted_at_ms": at_ms})
    return deleted, *_goes_along(body["name"], f"{body['name']} ({body['environment_id']})")


def _goes_along(old: object, new: object) -> list[Change]:
    return [Change(table, {"environment": old}, {"environment": new}) for table in (app_index, volumes)]


def _volume_created(seq: int, at_ms: int, record: Record) -> tuple[Change, ...]:
    first = {name: record.body[name] for name in ("name", "environment")}
    first |= {"position": seq, "created_at_ms": at_ms, "created_by": record.actor}
    return (Change(volumes, _volume(record), first=first, make=True),)


def _volume_renamed(_seq: int, _at_ms: int, record: Record) -> tuple[Change, ...]:
    return (Change(volumes, _volume(record), {"name": record.body["name"]}),)


def _volume_deleted(_seq: int, at_ms: int, record: Record) -> tuple[Change, ...]:
    return (Change(volumes, _volume(record), first={"deleted_at_ms": at_ms}),)


def _volume(record: Record) -> dict[str, Any]:
    return {"volume_id": record.body["volume_id"]}


def _environment(record: Record) -> dict[str, Any]:
    return {"environment_id": record.body["environment_id"]}


def _container(record: Record) -> dict[str, Any]:
    return {"container_id": record.body["container_id"]}


Projector = Callable[[int, int, Record], tuple[Change, ...]]

PROJECTORS: Mapping[str, Projector] = {
    kinds.DEPLOYMENT_PUBLISHED: _published,
    kinds.DEPLOYMENT_SETTLED: _settled,
    kinds.APP_STOP: _app_stop,
    kinds.APP_STOPPED: _app_stopped,
    kinds.APP_TAGS: _app_tags,
    kinds.CONTAINER_CREATED: _created,
    kinds.CONTAINER_STARTED: _started,
    kinds.CONTAINER_READY: _ready,
    kinds.CONTAINER_STOP: _container_stop,
    kinds.CONTAINER_ENDED: _ended,
    kinds.REQUESTS_CUT: _requests_cut,
    kinds.ENVIRONMENT_CREATED: _environment_created,
    kinds.ENVIRONMENT_UPDATED: _environment_updated,
    kinds.ENVIRONMENT_DELETED: _environment_deleted,
    **access_projections.PROJECTORS,
    kinds.VOLUME_CREATED: _volume_created,
    kinds.VOLUME_RENAMED: _volume_renamed,
    kinds.VOLUME_DELETED: _volume_deleted,
}
