"""`homeport server`: one Server of a deployed App."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from . import autoscaler, render, text
from .connect import connected
from .options import Environment, Json
from .refs import ServerArgument, parse_server

group = typer.Typer(help="Servers of deployed Apps.", no_args_is_help=True, rich_markup_mode=None)
group.add_typer(autoscaler.group, name="autoscaler")


@group.callback()
def servers() -> None:
    """Servers of deployed Apps."""


@group.command("info", epilog="Example: homeport server info hello-server/Server")
def info(
    context: typer.Context,
    server: ServerArgument,
    env: Environment = None,
    as_json: Json = False,
) -> None:
    """Show a Server: its URL and the settings of its live version."""
    app, name = parse_server(server)
    with connected(context, env) as client:
        answer = client.server(app, name, client.target.environment)
    if as_json:
        render.value(answer)
        return
    for line in info_lines(answer):
        render.out(line)


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
