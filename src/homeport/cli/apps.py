"""`homeport app`: what is deployed, how it came there, what it says, and stopping it (semantics 1.5, 1.8, 1.9)."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from .. import errors
from . import logs, render, text
from .connect import confirm, connected
from .options import AppArgument, Environment, Json, Yes, taking

group = typer.Typer(help="Deployed Apps.", no_args_is_help=True, rich_markup_mode=None)

LIST_HEADERS = ("App ID", "Description", "State", "Tasks", "Created at", "Stopped at")
HISTORY_HEADERS = ("Version", "Time deployed", "Client", "Deployed by", "Commit", "Tag", "Outcome")
_TAG = HISTORY_HEADERS.index("Tag")
_BROWSERS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")  # one of these says that there is one


@group.command("list", epilog="Example: homeport app list --json")
def list_apps(
    context: typer.Context,
    env: Environment = None,
    as_json: Json = False,
    limit: Annotated[int, typer.Option(min=0, metavar="N", help="At most this many; 0 for all.")] = 0,
) -> None:
    """List Apps that run, are deployed, or were stopped lately."""
    with connected(context, env) as client:
        apps = sorted(client.apps(client.target.environment), key=_busiest_first, reverse=True)
        environment = client.target.environment
    shown = apps[:limit] if limit else apps
    if as_json:
        render.value(shown)
        return
    title = f"Apps in environment '{environment}' ({len(shown)} of {len(apps)})"
    rows = [
        (
            *(app["app_id"], app["description"], text.state(app["state"]), app["tasks"]),
            *(text.local_time(app["created_at"]), text.local_time(app["stopped_at"])),
        )
        for app in shown
    ]
    render.table(title, LIST_HEADERS, rows)


@group.command("info", epilog="Example: homeport app info hello-server")
def info(
    context: typer.Context,
    app: AppArgument,
    env: Environment = None,
    as_json: Json = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colours, even on a terminal.")] = False,
) -> None:
    """Show an App: its state, its live version, and its Servers."""
    with connected(context, env) as client:
        answer = client.app(app, client.target.environment)
    if as_json:
        render.value(answer)
        return
    for line in info_lines(answer):
        render.out(line, "bold" if line.endswith("):") and not no_color else "")


@group.command("dashboard", epilog="Example: homeport app dashboard hello-server")
def dashboard(context: typer.Context, app: AppArgument, env: Environment = None) -> None:
    """Print the address of an App's page, and open it where there are a terminal and a browser."""
    with connected(context, env) as client:
        app_id = client.app(app, client.target.environment)["app_id"]
        url = f"{client.target.server_url}/v1/apps/{app_id}"
    render.out(url)
    if sys.stdout.isatty() and any(os.environ.get(name) for name in _BROWSERS):
        import webbrowser

        webbrowser.open(url)


@group.command("history", epilog="Example: homeport app history hello-server")
def history(context: typer.Context, app: AppArgument, env: Environment = None, as_json: Json = False) -> None:
    """Show all versions of an App, newest first."""
    with connected(context, env) as client:
        entries = client.history(app, client.target.environment)
    if as_json:
        render.value(entries)
        return
    headers, rows, dirty = history_table(entries)
    render.table("", headers, rows, first_style="bold green")
    if dirty:
        render.out("* - repo had uncommitted changes")


@dataclass(frozen=True, slots=True)
class LogRequest:
    """The options of `app logs`, in the order of its help."""

    app: AppArgument
    env: Environment = None
    follow: logs.Follow = False
    tail: logs.Tail = None
    since: logs.Since = None
    until: logs.Until = None
    source: logs.Source = None
    search: logs.Search = None
    container: Annotated[str | None, typer.Option(metavar="ID", help="Only this container (ta-…).")] = None
    function: Annotated[str | None, typer.Option(metavar="ID", help="Only this Server (fu-…, as in `app info`).")] = None
    timestamps: logs.Timestamps = False
    show_function_id: Annotated[bool, typer.Option("--show-function-id", help="Show which Server wrote it.")] = False
    show_container_id: Annotated[bool, typer.Option("--show-container-id", help="Show which container wrote it.")] = False
    as_json: Json = False


@group.command("logs", epilog="Example: homeport app logs hello-server -f")
@taking(LogRequest)
def app_logs(context: typer.Context, request: LogRequest) -> None:
    """Show an App's log: the last 100 entries by default."""
    query = logs.check(
        logs.Asked(
            follow=request.follow,
            tail=request.tail,
            since=request.since,
            until=request.until,
            source=request.source,
            search=request.search,
            container=request.container,
            function=request.function,
        ),
        datetime.now(UTC),
    )
    prefix = text.LogPrefix(request.timestamps, request.show_container_id, request.show_function_id)
    with connected(context, request.env) as client:
        logs.show_app(client, request.app, query, None if request.as_json else prefix)


@group.command("stop", epilog="Example: homeport app stop hello-server --yes")
def stop(context: typer.Context, app: AppArgument, env: Environment = None, yes: Yes = False, as_json: Json = False) -> None:
    """Stop an App for good: its containers end at once. A later deploy makes a new App."""
    with connected(context, env) as client:
        environment = client.target.environment
        answer = client.app(app, environment)
        name = answer["description"]
        _refuse_stopped(answer["lifecycle"])
        if not yes:
            running = len(client.containers(environment, app=answer["app_id"]))
            confirm(stop_question(name, answer["environment"], running))
        stopped = client.stop_app(answer["app_id"], environment)
    ended = text.counted(stopped["containers_ended"], "container")
    render.done(stopped, as_json, f"✓ App '{name}' is stopped. {ended} ended.")
    if stopped["requests_cut"] and not as_json:
        render.out(f"{text.cut_short(stopped['requests_cut'])}.")


def _refuse_stopped(life: Mapping[str, Any]) -> None:
    """Semantics 1.8.4, before anybody is asked. When it is stopped only now, the platform says the same."""
    if life["state"] == "stopped":
        by = f" by {life['stopped_by']!r}" if life.get("stopped_by") else ""
        raise errors.ConflictError(f"App is already stopped. (Stopped at {text.local_time(life.get('stopped_at'))}{by}).")


def stop_question(name: str, environment: str, running: int) -> str:
    first = f"Are you sure you want to stop App '{name}' in the '{environment}' environment?"
    then = (
        f"This will immediately terminate {running} running container(s)."
        if running
        else "No containers are currently running."
    )
    return f"{first}\n{then}"


def info_lines(answer: Mapping[str, Any]) -> list[str]:
    """Semantics 1.9.2, with each Server's URL below it."""
    life = answer["lifecycle"]
    rows = [("App", answer["description"]), ("App ID", answer["app_id"]), ("State", text.state(life["state"]))]
    if life.get("stopped_at"):
        rows.append(("Stopped", _joined(text.local_time(life["stopped_at"]), life.get("stopped_by"))))
    if life.get("version"):
        deployed = (f"v{life['version']}", text.local_time(life.get("deployed_at")), life.get("deployed_by"))
        rows.append(("Deployment", _joined(*deployed)))
    rows.append(("Created", _joined(text.local_time(life.get("created_at")), life.get("created_by"))))
    lines = text.pairs(rows)
    for kind in ("functions", "servers"):
        things = answer.get(kind) or {}
        if things:
            lines += [f"{kind.capitalize()} ({len(things)}):", *_thing_lines(things)]
    return lines


def history_table(entries: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]], bool]:
    """Headers, rows, and whether one row was deployed from a dirty work tree. No Tag column where nothing has a tag."""
    headers = list(HISTORY_HEADERS)
    rows = [_history_row(entry) for entry in entries]
    if not any(row[_TAG] for row in rows):
        for row in (headers, *rows):
            del row[_TAG]
    dirty = any(text.commit(entry.get("commit")).endswith("*") for entry in entries)
    return headers, rows, dirty


def _history_row(entry: Mapping[str, Any]) -> list[str]:
    reason = entry.get("reason")
    outcome = str(entry.get("outcome") or "")
    took, repeats = entry.get("duration_ms"), entry.get("rollback_version")
    notes = [f"{took / 1000:.1f}s"] if took is not None else []
    notes += [f"{entry['type']} {'to' if entry['type'] == 'rollback' else 'of'} v{repeats}"] if repeats else []
    outcome += f" ({', '.join(notes)})" if notes else ""
    return [
        f"v{entry['version']}",
        text.local_time(entry.get("time_deployed")),
        str(entry.get("client") or ""),
        str(entry.get("deployed_by") or ""),
        text.commit(entry.get("commit")),
        str(entry.get("tag") or ""),
        f"{outcome}: {reason}" if reason and entry["outcome"] == "failed" else outcome,
    ]


def _thing_lines(things: Mapping[str, Mapping[str, Any]]) -> list[str]:
    _, *rows = text.table(("", "", ""), [(name, thing["id"], thing["summary"]) for name, thing in things.items()])
    lines = []
    for row, thing in zip(rows, things.values(), strict=True):
        lines.append(f"  {row}")
        if thing.get("url"):
            lines.append(f"    {thing['url']}")
    return lines


def _busiest_first(app: Mapping[str, Any]) -> tuple[int, str]:
    return int(app["tasks"]), str(app["created_at"])


def _joined(*parts: str | None) -> str:
    return " · ".join(part for part in parts if part)
