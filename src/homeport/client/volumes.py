"""The platform's Volumes (docs/api.md), a function for each route."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .calls import Calls


def resolve(calls: Calls, name: str, environment: str, *, create_if_missing: bool) -> str:
    """The id of the Volume `name`. Raises NotFoundError if there is none and none was to be made."""
    body = {"name": name, "environment": environment, "create_if_missing": create_if_missing}
    return str(calls.call("POST", "/volumes/resolve", body=body)["volume_id"])
