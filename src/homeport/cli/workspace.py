"""`homeport workspace`: members, service users, and the scope of proxy tokens (semantics 6.4.5 to 6.4.9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from .. import errors
from ..client import workspace
from . import proxytokens, render, text
from .connect import confirm, connected
from .options import Json, Yes

group = typer.Typer(help="The workspace: its people and tokens.", no_args_is_help=True, rich_markup_mode=None)
members = typer.Typer(help="The people of the workspace.", no_args_is_help=True, rich_markup_mode=None)
services = typer.Typer(help="Programs with a token of their own, as CI.", no_args_is_help=True, rich_markup_mode=None)
group.add_typer(members, name="members")
group.add_typer(proxytokens.group, name="proxy-tokens")
group.add_typer(services, name="service-users")

Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]
WorkspaceRole = Annotated[str, typer.Option("--role", metavar="ROLE", help="owner, manager or member.")]


@group.command("rbac", epilog="Example: homeport workspace rbac on")
def rbac(
    context: typer.Context,
    state: Annotated[
        str | None, typer.Argument(metavar="[on|off]", help="on or off; without it, show which.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Bind proxy tokens to the environments they are allowed in, or let each into all of the workspace."""
    if state not in (None, "on", "off"):
        raise errors.UsageError(f"Say `rbac on` or `rbac off`, not {state!r}.")
    with connected(context) as client:
        if state is not None:
            workspace.set_rbac(client, state == "on")
        is_on = workspace.rbac(client)
    if as_json:
        render.value({"rbac": is_on})
    else:
        render.out(f"RBAC is {'on' if is_on else 'off'}.")


@members.command("list", epilog="Example: homeport workspace members list")
def list_members(context: typer.Context, as_json: Json = False) -> None:
    """List all members and their roles in the workspace."""
    with connected(context) as client:
        found = workspace.members(client)
    if as_json:
        render.value(found)
        return
    rows = [(m["name"], m["role"], m["user_id"], _when(m), m["created_by"] or "") for m in found]
    render.table("Members", ("Name", "Role", "User ID", "Joined", "Created by"), rows)


@members.command("create", epilog="Example: homeport workspace members create ann --role manager")
def create_member(context: typer.Context, name: Name, role: WorkspaceRole = "member", as_json: Json = False) -> None:
    """Add a member and show the first token, whose secret is shown now and never again."""
    with connected(context) as client:
        made = workspace.create_member(client, name, role)
    show_token(made, as_json)


@members.command("set-role", epilog="Example: homeport workspace members set-role ann manager")
def set_member_role(
    context: typer.Context, name: Name, role: Annotated[str, typer.Argument(metavar="ROLE", show_default=False)]
) -> None:
    """Change a member's role in the workspace: owner, manager or member."""
    with connected(context) as client:
        changed = workspace.set_member_role(client, name, role)
    render.out(f"✓ {changed['name']} is {changed['role']} of the workspace.", "green")


@members.command("delete", epilog="Example: homeport workspace members delete ann")
def delete_member(context: typer.Context, name: Name, yes: Yes = False) -> None:
    """Remove a member and all their tokens."""
    with connected(context) as client:
        if not yes:
            confirm(f"Are you sure you want to remove the member '{name}'? All their tokens stop working.")
        workspace.delete_member(client, name)
    render.out(f"✓ Member removed: {name}.", "green")


@services.command("list", epilog="Example: homeport workspace service-users list")
def list_services(context: typer.Context, as_json: Json = False) -> None:
    """List all service users and their roles in environments."""
    with connected(context) as client:
        found = workspace.service_users(client)
    if as_json:
        render.value(found)
        return
    rows = [(s["name"], s["user_id"], _roles(s), _when(s), s["created_by"]) for s in found]
    render.table("Service users", ("Name", "User ID", "Roles", "Created at", "Created by"), rows)


@services.command("create", epilog="Example: homeport workspace service-users create ci")
def create_service(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Create a service user, without access anywhere, and show its token, whose secret is shown now and never again."""
    with connected(context) as client:
        made = workspace.create_service_user(client, name)
    show_token(made, as_json)
    render.note(f"It has no access yet: homeport workspace service-users set-role {name} ENVIRONMENT contributor")


@services.command("info", epilog="Example: homeport workspace service-users info ci")
def info(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Show a service user: its roles and the ids of its tokens."""
    with connected(context) as client:
        found = workspace.service_user(client, name)
    if as_json:
        render.value(found)
        return
    rows = [("Name", found["name"]), ("User ID", found["user_id"]), ("Roles", _roles(found))]
    rows += [("Tokens", ", ".join(found["tokens"])), ("Created at", _when(found)), ("Created by", found["created_by"])]
    for line in text.pairs(rows):
        render.out(line)


@services.command("set-role", epilog="Example: homeport workspace service-users set-role ci main contributor")
def set_service_role(
    context: typer.Context,
    name: Name,
    environment: Annotated[str, typer.Argument(metavar="ENVIRONMENT", show_default=False)],
    role: Annotated[str, typer.Argument(metavar="ROLE", help="contributor, viewer or no-access.", show_default=False)],
) -> None:
    """Give a service user a role in an environment."""
    with connected(context) as client:
        workspace.service_user(client, name)
        changed = workspace.set_role(client, environment, name, role)
    render.out(f"✓ {name} has the role {changed['role']} in the environment '{environment}'.", "green")


@services.command("delete", epilog="Example: homeport workspace service-users delete ci")
def delete_service(context: typer.Context, name: Name, yes: Yes = False) -> None:
    """Delete a service user and its tokens."""
    with connected(context) as client:
        if not yes:
            confirm(f"Are you sure you want to delete the service user '{name}'? Its tokens stop working.")
        workspace.delete_service_user(client, name)
    render.out(f"✓ Service user deleted: {name}.", "green")


def show_token(made: Mapping[str, Any], as_json: bool) -> None:
    """An API token that was just made: as it is set in the environment of whoever will use it."""
    if as_json:
        render.value(made)
    else:
        render.out(f"HOMEPORT_TOKEN_ID={made['token_id']}")
        render.out(f"HOMEPORT_TOKEN_SECRET={made['token_secret']}")
    render.note("The secret is not kept: store it now.")


def _roles(service: Mapping[str, Any]) -> str:
    return ", ".join(f"{environment}: {role}" for environment, role in service["roles"].items()) or "no access"


def _when(line: Mapping[str, Any]) -> str:
    return text.local_time(line["created_at"]) if line["created_at"] else ""
