"""The platform's Servers (docs/api.md), a function for each route; from a user's machine and from containers."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .answers import ServerInfo
    from .calls import Calls


def by_id(calls: Calls, server_id: str, environment: str) -> ServerInfo:
    """The Server with this id (`fu-…`). environment: matters in containers alone. Raises NotFoundError."""
    from urllib.parse import quote

    path = f"/servers/{quote(server_id, safe='')}"
    found: ServerInfo = calls.call("GET", path, params={"environment": environment})  # type: ignore[assignment]  # the API's
    return found


def info(calls: Calls, app: str, name: str, environment: str) -> ServerInfo:
    """The Server `name` of an App, by name or id. Raises NotFoundError."""
    from urllib.parse import quote

    path = f"/servers/{quote(app, safe='')}/{quote(name, safe='')}"
    found: ServerInfo = calls.call("GET", path, params={"environment": environment})  # type: ignore[assignment]  # the API's
    return found
