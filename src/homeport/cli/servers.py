"""`homeport server`: one Server of a deployed App."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from .. import errors
from . import render, text
from .connect import connected
from .options import Environment, Json

group = typer.Typer(help="Servers of deployed Apps.", no_args_is_help=True, rich_markup_mode=None)


@group.callback()
def servers() -> None:
    """Servers of deployed Apps."""


@group.command("info", epilog="Example: homeport server info hello-server/Server")
def info(
    context: typer.Context,
    server: Annotated[str, typer.Argument(metavar="APP/SERVER", help="The App's name or id, and the Server's name.")],
    env: Environment = None,
    as_json: Json = False,
) -> None:
    """Show a Server: its URL and the settings of its live version."""
    app, name = parse_ref(server)
    with connected(context, env) as client:
        answer = client.server(app, name, client.target.environment)
    if as_json:
        render.value(answer)
        return
    for line in info_lines(answer):
        render.out(line)


def parse_ref(ref: str) -> tuple[str, str]:
    """App and Server of `APP/SERVER`. Raises UsageError for anything else."""
    app, separator, name = ref.partition("/")
    if not (app and separator and name) or "/" in name:
        raise errors.UsageError(f"Name a Server as APP/SERVER, as in hello-server/Server, not {ref!r}.")
    return app, name


def info_lines(answer: Mapping[str, Any]) -> list[str]:
    access = "no token needed" if answer["unauthenticated"] else "token needed"
    return text.pairs(
        [
            ("Server", f"{answer['server_name']} · {answer['object_id']}"),
            ("App", f"{answer['app_name']} · {answer['app_id']} · v{answer['version']}"),
            ("URL", answer["url"]),
            ("Access", access),
            ("Containers", str(answer["containers"])),
            ("Port", f"{answer['port']}{' · h2c' if answer['h2_enabled'] else ''}"),
            ("Region", answer["routing_region"]),
            ("Resources", f"{answer['cpu']} CPU · {answer['memory_mib']} MiB"),
            ("Startup timeout", f"{answer['startup_timeout']} s"),
            ("Exit grace period", f"{answer['exit_grace_period']} s"),
        ]
    )
