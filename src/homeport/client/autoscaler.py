"""The autoscaler of one Server (docs/api.md), a function for each route."""

from __future__ import annotations

from urllib.parse import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypedDict, cast

    from .calls import Calls

    Server = tuple[str, str, str]  # its App's name or id, its name, the environment

    class AutoscalerSettings(TypedDict):
        """By public name: `target_concurrency` in requests per container, windows in seconds; None is none."""

        app_id: str
        server_name: str
        object_id: str
        current_settings: dict[str, float | None]
        default_settings: dict[str, float | None]
        static_settings: dict[str, float | None]
        override_settings: dict[str, float | None]
        override_events: list[dict[str, str]]

    class Explanation(TypedDict):
        """Why there are `wanted` containers; `lines` says it in words."""

        app_id: str
        server_name: str
        object_id: str
        wanted: int
        containers: dict[str, int]
        needed: int
        rule: str
        since: str | None
        in_flight: float | None
        retry_after_s: int
        when_idle: dict[str, str | int] | None
        lines: list[str]

else:

    def cast(_kind, value):
        return value


def settings(calls: Calls, server: Server) -> AutoscalerSettings:
    """Raises NotFoundError where there is no such Server."""
    app, name, environment = server
    return cast("AutoscalerSettings", calls.call("GET", _path(app, name), params={"environment": environment}))


def update(calls: Calls, server: Server, changes: Mapping[str, object]) -> AutoscalerSettings:
    """Changes only what is named, until the next deployment. Raises NotFoundError, and InvalidError for a contradiction."""
    app, name, environment = server
    answer = calls.call("PATCH", _path(app, name), params={"environment": environment}, body=dict(changes))
    return cast("AutoscalerSettings", answer)


def explain(calls: Calls, server: Server) -> Explanation:
    """Raises NotFoundError where there is no such Server."""
    app, name, environment = server
    return cast("Explanation", calls.call("GET", f"{_path(app, name)}/explain", params={"environment": environment}))


def _path(app: str, name: str) -> str:
    return f"/servers/{quote(app, safe='')}/{quote(name, safe='')}/autoscaler"
