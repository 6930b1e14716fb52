"""`homeport environment`: namespaces for Apps and their URLs (semantics 6.4.1 to 6.4.3)."""

from __future__ import annotations

from typing import Annotated

import typer

from .. import errors
from . import render, text
from .connect import confirm, connected
from .options import Json, Yes

group = typer.Typer(help="Environments: separate namespaces for Apps.", no_args_is_help=True, rich_markup_mode=None)

HEADERS = ("Name", "Web suffix", "Apps", "Created at", "Created by")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the environment.", show_default=False)]
WebSuffix = Annotated[
    str | None, typer.Option("--web-suffix", metavar="SUFFIX", help="What its URLs have after the workspace; else its name.")
]


@group.command("create", epilog="Example: homeport environment create staging")
def create(context: typer.Context, name: Name, web_suffix: WebSuffix = None) -> None:
    """Create an environment, in which Apps can be deployed with `-e NAME`."""
    with connected(context) as client:
        made = client.create_environment(name, web_suffix)
    render.out(f"✓ Environment created: {made['name']} ({_suffix(made['web_suffix'])}).", "green")


@group.command("list", epilog="Example: homeport environment list --json")
def list_environments(context: typer.Context, as_json: Json = False) -> None:
    """List all environments and how many Apps run in each."""
    with connected(context) as client:
        found = client.environments()
    if as_json:
        render.value(found)
        return
    rows = [(e["name"], e["web_suffix"], str(e["apps"]), text.local_time(e["created_at"]), e["created_by"]) for e in found]
    render.table("Environments", HEADERS, rows)


@group.command("update", epilog="Example: homeport environment update staging --set-name preview")
def update(
    context: typer.Context,
    name: Name,
    set_name: Annotated[str | None, typer.Option("--set-name", metavar="NAME", help="Its new name.")] = None,
    set_web_suffix: Annotated[
        str | None, typer.Option("--set-web-suffix", metavar="SUFFIX", help="Its new web suffix; '' for none.")
    ] = None,
) -> None:
    """Change an environment's name or web suffix. All Apps in it have to be stopped before: both are part of their URLs."""
    if set_name is None and set_web_suffix is None:
        raise errors.UsageError("Nothing to change: give --set-name, --set-web-suffix, or both.")
    with connected(context) as client:
        changed = client.update_environment(name, set_name, set_web_suffix)
    render.out(f"✓ Environment updated: {changed['name']} ({_suffix(changed['web_suffix'])}).", "green")


@group.command("delete", epilog="Example: homeport environment delete staging")
def delete(context: typer.Context, name: Name, yes: Yes = False) -> None:
    """Delete an environment. All Apps in it have to be stopped before."""
    with connected(context) as client:
        if not yes:
            confirm(
                f"Are you sure you want to delete the environment '{name}'?\n"
                "Its Secrets, Dicts and Queues go with it, for good."
            )
        client.delete_environment(name)
    render.out(f"✓ Environment deleted: {name}.", "green")


def _suffix(web_suffix: str) -> str:
    return f"web suffix: {web_suffix}" if web_suffix else "no web suffix"
