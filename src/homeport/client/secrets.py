"""The platform's Secrets (docs/api.md), a function for each route. Values go there and never come back."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .calls import Calls


def resolve(calls: Calls, name: str, environment: str, required_keys: Sequence[str]) -> str:
    """The id of the Secret `name`. Raises NotFoundError naming it, or the keys that it lacks."""
    body = {"name": name, "environment": environment, "required_keys": list(required_keys)}
    return str(calls.call("POST", "/secrets/resolve", body=body)["secret_id"])


def keep_values(calls: Calls, values: Mapping[str, str], environment: str, *, dry_run: bool) -> str:
    """The id of a Secret without a name that has these values; equal values have one id. dry_run: keeps nothing."""
    body = {"values": dict(values), "environment": environment, "dry_run": dry_run}
    return str(calls.call("POST", "/secrets/values", body=body)["secret_id"])
