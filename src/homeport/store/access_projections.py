"""What the records about who may do what mean for their tables: pure functions, as in `projections`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..ports import Record
from . import access_records as kinds
from .change import Change
from .tables import api_tokens, environment_roles, members, proxy_grants, proxy_tokens, workspace_settings


def environment(record: Record) -> dict[str, Any]:
    """What a record says of an environment's access; of before there were roles it says nothing."""
    return {name: record.body[name] for name in ("restricted", "default_role") if name in record.body}


def _made(seq: int, at_ms: int, record: Record) -> dict[str, Any]:
    return {"position": seq, "created_at_ms": at_ms, "created_by": record.actor}


def _member_created(seq: int, at_ms: int, record: Record) -> tuple[Change, ...]:
    body = record.body
    first = {"name": body["member"], "kind": body["kind"], "role": body["role"], **_made(seq, at_ms, record)}
    return (Change(members, {"member_id": body["member_id"]}, first=first, make=True),)


def _member_updated(_seq: int, _at_ms: int, record: Record) -> tuple[Change, ...]:
    return (Change(members, {"member_id": record.body["member_id"]}, {"role": record.body["role"]}),)


def _member_deleted(_seq: int, at_ms: int, record: Record) -> tuple[Change, ...]:
    key, gone = {"member_id": record.body["member_id"]}, {"deleted_at_ms": at_ms}
    return Change(members, key, first=gone), Change(api_tokens, key, first=gone)


def _member_role(_seq: int, _at_ms: int, record: Record) -> tuple[Change, ...]:
    key = {name: record.body[name] for name in ("environment_id", "member_id")}
    return (Change(environment_roles, key, {"role": record.body["role"]}, make=True),)


def _api_token_created(seq: int, at_ms: int, record: Record) -> tuple[Change, ...]:
    body = record.body
    first = {"member_id": body["member_id"], "sha256": body["sha256"], **_made(seq, at_ms, record)}
    return (Change(api_tokens, {"token_id": body["token_id"]}, first=first, make=True),)


def _api_token_deleted(_seq: int, at_ms: int, record: Record) -> tuple[Change, ...]:
    return (Change(api_tokens, {"token_id": record.body["token_id"]}, first={"deleted_at_ms": at_ms}),)


def _proxy_token_created(seq: int, at_ms: int, record: Record) -> tuple[Change, ...]:
    body = record.body
    first = {"name": body["token_name"], "sha256": body["sha256"], **_made(seq, at_ms, record)}
    token = Change(proxy_tokens, {"token_id": body["token_id"]}, first=first, make=True)
    granted = body["environment_ids"]
    assert isinstance(granted, list), granted
    return token, *(_grant(body["token_id"], environment_id, True) for environment_id in granted)


def _proxy_token_updated(_seq: int, _at_ms: int, record: Record) -> tuple[Change, ...]:
    return (Change(proxy_tokens, {"token_id": record.body["token_id"]}, {"name": record.body["token_name"]}),)


def _proxy_token_granted(_seq: int, _at_ms: int, record: Record) -> tuple[Change, ...]:
    body = record.body
    return (_grant(body["token_id"], body["environment_id"], record.kind == kinds.PROXY_TOKEN_ALLOWED),)


def _proxy_token_deleted(_seq: int, at_ms: int, record: Record) -> tuple[Change, ...]:
    return (Change(proxy_tokens, {"token_id": record.body["token_id"]}, first={"deleted_at_ms": at_ms}),)


def _workspace_updated(_seq: int, _at_ms: int, record: Record) -> tuple[Change, ...]:
    return (Change(workspace_settings, {"key": record.body["key"]}, {"value": record.body["value"]}, make=True),)


def _grant(token_id: object, environment_id: object, granted: bool) -> Change:
    key = {"token_id": token_id, "environment_id": environment_id}
    return Change(proxy_grants, key, {"granted": granted}, make=True)


PROJECTORS: Mapping[str, Callable[[int, int, Record], tuple[Change, ...]]] = {
    kinds.MEMBER_CREATED: _member_created,
    kinds.MEMBER_UPDATED: _member_updated,
    kinds.MEMBER_DELETED: _member_deleted,
    kinds.MEMBER_ROLE: _member_role,
    kinds.API_TOKEN_CREATED: _api_token_created,
    kinds.API_TOKEN_DELETED: _api_token_deleted,
    kinds.PROXY_TOKEN_CREATED: _proxy_token_created,
    kinds.PROXY_TOKEN_UPDATED: _proxy_token_updated,
    kinds.PROXY_TOKEN_ALLOWED: _proxy_token_granted,
    kinds.PROXY_TOKEN_REVOKED: _proxy_token_granted,
    kinds.PROXY_TOKEN_DELETED: _proxy_token_deleted,
    kinds.WORKSPACE_UPDATED: _workspace_updated,
}
