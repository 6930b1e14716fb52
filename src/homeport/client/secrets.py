"""The platform's Secrets (docs/api.md), a function for each route. Values go there and never come back."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, TypedDict

    from .calls import Calls

    class SecretInfo(TypedDict):
        name: str
        secret_id: str
        keys: list[str]
        created_at: str
        created_by: str
        updated_at: str


def resolve(calls: Calls, name: str, environment: str, required_keys: Sequence[str]) -> str:
    """The id of the Secret `name`. Raises NotFoundError naming it, or the keys that it lacks."""
    body = {"name": name, "environment": environment, "required_keys": list(required_keys)}
    return str(calls.call("POST", "/secrets/resolve", body=body)["secret_id"])


def keep_values(calls: Calls, values: Mapping[str, str], environment: str, *, dry_run: bool) -> str:
    """The id of a Secret without a name that has these values; equal values have one id. dry_run: keeps nothing."""
    body = {"values": dict(values), "environment": environment, "dry_run": dry_run}
    return str(calls.call("POST", "/secrets/values", body=body)["secret_id"])


def listed(calls: Calls, environment: str) -> list[SecretInfo]:
    """Those that have a name, by name; their keys, and no values."""
    found: list[SecretInfo] = calls.call("GET", "/secrets", params={"environment": environment})["secrets"]
    return found


def create(calls: Calls, name: str, environment: str, values: Mapping[str, str], *, overwrite: bool) -> dict[str, Any]:
    """Raises AlreadyExistsError unless `overwrite`, which replaces all values."""
    body = {"name": name, "environment": environment, "values": dict(values), "overwrite": overwrite}
    return calls.call("POST", "/secrets", body=body)


def update(calls: Calls, name: str, environment: str, values: Mapping[str, str]) -> dict[str, Any]:
    """Adds these values to those it has. Raises NotFoundError."""
    return calls.call("PATCH", f"/secrets/{_part(name)}", params={"environment": environment}, body={"values": dict(values)})


def delete(calls: Calls, name: str, environment: str) -> None:
    """Raises NotFoundError."""
    calls.call("DELETE", f"/secrets/{_part(name)}", params={"environment": environment})


def rotate_key(calls: Calls) -> dict[str, Any]:
    """Returns when all Secrets are encrypted with a new key: `key_id`, and how many `secrets` there were."""
    return calls.call("POST", "/secrets/rotate-key", timeout_s=None)


def _part(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")
