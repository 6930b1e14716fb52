"""The kinds of records about who may do what, and what each one says. Owns names and bodies; writes nothing.

A secret is never in a record; its sha256 is, so that the platform knows it again.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..ports import Record

MEMBER_CREATED = "member.created"
MEMBER_UPDATED = "member.updated"
MEMBER_DELETED = "member.deleted"
MEMBER_ROLE = "environment.role"
API_TOKEN_CREATED = "api_token.created"
API_TOKEN_DELETED = "api_token.deleted"
PROXY_TOKEN_CREATED = "proxy_token.created"
PROXY_TOKEN_UPDATED = "proxy_token.updated"
PROXY_TOKEN_ALLOWED = "proxy_token.allowed"
PROXY_TOKEN_REVOKED = "proxy_token.revoked"
PROXY_TOKEN_DELETED = "proxy_token.deleted"
WORKSPACE_UPDATED = "workspace.updated"


def member_created(member_id: str, name: str, kind: str, role: str, actor: str) -> Record:
    """`kind` is user or service; `role` a `control.access.WorkspaceRole`."""
    return Record(MEMBER_CREATED, {"member_id": member_id, "member": name, "kind": kind, "role": role}, actor)


def member_updated(member_id: str, name: str, role: str, actor: str) -> Record:
    return Record(MEMBER_UPDATED, {"member_id": member_id, "member": name, "role": role}, actor)


def member_deleted(member_id: str, name: str, actor: str) -> Record:
    """With all tokens of this member."""
    return Record(MEMBER_DELETED, {"member_id": member_id, "member": name}, actor)


def member_role(environment: tuple[str, str], member: tuple[str, str], role: str, actor: str) -> Record:
    """`environment` and `member` are (id, name); an empty `role` leaves the member with the environment's default."""
    places: dict[str, object] = {"environment_id": environment[0], "environment": environment[1]}
    return Record(MEMBER_ROLE, {**places, "member_id": member[0], "member": member[1], "role": role}, actor)


def api_token_created(token_id: str, member: tuple[str, str], sha256: str, actor: str) -> Record:
    return Record(
        API_TOKEN_CREATED, {"token_id": token_id, "member_id": member[0], "member": member[1], "sha256": sha256}, actor
    )


def api_token_deleted(token_id: str, member: str, actor: str) -> Record:
    return Record(API_TOKEN_DELETED, {"token_id": token_id, "member": member}, actor)


def proxy_token_created(token_id: str, name: str, sha256: str, environment_ids: Iterable[str], actor: str) -> Record:
    body: dict[str, object] = {"token_id": token_id, "token_name": name, "sha256": sha256}
    return Record(PROXY_TOKEN_CREATED, {**body, "environment_ids": list(environment_ids)}, actor)


def proxy_token_updated(token_id: str, name: str, actor: str) -> Record:
    return Record(PROXY_TOKEN_UPDATED, {"token_id": token_id, "token_name": name}, actor)


def proxy_token_granted(token_id: str, environment: tuple[str, str], granted: bool, actor: str) -> Record:
    """`environment` is (id, name)."""
    kind = PROXY_TOKEN_ALLOWED if granted else PROXY_TOKEN_REVOKED
    return Record(kind, {"token_id": token_id, "environment_id": environment[0], "environment": environment[1]}, actor)


def proxy_token_deleted(token_id: str, name: str, actor: str) -> Record:
    return Record(PROXY_TOKEN_DELETED, {"token_id": token_id, "token_name": name}, actor)


def workspace_updated(key: str, value: str, actor: str) -> Record:
    return Record(WORKSPACE_UPDATED, {"key": key, "value": value}, actor)
