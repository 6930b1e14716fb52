"""`homeport token`: API tokens, one's own and those of others. Secrets are shown once."""

from __future__ import annotations

from typing import Annotated

import typer

from ..client import workspace
from . import render, text
from .connect import confirm, connected
from .options import Json, Yes
from .workspace import show_token

group = typer.Typer(help="API tokens.", no_args_is_help=True, rich_markup_mode=None)

HEADERS = ("Token ID", "Member", "Created at", "Created by")


@group.command("new", epilog="Example: homeport token new")
def new(
    context: typer.Context,
    member: Annotated[str | None, typer.Option("--member", metavar="NAME", help="For somebody else.")] = None,
    as_json: Json = False,
) -> None:
    """Create an API token. Its secret is shown now and never again."""
    with connected(context) as client:
        made = workspace.create_api_token(client, member)
    show_token(made, as_json)


@group.command("list", epilog="Example: homeport token list")
def list_tokens(context: typer.Context, as_json: Json = False) -> None:
    """List your API tokens; as owner or manager everybody's."""
    with connected(context) as client:
        found = workspace.api_tokens(client)
    if as_json:
        render.value(found)
        return
    rows = [(t["token_id"], t["member"], text.local_time(t["created_at"]), t["created_by"]) for t in found]
    render.table("API tokens", HEADERS, rows)


@group.command("info", epilog="Example: homeport token info")
def info(context: typer.Context, as_json: Json = False) -> None:
    """Show whose token you use, and what it may do."""
    with connected(context) as client:
        found = {"token_id": client.target.token_id, **workspace.me(client)}
    if as_json:
        render.value(found)
        return
    rows = [("Token ID", found["token_id"]), ("Name", found["name"]), ("Role in the workspace", found["role"])]
    rows += [(f"Role in {environment}", role) for environment, role in found["roles"].items()]
    for line in text.pairs(rows):
        render.out(line)


@group.command("delete", epilog="Example: homeport token delete ak-…")
def delete(
    context: typer.Context,
    token_id: Annotated[str, typer.Argument(metavar="TOKEN_ID", help="Id of an API token (ak-…).", show_default=False)],
    yes: Yes = False,
) -> None:
    """Revoke an API token at once."""
    with connected(context) as client:
        if not yes:
            confirm(f"Are you sure you want to delete the API token {token_id}? Whoever uses it is refused from then on.")
        workspace.delete_api_token(client, token_id)
    render.out(f"✓ API token deleted: {token_id}.", "green")
