"""What `homeport dict` and `homeport queue` have in common: list, create, clear, delete (semantics 6.3.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import render, text
from .connect import confirm, connected
from .options import Environment, Json, Yes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..client.http import Client

Name = Annotated[str, typer.Argument(metavar="NAME", help="Its name.", show_default=False)]

HEADERS = ("Name", "Created at", "Created by")


def group(word: str, about: str) -> typer.Typer:
    """`word`: Dict or Queue. With the commands that both have."""
    kind = f"{word.lower()}s"
    made = typer.Typer(help=about, no_args_is_help=True, rich_markup_mode=None)

    @made.command("list", epilog=f"Example: homeport {word.lower()} list --json")
    def list_objects(context: typer.Context, env: Environment = None, as_json: Json = False) -> None:
        from ..client import objects

        with connected(context, env) as client:
            environment = client.target.environment
            found = objects.listed(client, kind, environment)
        if as_json:
            render.value(found)
            return
        rows = [(str(o["name"]), text.local_time(o["created_at"]), o["created_by"]) for o in found]
        render.table(f"{word}s in environment '{environment}'", HEADERS, rows)

    @made.command("create", epilog=f"Example: homeport {word.lower()} create shared")
    def create(context: typer.Context, name: Name, env: Environment = None, as_json: Json = False) -> None:
        from ..client import objects
        from ..errors import InvalidError
        from ..manifest.names import object_name_problem

        problem = object_name_problem(word, name)
        if problem:
            raise InvalidError(problem)
        with connected(context, env) as client:
            environment = client.target.environment
            made = objects.create(client, kind, name, environment)
        render.done(made, as_json, f"✓ {word} '{name}' is in the '{environment}' environment.")

    @made.command("delete", epilog=f"Example: homeport {word.lower()} delete shared --yes")
    def delete(
        context: typer.Context,
        name: Name,
        env: Environment = None,
        yes: Yes = False,
    ) -> None:
        from ..client import objects

        with opened(context, kind, name, env) as (client, object_id):
            if not yes:
                confirm(
                    f"Are you sure you want to delete the {word} '{name}' from the '{client.environment}' environment?\n"
                    "Its contents are lost, and Apps that use it fail until it is created again."
                )
            objects.delete(client, kind, object_id)
        render.out(f"✓ {word} '{name}' is deleted.", "green")

    list_objects.__doc__ = f"List {word}s."
    create.__doc__ = f"Make a {word}."
    delete.__doc__ = f"Delete a {word} and all that is in it."
    for command, function in zip(made.registered_commands, (list_objects, create, delete), strict=True):
        command.help = function.__doc__
    return made


@contextmanager
def opened(context: typer.Context, kind: str, name: str, env: str | None) -> Iterator[tuple[Client, str]]:
    """A client, and the id of the one that is named. Raises NotFoundError."""
    from ..client import objects

    with connected(context, env) as client:
        yield client, objects.resolve(client, kind, name, client.target.environment, create=False)


def shown(data: bytes) -> Any:
    """What a pickle holds, as far as it can be told without running anything of it: plain values only."""
    from .plain_pickle import Unknown, plain

    try:
        return plain(data)
    except Unknown as unknown:
        return str(unknown)


def listing(found: Iterable[Mapping[str, Any]], as_json: bool, headers: tuple[str, ...]) -> None:
    """Rows by the names of `headers`, in lower case."""
    rows = list(found)
    if as_json:
        render.value(rows)
        return
    render.table("", headers, [[_cell(row[header.lower()]) for header in headers] for row in rows])


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)
