"""What the platform's Dicts and Queues have in common (docs/api.md), a function for each route. `kind`: dicts or queues."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypedDict

    from .calls import Calls

    class ObjectInfo(TypedDict):
        object_id: str
        name: str | None
        environment: str
        created_at: str
        created_by: str


def resolve(calls: Calls, kind: str, name: str, environment: str, *, create: bool) -> str:
    """The id of the one called `name`. Raises NotFoundError if there is none and none was to be made."""
    body = {"name": name, "environment": environment, "create_if_missing": create}
    return str(calls.call("POST", f"/{kind}/resolve", body=body)["object_id"])


def create(calls: Calls, kind: str, name: str, environment: str, *, allow_existing: bool = False) -> dict[str, Any]:
    """Without a name: one that lives as long as it gets a `heartbeat` every few minutes. Raises AlreadyExistsError."""
    body = {"name": name, "environment": environment, "allow_existing": allow_existing}
    return calls.call("POST", f"/{kind}", body=body)


def listed(calls: Calls, kind: str, environment: str) -> list[ObjectInfo]:
    """Those with a name, newest first."""
    found: list[ObjectInfo] = calls.call("GET", f"/{kind}", params={"environment": environment})["objects"]
    return found


def info(calls: Calls, kind: str, object_id: str) -> ObjectInfo:
    """Raises NotFoundError."""
    found: ObjectInfo = calls.call("GET", f"/{kind}/{object_id}")  # type: ignore[assignment]  # its fields are the API's
    return found


def delete(calls: Calls, kind: str, object_id: str) -> None:
    """With all that is in it. Raises NotFoundError."""
    calls.call("DELETE", f"/{kind}/{object_id}")


def heartbeat(calls: Calls, kind: str, object_id: str) -> None:
    calls.call("POST", f"/{kind}/{object_id}/heartbeat")
