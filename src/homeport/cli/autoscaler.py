"""`homeport server autoscaler`: what scales a Server, and changes until the next deployment (semantics 2.6.11, 2.6.12)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any

import typer

from .. import errors
from . import render, text
from .options import Environment, Json, taking
from .server_refs import ServerArgument, server_at

group = typer.Typer(help="What scales a Server.", no_args_is_help=True, rich_markup_mode=None)

HEADERS = ("Setting", "Value", "Overridden By")
NONE = "none"


@dataclass(frozen=True, slots=True)
class Update:
    """The options of `update`, in the order of its help."""

    server: ServerArgument
    max_containers: Annotated[str | None, typer.Option(metavar="INT|none", help="Most containers.")] = None
    min_containers: Annotated[int | None, typer.Option(help="Fewest containers, even without requests.")] = None
    buffer_containers: Annotated[int | None, typer.Option(help="Extra idle containers while busy.")] = None
    scaledown_window: Annotated[
        int | None, typer.Option(metavar="SECONDS", help="Idle time before a container is stopped.")
    ] = None
    scaleup_window: Annotated[int | None, typer.Option(metavar="SECONDS", help="How long load has to last.")] = None
    target_concurrency: Annotated[
        str | None, typer.Option(metavar="FLOAT|none", help="Requests in flight per container.")
    ] = None
    env: Environment = None
    as_json: Json = False

    def changes(self) -> dict[str, float | None]:
        """What was said, by public name; none is None. Raises UsageError for what is no number."""
        said = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("server", "env", "as_json")}
        return {name: _number(name, value) for name, value in said.items() if value is not None}


@group.callback()
def autoscaler() -> None:
    """What scales a Server."""


@group.command("settings", epilog="Example: homeport server autoscaler settings hello-server/Server")
def settings(context: typer.Context, server: ServerArgument, env: Environment = None, as_json: Json = False) -> None:
    """Show the settings that are in effect, and who changed which since the last deployment."""
    from ..client import autoscaler as calls

    with server_at(context, server, env) as (client, app, name):
        answer = calls.settings(client, (app, name, client.environment))
    if as_json:
        render.value({"current_settings": answer["current_settings"], "override_events": answer["override_events"]})
        return
    render.table(f"Autoscaler of {name}", HEADERS, rows(answer))


@group.command("explain", epilog="Example: homeport server autoscaler explain hello-server/Server")
def explain(context: typer.Context, server: ServerArgument, env: Environment = None, as_json: Json = False) -> None:
    """Say why a Server has as many containers as it has, and what would change that."""
    from ..client import autoscaler as calls

    with server_at(context, server, env) as (client, app, name):
        answer = calls.explain(client, (app, name, client.environment))
    if as_json:
        render.value(answer)
        return
    for line in answer["lines"]:
        render.out(line)


@taking(Update)
def update(context: typer.Context, request: Update) -> None:
    """Change settings of a Server until its next deployment. All others keep their values."""
    from ..client import autoscaler as calls

    changes = request.changes()
    if not changes:
        (render.note if request.as_json else render.out)("No autoscaler settings specified.")
        if not request.as_json:
            return
    with server_at(context, request.server, request.env) as (client, app, name):
        target = (app, name, client.environment)
        answer = calls.update(client, target, changes) if changes else calls.settings(client, target)
    if request.as_json:
        render.value({"current_settings": answer["current_settings"], "override_events": answer["override_events"]})
        return
    render.out(f"✓ Updated autoscaler settings for Server {name}", "green")


group.command("update", epilog="Example: homeport server autoscaler update hello-server/Server --min-containers 2")(update)


def rows(answer: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    by = {
        event["setting"]: f"{event['actor_name']} at {text.local_time(event['updated_at'])}"
        for event in answer["override_events"]
    }
    return [(name, _shown(name, value), by.get(name, "")) for name, value in answer["current_settings"].items()]


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return NONE
    return f"{value:g} s" if name.endswith("_window") else f"{value:g}"


def _number(name: str, said: int | str) -> float | None:
    if isinstance(said, int):
        return said
    if said.lower() == NONE:
        return None
    try:
        return float(said) if name == "target_concurrency" else int(said)
    except ValueError:
        raise errors.UsageError(f"--{name.replace('_', '-')} takes a number or {NONE}, not {said!r}.") from None
