"""`homeport dict`: maps that Apps share (semantics 6.3.3). Shows plain values; runs nothing of what is stored."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from .. import errors
from . import objects, render
from .connect import confirm
from .objects import Name
from .options import Environment, Json, Yes

group = objects.group("Dict", "Dicts: maps that Apps share.")


@group.command("get", epilog="Example: homeport dict get shared my-key")
def get(
    context: typer.Context,
    name: Name,
    key: Annotated[str, typer.Argument(metavar="KEY", help="A key that is text.", show_default=False)],
    env: Environment = None,
    as_json: Json = False,
) -> None:
    """Print the value of a key."""
    from ..client import dicts
    from ..sdk.pickled import dumped_key

    with objects.opened(context, "dicts", name, env) as (client, dict_id):
        found = dicts.get(client, dict_id, dumped_key(key))
    if found is None:
        raise errors.NotFoundError(f"No key {key!r} in Dict {name!r}.")
    value = objects.shown(found)
    if as_json:
        render.value(value)
        return
    render.out(value if isinstance(value, str) else repr(value))


@group.command("items", epilog="Example: homeport dict items shared 100 --json")
def items(  # noqa: PLR0913 - one parameter for each option
    context: typer.Context,
    name: Name,
    count: Annotated[int, typer.Argument(metavar="N", min=1, help="At most this many.")] = 20,
    *,
    env: Environment = None,
    as_json: Json = False,
    show_all: Annotated[bool, typer.Option("-a", "--all", help="All of them.")] = False,
) -> None:
    """Print keys and values, oldest first."""
    _items(context, name, None if show_all else count, (env, as_json))


@group.command("peek", epilog="Example: homeport dict peek shared")
def peek(
    context: typer.Context,
    name: Name,
    count: Annotated[int, typer.Argument(metavar="N", min=1, help="At most this many.")] = 1,
    env: Environment = None,
    as_json: Json = False,
) -> None:
    """Print the first keys and values."""
    _items(context, name, count, (env, as_json))


@group.command("clear", epilog="Example: homeport dict clear shared --yes")
def clear(context: typer.Context, name: Name, env: Environment = None, yes: Yes = False) -> None:
    """Remove all entries of a Dict."""
    from ..client import dicts

    with objects.opened(context, "dicts", name, env) as (client, dict_id):
        if not yes:
            confirm(f"Are you sure you want to clear the Dict '{name}' in the '{client.environment}' environment?")
        dicts.clear(client, dict_id)
    render.out(f"✓ Dict '{name}' is empty.", "green")


def _items(context: typer.Context, name: str, count: int | None, said: tuple[str | None, bool]) -> None:
    from ..client import dicts

    env, as_json = said
    with objects.opened(context, "dicts", name, env) as (client, dict_id):
        first = list(islice(dicts.entries(client, dict_id), count))
    rows = ({"key": objects.shown(key), "value": objects.shown(value)} for key, value in first)
    objects.listing(rows, as_json, ("Key", "Value"))
