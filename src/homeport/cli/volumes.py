"""`homeport volume`: files that outlive containers, seen from outside (semantics 6.2.9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from .. import errors
from ..client import volumes
from . import render, text, volume_refs
from .connect import confirm, connected
from .options import Environment, Json, Yes

if TYPE_CHECKING:
    from ..client.http import Client

group = typer.Typer(help="Volumes: files that outlive containers.", no_args_is_help=True, rich_markup_mode=None)

LIST_HEADERS = ("Name", "Created at", "Created by")
FILE_HEADERS = ("Filename", "Type", "Created/Modified", "Size")
_TYPES = {"directory": "dir", "symlink": "link"}

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the Volume.", show_default=False)]
Force = Annotated[bool, typer.Option("-f", "--force", help="Overwrite files that are there.")]
Recursive = Annotated[bool, typer.Option("-r", "--recursive", help="Also folders, with their contents.")]


@group.command("create", epilog="Example: homeport volume create data")
def create(
    context: typer.Context,
    name: Name,
    environment: Environment = None,
    version: Annotated[int | None, typer.Option("--version", help="1 or 2; has no effect.", min=1, max=2)] = None,
    as_json: Json = False,
) -> None:
    """Create a named Volume."""
    with connected(context, environment) as client:
        made = volumes.create(client, _checked(name), client.environment)
    render.done(made, as_json, f"✓ Created Volume '{name}' in environment '{client.environment}'.")
    render.note(f'Mount it with @app.server(volumes={{"/data": modal.Volume.from_name("{name}")}}).')


@group.command("list", epilog="Example: homeport volume list --json")
def list_volumes(context: typer.Context, environment: Environment = None, as_json: Json = False) -> None:
    """List the Volumes of an environment."""
    with connected(context, environment) as client:
        found = volumes.listed(client, client.environment)
    if as_json:
        render.value(found)
        return
    rows = [(str(line["name"]), text.local_time(line["created_at"]), line["created_by"]) for line in found]
    render.table("Volumes", LIST_HEADERS, rows)


@group.command("ls", epilog="Example: homeport volume ls data /models")
def ls(
    context: typer.Context,
    place: Annotated[list[str], typer.Argument(metavar="VOLUME [PATH]", help="Or VOLUME:/path.", show_default=False)],
    recursive: Recursive = False,
    environment: Environment = None,
    as_json: Json = False,
) -> None:
    """List what is in a Volume, or in a folder of it."""
    name, path = _one_path(place, "/")
    with connected(context, environment) as client:
        found = list(volumes.entries(client, find(client, name), path, recursive=recursive))
    if as_json:
        render.value(found)
        return
    rows = [
        (
            _printable(entry["path"]),
            _TYPES.get(entry["type"], entry["type"]),
            _when(entry["mtime"]),
            text.size(entry["size"]),
        )
        for entry in found
    ]
    render.table(f"Directory listing of '{path}' in '{name}'", FILE_HEADERS, rows)


@group.command("rm", epilog="Example: homeport volume rm data /models -r")
def rm(
    context: typer.Context,
    place: Annotated[list[str], typer.Argument(metavar="VOLUME PATH", help="Or VOLUME:/path.", show_default=False)],
    recursive: Recursive = False,
    environment: Environment = None,
) -> None:
    """Delete a file or folder from a Volume."""
    name, path = _one_path(place, None)
    with connected(context, environment) as client:
        volumes.remove(client, find(client, name), path, recursive=recursive)
    render.out(f"✓ {path} was deleted successfully!", "green")


@group.command("cp", epilog="Example: homeport volume cp data /a.txt /b.txt")
def cp(
    context: typer.Context,
    place: Annotated[
        list[str], typer.Argument(metavar="VOLUME SOURCE... DESTINATION", help="Paths in one Volume.", show_default=False)
    ],
    recursive: Recursive = False,
    environment: Environment = None,
) -> None:
    """Copy inside of a Volume: one file to another, or several into a folder."""
    name, paths = volume_refs.places(place)
    if len(paths) < 2:
        raise errors.UsageError("Name what to copy and where to, as in `homeport volume cp data /a.txt /b.txt`.")
    *sources, destination = paths
    with connected(context, environment) as client:
        volumes.copy(client, find(client, name), sources, destination, recursive=recursive)
    render.out(f"✓ Copied {', '.join(sources)} to {destination}.", "green")


@group.command("rename", epilog="Example: homeport volume rename data models")
def rename(
    context: typer.Context,
    old_name: Annotated[str, typer.Argument(metavar="OLD_NAME", help="Current name.", show_default=False)],
    new_name: Annotated[str, typer.Argument(metavar="NEW_NAME", help="New name.", show_default=False)],
    yes: Yes = False,
    environment: Environment = None,
) -> None:
    """Rename a Volume. What is deployed goes on using it; code that names it has to be changed before the next deploy."""
    with connected(context, environment) as client:
        volume_id = find(client, old_name)
        if not yes:
            confirm(
                f"Are you sure you want to rename the Volume '{old_name}'? "
                "Apps that name it so in their code can't be deployed again before that is changed."
            )
        volumes.rename(client, volume_id, new_name)
    render.out(f"✓ Volume renamed: {old_name} is {new_name} now.", "green")


@group.command("delete", epilog="Example: homeport volume delete data")
def delete(
    context: typer.Context,
    name: Name,
    allow_missing: Annotated[bool, typer.Option("--allow-missing", help="No error if there is none.")] = False,
    yes: Yes = False,
    environment: Environment = None,
) -> None:
    """Delete a Volume and all of its data."""
    with connected(context, environment) as client:
        try:
            volume_id = find(client, name)
        except errors.NotFoundError:
            if allow_missing:
                return
            raise
        if not yes:
            confirm(_question(name, volumes.users(client, volume_id)))
        volumes.delete(client, volume_id)
    render.out(f"✓ Volume deleted: {name}.", "green")


def find(client: Client, name: str) -> str:
    """The id of a Volume. Raises NotFoundError."""
    return volumes.resolve(client, _checked(name), client.environment, create_if_missing=False)


def _question(name: str, apps: Sequence[str]) -> str:
    """Deployed Apps hold the Volume's id, so another one of the same name does not help them (semantics 6.2.8)."""
    asked = f"Are you sure you want to irrevocably delete the Volume '{name}' and all of its data?"
    if not apps:
        return asked
    shown = f"{', '.join(apps[:5])}{f' and {len(apps) - 5} more' if len(apps) > 5 else ''}"
    return (
        f"{asked}\nIt is used by {shown}: containers that run keep it until they end, later ones will fail to start, "
        "also when a Volume of this name is made again, until the App is deployed again."
    )


def _one_path(words: Sequence[str], default: str | None) -> tuple[str, str]:
    name, paths = volume_refs.places(words)
    if len(paths) > 1 or (not paths and default is None):
        raise errors.UsageError("Name a Volume and a path in it, as in `data /models` or `data:/models`.")
    return name, paths[0] if paths else str(default)


def _checked(name: str) -> str:
    from ..manifest.names import object_name_problem

    if problem := object_name_problem("Volume", name):
        raise errors.InvalidError(problem)
    return name


def _printable(path: str) -> str:
    """Files may be called anything, and a terminal would obey."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in path)


def _when(mtime_s: int) -> str:
    from datetime import UTC, datetime

    return text.local_time(datetime.fromtimestamp(mtime_s, UTC).isoformat())
