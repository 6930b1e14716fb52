"""`homeport environment`: namespaces for Apps and their URLs (semantics 6.4.1 to 6.4.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from .. import errors
from ..client import workspace
from . import render, text
from .connect import confirm, connected
from .options import Json, Yes, taking

group = typer.Typer(help="Environments: separate namespaces for Apps.", no_args_is_help=True, rich_markup_mode=None)

roles = typer.Typer(help="Who may do what in an environment.", no_args_is_help=True, rich_markup_mode=None)
group.add_typer(roles, name="roles")

HEADERS = ("Name", "Web suffix", "Apps", "Created at", "Created by")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the environment.", show_default=False)]
WebSuffix = Annotated[
    str | None,
    typer.Option("--web-suffix", metavar="SUFFIX", help="What its URLs have after the workspace. [default: its name]"),
]


DefaultRole = Annotated[
    str | None,
    typer.Option(
        "--default-role",
        metavar="ROLE",
        help="Role of members without one there: contributor, viewer or no-access.",
    ),
]


@group.command("create", epilog="Example: homeport environment create staging")
def create(  # noqa: PLR0913 - one parameter for each option
    context: typer.Context,
    name: Name,
    *,
    web_suffix: WebSuffix = None,
    restricted: Annotated[bool, typer.Option("--restricted", help="Only for members who get a role there.")] = False,
    default_role: DefaultRole = None,
    as_json: Json = False,
) -> None:
    """Create an environment, in which Apps can be deployed with `-e NAME`."""
    with connected(context) as client:
        made = client.create_environment(name, web_suffix, restricted=restricted, default_role=default_role)
    closed = f", restricted, default role: {made['default_role']}" if made["restricted"] else ""
    render.done(made, as_json, f"✓ Environment created: {made['name']} ({_suffix(made['web_suffix'])}{closed}).")


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


@dataclass(frozen=True, slots=True)
class Changes:
    name: Name
    set_name: Annotated[str | None, typer.Option("--set-name", metavar="NAME", help="Its new name.")] = None
    set_web_suffix: Annotated[
        str | None, typer.Option("--set-web-suffix", metavar="SUFFIX", help="Its new web suffix; '' for none.")
    ] = None
    set_restricted: Annotated[
        bool | None,
        typer.Option("--set-restricted/--set-unrestricted", help="Only for members who get a role there, or for all."),
    ] = None
    set_default_role: Annotated[
        str | None,
        typer.Option("--set-default-role", metavar="ROLE", help="Role of members without one of their own there."),
    ] = None
    set_image_builder_version: Annotated[
        str | None, typer.Option("--set-image-builder-version", metavar="VERSION", help="Refused: there is one builder.")
    ] = None

    def given(self) -> dict[str, object]:
        named = {"name": self.set_name, "web_suffix": self.set_web_suffix}
        wanted = {**named, "restricted": self.set_restricted, "default_role": self.set_default_role}
        return {name: value for name, value in wanted.items() if value is not None}


@group.command("update", epilog="Example: homeport environment update staging --set-name preview")
@taking(Changes)
def update(context: typer.Context, changes: Changes) -> None:
    """Change an environment.

    All Apps in it have to be stopped before its name or web suffix change: both are part of their URLs.
    """
    if changes.set_image_builder_version is not None:
        raise errors.UsageError(
            "--set-image-builder-version: homeport has one image builder, its own, which makes no difference between "
            "environments. Leave it out."
        )
    given = changes.given()
    if not given:
        raise errors.UsageError("Nothing to change: give --set-name, --set-web-suffix, or another of its options.")
    with connected(context) as client:
        changed = client.update_environment(changes.name, given)
    closed = f", restricted, default role: {changed['default_role']}" if changed["restricted"] else ""
    render.out(f"✓ Environment updated: {changed['name']} ({_suffix(changed['web_suffix'])}{closed}).", "green")


@roles.command("list", epilog="Example: homeport environment roles list staging")
def list_roles(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """List the role of every member and service user in an environment; owners and managers are contributors everywhere."""
    with connected(context) as client:
        found = workspace.roles(client, name)
    if as_json:
        render.value(found)
        return
    rows = [(r["name"], r["kind"], r["role"], "yes" if r["default"] else "no") for r in found]
    render.table(f"Roles in {name}", ("Name", "Kind", "Role", "By default"), rows)


@roles.command("update", epilog="Example: homeport environment roles update staging ann viewer")
def update_role(
    context: typer.Context,
    name: Name,
    member: Annotated[str, typer.Argument(metavar="MEMBER", help="A member or service user.", show_default=False)],
    role: Annotated[
        str, typer.Argument(metavar="ROLE", help="contributor, viewer, no-access, or default.", show_default=False)
    ],
) -> None:
    """Give a member or service user a role in an environment."""
    with connected(context) as client:
        changed = workspace.set_role(client, name, member, role)
    render.out(f"✓ {changed['name']} has the role {changed['role']} in the environment '{name}'.", "green")


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
