"""`homeport container`: what runs, what it says, a command inside it, and ending one (semantics 3.7.8 to 3.7.10)."""

from __future__ import annotations

import base64
import select
import stat
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import errors
from . import logs, render, text
from .connect import confirm, connected
from .options import ContainerArgument, Environment, Json, Yes, taking

if TYPE_CHECKING:
    from ..client.stream import Event

group = typer.Typer(help="Containers of deployed Apps.", no_args_is_help=True, rich_markup_mode=None)

LIST_HEADERS = ("Container ID", "App ID", "App Name", "Server", "Version", "State", "Address", "Start Time", "Why")
SILENT_STDIN_S = 2.0


@group.command("list", epilog="Example: homeport container list --app hello-server")
def list_containers(
    context: typer.Context,
    app: Annotated[str | None, typer.Option("--app", "--app-id", metavar="APP", help="Only of this App.")] = None,
    env: Environment = None,
    everything: Annotated[bool, typer.Option("--all", help="Also those that have ended.")] = False,
    as_json: Json = False,
) -> None:
    """List containers that run or are starting."""
    with connected(context, env) as client:
        found = client.containers(client.target.environment, app=app, include_ended=everything)
    if as_json:
        render.value(found)
        return
    render.table("", LIST_HEADERS, [container_row(container) for container in found])


@dataclass(frozen=True, slots=True)
class LogRequest:
    """The options of `container logs`, in the order of its help."""

    container: ContainerArgument
    follow: logs.Follow = False
    everything: Annotated[bool, typer.Option("--all", help="The whole log.")] = False
    tail: logs.Tail = None
    since: logs.Since = None
    until: logs.Until = None
    source: logs.Source = None
    search: logs.Search = None
    timestamps: logs.Timestamps = False
    as_json: Json = False


@group.command("logs", epilog="Example: homeport container logs ta-0123 -f")
@taking(LogRequest)
def container_logs(context: typer.Context, request: LogRequest) -> None:
    """Show a container's log: the last 100 entries by default. Also works for one that has ended."""
    query = logs.check(
        logs.Asked(
            follow=request.follow,
            tail=request.tail,
            since=request.since,
            until=request.until,
            source=request.source,
            search=request.search,
            everything=request.everything,
        ),
        datetime.now(UTC),
    )
    with connected(context) as client:
        prefix = None if request.as_json else text.LogPrefix(request.timestamps)
        logs.show_container(client, request.container, query, prefix)


# Everything after the id belongs to the command, its options too.
@group.command(
    "exec",
    epilog="Example: homeport container exec ta-0123 python -c 'print(1)'",
    context_settings={"allow_interspersed_args": False},
)
def exec_command(
    context: typer.Context,
    container: ContainerArgument,
    command: Annotated[list[str], typer.Argument(metavar="COMMAND", help="The command and its arguments.")],
) -> None:
    """Run a command in a container, and exit with its exit code. Standard input is passed on unless it is a terminal."""
    argv = command[1:] if command[0] == "--" else command
    if not argv:
        raise errors.UsageError("Name a command after the container's id, as in `homeport container exec ta-0123 ls`.")
    stdin = _stdin()
    with connected(context) as client:
        code = relay(client.exec_container(container, argv, stdin))
    raise typer.Exit(code)


@group.command("stop", epilog="Example: homeport container stop ta-0123 --yes")
def stop(
    context: typer.Context,
    container: ContainerArgument,
    graceful: Annotated[bool, typer.Option("--graceful", help="Let it finish its inputs (Functions only).")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Stop a container. Its App goes on, and starts another one if it needs one."""
    if graceful:
        raise errors.UsageError("--graceful is for containers of Functions; a Server's has its exit_grace_period anyway.")
    if not yes:
        confirm(f"Are you sure you want to stop container '{container}'?")
    with connected(context) as client:
        answer = client.stop_container(container)
    render.done(answer, as_json, f"✓ Container '{container}' has {answer['state']}.")
    if answer["requests_cut"] and not as_json:
        render.out(f"{text.cut_short(answer['requests_cut'])}.")


def container_row(container: Mapping[str, Any]) -> list[str]:
    """Why it is in its state comes last: a long reason widens no column then."""
    host, port = container.get("host"), container.get("port")
    return [
        container["container_id"],
        container["app_id"],
        container["app_name"],
        container["server"],
        f"v{container['version']}",
        container["state"],
        f"{host}:{port}" if host else "",
        text.local_time(container.get("started_at")) or "Pending",
        "; ".join(filter(None, (container.get("reason"), text.cut_short(container.get("requests_cut") or 0)))),
    ]


def relay(stream: Iterable[Event]) -> int:
    """Writes what a command writes, as it comes; returns its exit code."""
    for event in stream:
        if event.name == "exit":
            return int(event.data["exit_code"])
        if event.name in ("stdout", "stderr"):
            render.raw(base64.b64decode(event.data["data"]), to_stderr=event.name == "stderr")
    raise errors.ConnectionError("The command's stream ended before its exit code; it may still be running.")


def _stdin() -> bytes | None:
    """All of our input, for one that is a pipe or a file. Says so where nothing comes, because it looks like hanging."""
    source = sys.stdin
    if source is None or source.closed or source.isatty():
        return None
    try:
        descriptor = source.fileno()
    except (OSError, AttributeError):
        return source.buffer.read()
    import os

    if not stat.S_ISREG(os.fstat(descriptor).st_mode) and not select.select([descriptor], [], [], SILENT_STDIN_S)[0]:
        render.note("Reading the command's input from stdin; use `< /dev/null` to give it none.")
    return source.buffer.read()
