"""`homeport workspace proxy-tokens`: credentials for Servers (semantics 6.4.8, 6.4.9)."""

from __future__ import annotations

from typing import Annotated

import typer

from ..client import workspace
from . import render, text
from .connect import confirm, connected
from .options import Json, Yes

group = typer.Typer(help="Credentials for Servers: Modal-Key and Modal-Secret.", no_args_is_help=True, rich_markup_mode=None)

HEADERS = ("Name", "Token ID", "Created at", "Created by", "Scoped")

TokenId = Annotated[str, typer.Argument(metavar="TOKEN_ID", help="Id of a proxy token (wk-…).", show_default=False)]
EnvironmentName = Annotated[str, typer.Argument(metavar="ENVIRONMENT", help="Name of an environment.", show_default=False)]
Environments = Annotated[
    list[str] | None, typer.Option("-e", "--env", metavar="NAME", help="Allow it in this environment; may be repeated.")
]
OnlyIn = Annotated[str | None, typer.Option("-e", "--env", metavar="NAME", help="Only those allowed there.")]


@group.command("create", epilog="Example: homeport workspace proxy-tokens create --name frontend")
def create(
    context: typer.Context,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What it is for.")] = "",
    env: Environments = None,
    as_json: Json = False,
) -> None:
    """Create a proxy token. Its secret is shown now and never again."""
    with connected(context) as client:
        made = workspace.create_proxy_token(client, name, env or [])
        unused = not made["environments"] and made["scoped"]
    pair = {"Modal-Key": made["token_id"], "Modal-Secret": made["token_secret"]}
    both = {**pair, "Authorization": f"Bearer {made['token_id']}.{made['token_secret']}"}
    if as_json:
        render.value(both)
    else:
        for key, value in both.items():
            render.out(f"{key}: {value}")
    render.note("The secret is not kept: store it now.")
    if unused:
        render.warning(f"It is allowed nowhere yet: homeport workspace proxy-tokens allow {made['token_id']} ENVIRONMENT")


@group.command("list", epilog="Example: homeport workspace proxy-tokens list --json")
def list_tokens(context: typer.Context, env: OnlyIn = None, as_json: Json = False) -> None:
    """List all proxy tokens, without their secrets."""
    with connected(context) as client:
        found = workspace.proxy_tokens(client, env)
    if as_json:
        render.value(found)
        return
    rows = [(t["name"], t["token_id"], text.local_time(t["created_at"]), t["created_by"], _scope(t)) for t in found]
    render.table("Proxy tokens", HEADERS, rows)


@group.command("update", epilog="Example: homeport workspace proxy-tokens update wk-… --set-name frontend")
def update(
    context: typer.Context,
    token_id: TokenId,
    set_name: Annotated[str, typer.Option("--set-name", metavar="NAME", help="Its new name; '' for none.")],
) -> None:
    """Change a proxy token's name."""
    with connected(context) as client:
        workspace.rename_proxy_token(client, token_id, set_name)
    render.out(f"✓ Proxy token updated: {token_id}.", "green")


@group.command("allow", epilog="Example: homeport workspace proxy-tokens allow wk-… staging")
def allow(context: typer.Context, token_id: TokenId, environment: EnvironmentName) -> None:
    """Allow a proxy token into an environment. Only matters while RBAC is on."""
    with connected(context) as client:
        workspace.grant(client, token_id, environment, True)
    render.out(f"✓ Proxy token {token_id} is allowed in the environment '{environment}'.", "green")


@group.command("revoke", epilog="Example: homeport workspace proxy-tokens revoke wk-… staging")
def revoke(context: typer.Context, token_id: TokenId, environment: EnvironmentName) -> None:
    """Revoke a proxy token's access to an environment, from the next request on. Only matters while RBAC is on."""
    with connected(context) as client:
        line = workspace.grant(client, token_id, environment, False)
    render.out(f"✓ Proxy token {token_id} is no longer allowed in the environment '{environment}'.", "green")
    if not line["scoped"]:
        render.warning("RBAC is off: it is good everywhere. Delete it, or turn on RBAC with `homeport workspace rbac on`.")


@group.command("delete", epilog="Example: homeport workspace proxy-tokens delete wk-…")
def delete(context: typer.Context, token_id: TokenId, yes: Yes = False) -> None:
    """Delete a proxy token. Requests with it are refused from now on."""
    with connected(context) as client:
        if not yes:
            confirm(f"Are you sure you want to delete the proxy token {token_id}? Whoever uses it is refused from then on.")
        workspace.delete_proxy_token(client, token_id)
    render.out(f"✓ Proxy token deleted: {token_id}.", "green")


def _scope(token: workspace.ProxyToken) -> str:
    return (", ".join(token["environments"]) or "nowhere") if token["scoped"] else "no"
