"""How a Server is named on the command line, and which one that is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from .. import errors
from .connect import connected

if TYPE_CHECKING:
    from ..client.http import Client

ID = re.compile(r"fu-[0-9A-Za-z]+")
ServerArgument = Annotated[
    str,
    typer.Argument(
        metavar="SERVER",
        help="APP/SERVER: the App's name or id, and the Server's name. Or its id (fu-…).",
        show_default=False,
    ),
]


@contextmanager
def server_at(context: typer.Context, ref: str, env: str | None) -> Iterator[tuple[Client, str, str]]:
    """A client, and by which App and name the Server is found there.

    Raises UsageError before anybody is asked, NotFoundError for an id that no Server of the environment has, and as
    `connected`. For APP/SERVER it is the first question that finds out whether it is there.
    """
    named = None if ID.fullmatch(ref) else _parse(ref)
    with connected(context, env) as client:
        yield (client, *(named or _of_id(client, ref)))


def _parse(ref: str) -> tuple[str, str]:
    app, separator, name = ref.partition("/")
    if not (app and separator and name) or "/" in name:
        raise errors.UsageError(f"Name a Server as APP/SERVER, as in hello-server/Server, or by its id, not {ref!r}.")
    return app, name


def _of_id(client: Client, server_id: str) -> tuple[str, str]:
    from ..client import servers

    info = servers.by_id(client, server_id, client.environment)
    return info["app_id"], info["server_name"]
