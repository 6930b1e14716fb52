"""Tokens, members and roles of the workspace (docs/api.md), a function for each route. Secrets come back once, when made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypedDict, cast
from urllib.parse import quote

if TYPE_CHECKING:
    from .calls import Calls

PROXY = "/workspace/proxy-tokens"
MEMBERS = "/workspace/members"
SERVICES = "/workspace/service-users"
TOKENS = "/workspace/tokens"


class ProxyToken(TypedDict):
    """`token_secret` is there only in the answer of `create_proxy_token`."""

    token_id: str
    token_secret: str
    name: str
    created_at: str
    created_by: str
    scoped: bool
    environments: list[str]


def rbac(calls: Calls) -> bool:
    """Whether proxy tokens are bound to environments."""
    return bool(calls.call("GET", "/workspace")["rbac"])


def set_rbac(calls: Calls, on: bool) -> None:
    calls.call("PATCH", "/workspace", body={"rbac": on})


def proxy_tokens(calls: Calls, environment: str | None = None) -> list[ProxyToken]:
    """environment: only those that are good there."""
    return cast(list[ProxyToken], calls.call("GET", PROXY, params={"environment": environment})["proxy_tokens"])


def create_proxy_token(calls: Calls, name: str, environments: Sequence[str]) -> ProxyToken:
    return cast(ProxyToken, calls.call("POST", PROXY, body={"name": name, "environments": list(environments)}))


def rename_proxy_token(calls: Calls, token_id: str, name: str) -> ProxyToken:
    return cast(ProxyToken, calls.call("PATCH", f"{PROXY}/{_part(token_id)}", body={"name": name}))


def grant(calls: Calls, token_id: str, environment: str, allowed: bool) -> ProxyToken:
    """Returns when it holds for every further request."""
    path = f"{PROXY}/{_part(token_id)}/environments/{_part(environment)}"
    return cast(ProxyToken, calls.call("PUT" if allowed else "DELETE", path))


def delete_proxy_token(calls: Calls, token_id: str) -> None:
    """Returns when no further request gets in with it."""
    calls.call("DELETE", f"{PROXY}/{_part(token_id)}")


def me(calls: Calls) -> dict[str, Any]:
    """Whom the token stands for: name, kind, role, and roles by environment."""
    return calls.call("GET", "/me")


def members(calls: Calls) -> list[dict[str, Any]]:
    return cast(list[dict[str, Any]], calls.call("GET", MEMBERS)["members"])


def create_member(calls: Calls, name: str, role: str) -> dict[str, Any]:
    """With `token_id` and `token_secret`."""
    return calls.call("POST", MEMBERS, body={"name": name, "role": role})


def set_member_role(calls: Calls, name: str, role: str) -> dict[str, Any]:
    return calls.call("PATCH", f"{MEMBERS}/{_part(name)}", body={"role": role})


def delete_member(calls: Calls, name: str) -> None:
    calls.call("DELETE", f"{MEMBERS}/{_part(name)}")


def service_users(calls: Calls) -> list[dict[str, Any]]:
    return cast(list[dict[str, Any]], calls.call("GET", SERVICES)["service_users"])


def service_user(calls: Calls, name: str) -> dict[str, Any]:
    return calls.call("GET", f"{SERVICES}/{_part(name)}")


def create_service_user(calls: Calls, name: str) -> dict[str, Any]:
    """With `token_id` and `token_secret`."""
    return calls.call("POST", SERVICES, body={"name": name})


def delete_service_user(calls: Calls, name: str) -> None:
    calls.call("DELETE", f"{SERVICES}/{_part(name)}")


def api_tokens(calls: Calls) -> list[dict[str, Any]]:
    return cast(list[dict[str, Any]], calls.call("GET", TOKENS)["tokens"])


def create_api_token(calls: Calls, member: str | None) -> dict[str, Any]:
    """For oneself, or for `member`; with `token_secret`."""
    return calls.call("POST", TOKENS, body={"member": member})


def delete_api_token(calls: Calls, token_id: str) -> None:
    calls.call("DELETE", f"{TOKENS}/{_part(token_id)}")


def roles(calls: Calls, environment: str) -> list[dict[str, Any]]:
    return cast(list[dict[str, Any]], calls.call("GET", f"/environments/{_part(environment)}/roles")["roles"])


def set_role(calls: Calls, environment: str, member: str, role: str) -> dict[str, Any]:
    """role: contributor, viewer, no-access, or default for none of their own."""
    return calls.call("PUT", f"/environments/{_part(environment)}/roles/{_part(member)}", body={"role": role})


def _part(text: str) -> str:
    return quote(text, safe="")
