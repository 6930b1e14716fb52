"""How a Server is named on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from .. import errors

if TYPE_CHECKING:
    from ..client.http import Client

ServerArgument = Annotated[
    str,
    typer.Argument(
        metavar="APP/SERVER", help="The App's name or id, and the Server's name; or its id (fu-…).", show_default=False
    ),
]


@dataclass(frozen=True, slots=True)
class Ref:
    """As it was typed: App and Server, or no App and the Server's id."""

    app: str
    server: str

    def found(self, client: Client) -> tuple[str, str]:
        """App and name; asks the platform for them if it is an id. Raises NotFoundError."""
        if self.app:
            return self.app, self.server
        from ..client import servers

        info = servers.by_id(client, self.server, client.environment)
        return info["app_id"], info["server_name"]


def parse_ref(ref: str) -> Ref:
    """Raises UsageError for what is neither `APP/SERVER` nor an id."""
    if ref.startswith("fu-") and "/" not in ref:
        return Ref("", ref)
    app, separator, name = ref.partition("/")
    if not (app and separator and name) or "/" in name:
        raise errors.UsageError(f"Name a Server as APP/SERVER, as in hello-server/Server, or by its id, not {ref!r}.")
    return Ref(app, name)
