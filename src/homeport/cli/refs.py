"""How a Server is named on the command line. Knows Typer; asks no platform."""

from __future__ import annotations

from typing import Annotated

import typer

from .. import errors

ServerArgument = Annotated[
    str, typer.Argument(metavar="APP/SERVER", help="The App's name or id, and the Server's name.", show_default=False)
]


def parse_server(ref: str) -> tuple[str, str]:
    """App and Server of `APP/SERVER`. Raises UsageError for anything else."""
    app, separator, name = ref.partition("/")
    if not (app and separator and name) or "/" in name:
        raise errors.UsageError(f"Name a Server as APP/SERVER, as in hello-server/Server, not {ref!r}.")
    return app, name
