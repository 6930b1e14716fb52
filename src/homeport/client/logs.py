"""Log entries as values, from the stream of events that has them. Owns nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, cast

from .answers import LogEntry

if TYPE_CHECKING:
    from .http import Client


def of_app(
    client: Client, app_ref: str, environment: str, parameters: Mapping[str, str | int | bool | None]
) -> Iterator[LogEntry]:
    """Entries as the route `/apps/{app}/logs` gives them for `parameters`. Raises what every call raises."""
    for event in client.app_logs(app_ref, environment, dict(parameters)):
        if event.name == "log":
            yield cast(LogEntry, event.data)
