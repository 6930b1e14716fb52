"""`homeport server requests|stats` and `homeport app stats`: what Servers were asked (semantics 1.9.3, 2.6.9, 2.6.10)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import errors
from . import render, text, when
from .connect import connected
from .options import AppArgument, Environment, Json, taking
from .server_refs import ServerArgument, server_at

if TYPE_CHECKING:
    from ..client.traffic import Period

REQUESTS_TAIL, REQUESTS_TAIL_MAX = 10, 1_000
RANGE_DAYS_MAX = 7
REQUEST_HEADERS = ("Timestamp (UTC)", "Route", "Container", "Duration (s)", "Status")
SERVER_HEADERS = ("Server", "Requests", "Failed", "Containers", "Errors")

Since = Annotated[str | None, typer.Option(metavar="WHEN", help="Start: 15m, 2h or 1d ago, or an ISO time; at most 7 days.")]
Tail = Annotated[
    int | None, typer.Option("-n", "--tail", metavar="N", help=f"Last N requests, 1 to {REQUESTS_TAIL_MAX}. [default: 10]")
]
Until = Annotated[str | None, typer.Option(metavar="WHEN", help="End of the range. [default: now]")]
Container = Annotated[str | None, typer.Option("--container", metavar="ID", help="Only of this container (ta-…).")]
NoColor = Annotated[bool, typer.Option("--no-color", help="No colours, even on a terminal.")]


def register(servers: typer.Typer, apps: typer.Typer) -> None:
    servers.command("requests", epilog="Example: homeport server requests hello-server/Server -n 50")(requests)
    servers.command("stats", epilog="Example: homeport server stats hello-server/Server --since 1d")(server_stats)
    apps.command("stats", epilog="Example: homeport app stats hello-server --since 1d")(app_stats)


@dataclass(frozen=True, slots=True)
class RequestsAsked:
    """The options of `server requests`, in the order of its help."""

    server: ServerArgument
    tail: Tail = None
    since: Since = None
    until: Until = None
    env: Environment = None
    as_json: Json = False


@taking(RequestsAsked)
def requests(context: typer.Context, asked: RequestsAsked) -> None:
    """Show requests of a Server: the last ones, newest first; or those of a range, oldest first."""
    from ..client import traffic

    ranged = bool(asked.since or asked.until)
    if asked.tail is not None and ranged:
        raise errors.UsageError("--tail can't be used with --since or --until.")
    if asked.tail is not None and not 1 <= asked.tail <= REQUESTS_TAIL_MAX:
        raise errors.UsageError(f"--tail must be between 1 and {REQUESTS_TAIL_MAX}, not {asked.tail}.")
    period = period_of(asked.since, asked.until)
    with server_at(context, asked.server, asked.env) as (client, app, name):
        place = traffic.Place(app, name, client.target.environment)
        if ranged:
            rows = list(traffic.between(client, place, period))
        else:
            found = traffic.newest(client, place, asked.tail or REQUESTS_TAIL)
            rows = found.rows
            if found.dropped:
                render.warning(f"{found.dropped} requests are not in the log: they came faster than it could be written.")
    if asked.as_json:
        render.value(rows)
        return
    render.table("", REQUEST_HEADERS, [request_row(row) for row in rows])


@dataclass(frozen=True, slots=True)
class ServerStatsAsked:
    """The options of `server stats`, in the order of its help."""

    server: ServerArgument
    since: Since = None
    until: Until = None
    container: Container = None
    env: Environment = None
    as_json: Json = False


@taking(ServerStatsAsked)
def server_stats(context: typer.Context, asked: ServerStatsAsked) -> None:
    """Show a Server's requests, their outcomes, and its containers: the last hour by default."""
    from ..client import traffic

    period = period_of(asked.since, asked.until)
    with server_at(context, asked.server, asked.env) as (client, app, name):
        place = traffic.Place(app, name, client.target.environment)
        answer = traffic.server_stats(client, place, period, asked.container)
    if asked.as_json:
        render.value(answer)
        return
    for line in server_stats_lines(f"{app}/{name}", answer):
        render.out(line)


@dataclass(frozen=True, slots=True)
class AppStatsAsked:
    """The options of `app stats`, in the order of its help."""

    app: AppArgument
    since: Since = None
    until: Until = None
    env: Environment = None
    as_json: Json = False
    no_color: NoColor = False


@taking(AppStatsAsked)
def app_stats(context: typer.Context, asked: AppStatsAsked) -> None:
    """Show statistics of an App's Servers: the last hour by default."""
    from ..client import traffic

    period = period_of(asked.since, asked.until)
    with connected(context, asked.env) as client:
        answer = traffic.app_stats(client, asked.app, client.target.environment, period)
    if asked.as_json:
        render.value(answer)
        return
    lifecycle = answer["lifecycle"]
    deployed = text.local_time(lifecycle["deployed_at"])
    head = f"{asked.app} · deployed {deployed} (v{lifecycle['version']})" if deployed else asked.app
    if lifecycle.get("stopped_at"):
        head += f" · stopped {text.local_time(lifecycle['stopped_at'])}"
    render.out(head, "" if asked.no_color else "bold")
    render.table("SERVERS", SERVER_HEADERS, app_stats_rows(answer["servers"]))


def request_row(row: Mapping[str, Any]) -> list[str]:
    status = row["status"] if row["status"] is not None else "left"
    return [
        text.utc(row["timestamp"]),
        row["route"],
        row["container_id"] or "",
        f"{row['duration_seconds']:.3f}",
        f"{status} ({row['why']})" if row["why"] else str(status),
    ]


def server_stats_lines(server: str, answer: Mapping[str, Any]) -> list[str]:
    by_status = " · ".join(f"{name} {count}" for name, count in answer["request_count_by_status_code"].items())
    times = answer["request_percentile_stats"]["duration_seconds"]
    usage = answer["container_percentile_stats"]
    startup = usage["startup_time"]
    containers = [
        f"{answer['container_total_count']} in all",
        f"{answer['container_started_count']} started",
        f"{answer['container_creating_at_end_count']} starting at the end",
        f"{answer['container_error_count']} failed",
    ]
    return text.pairs(
        [
            ("Server", f"{server} · {answer['object_id']}"),
            ("From", f"{text.utc(answer['since'])} to {text.utc(answer['until'])} (UTC)"),
            ("Requests", f"{answer['request_count']} · {answer['request_rate_per_second']} per second"),
            ("By status", by_status or "none"),
            ("Duration", _percentiles(times)),
            ("Containers", " · ".join(containers)),
            ("Startup time", _percentiles(startup)),
            ("CPU", _percentiles(usage.get("cpu_usage") or {}, "cores")),
            ("Memory", _percentiles(usage.get("memory_usage") or {}, "MiB")),
        ]
    )


def app_stats_rows(servers: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """One for each Server, and their sum."""
    rows = [_stats_row(name, server) for name, server in servers.items()]
    names = ("requests", "failed", "containers", "errors")
    return [*rows, _stats_row("Total", {name: sum(server[name] for server in servers.values()) for name in names})]


def _stats_row(name: str, server: Mapping[str, Any]) -> list[str]:
    percent = 100 * server["failed"] / server["requests"] if server["requests"] else 0
    failed = f"{server['failed']} ({percent:.1f}%)" if server["failed"] else "0"
    return [name, str(server["requests"]), failed, str(server["containers"]), str(server["errors"])]


def _percentiles(values: Mapping[str, float | None], unit: str = "s") -> str:
    known: Iterable[str] = (f"{name} {value:.3f} {unit}" for name, value in values.items() if value is not None)
    return " · ".join(known) or "nothing measured"


def period_of(since: str | None, until: str | None, days_max: int = RANGE_DAYS_MAX) -> Period:
    """Raises UsageError."""
    from ..client.traffic import Period

    now = datetime.now(UTC)
    begin = when.parse("--since", since, now) if since else None
    end = when.parse("--until", until, now) if until else None
    when.check_range(begin, end, now)
    if begin is not None and (end or now) - begin > timedelta(days=days_max):
        raise errors.UsageError(f"--since and --until may be at most {days_max} days apart.")
    return Period(begin, end)
