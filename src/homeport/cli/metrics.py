"""`homeport server metrics`: how a Server did over time (semantics 2.6.13)."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from .. import errors
from . import render, text
from .options import Environment, Json, taking
from .server_refs import ServerArgument, server_at
from .traffic import Until, period_of

DAYS_MAX = 31
SCHEMA_HEADERS = ("Group", "Series", "Unit", "Description")

Since = Annotated[
    str | None, typer.Option(metavar="WHEN", help="Start: 15m, 2h or 1d ago, or an ISO time; at most 31 days.")
]
Group = Annotated[
    str | None, typer.Option(metavar="GROUP", help="containers, cpu, memory, network, gpu or requests. [default: list them]")
]
BucketSize = Annotated[str | None, typer.Option(metavar="SIZE", help="1m to 1d. [default: about 100 points]")]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV, and nothing else on stdout.")]


def register(servers: typer.Typer) -> None:
    example = "Example: homeport server metrics hello-server/Server --group requests --since 1d --bucket-size 1h"
    servers.command("metrics", epilog=example)(metrics)


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of `server metrics`, in the order of its help."""

    server: ServerArgument
    group: Group = None
    since: Since = None
    until: Until = None
    bucket_size: BucketSize = None
    env: Environment = None
    as_json: Json = False
    as_csv: Csv = False


@taking(Asked)
def metrics(context: typer.Context, asked: Asked) -> None:
    """Show containers, CPU, memory, network or requests of a Server over time: the last hour by default."""
    from ..client import traffic

    if asked.as_json and asked.as_csv:
        raise errors.UsageError("--json and --csv can't be used together.")
    if asked.group is None and (asked.since or asked.until or asked.bucket_size or asked.as_csv):
        raise errors.UsageError("Choose metrics with --group; without it, `server metrics` lists the groups.")
    period = period_of(asked.since, asked.until, DAYS_MAX)
    with server_at(context, asked.server, asked.env) as (client, app, name):
        place = traffic.Place(app, name, client.target.environment)
        if asked.group is None:
            _show_schema(traffic.metrics_schema(client, place), asked.as_json)
            return
        answer = traffic.metrics(client, place, asked.group, period, asked.bucket_size)
    if asked.as_json:
        render.value(answer)
    elif asked.as_csv:
        render.raw(csv_text(answer).encode(), to_stderr=False)
    else:
        if answer["note"]:
            render.note(answer["note"])
        render.table(f"{app}/{name} · {asked.group} · {answer['bucket_size']}", headers(answer), rows(answer))


def headers(answer: Mapping[str, Any]) -> tuple[str, ...]:
    return ("Timestamp (UTC)", *(f"{series['name']} ({series['unit']})" for series in answer["series"]))


def rows(answer: Mapping[str, Any]) -> list[list[str]]:
    """One for each bucket: its time, and a value of each series."""
    series = answer["series"]
    times = [at for at, _ in series[0]["points"]] if series else []
    columns = [[value for _, value in one["points"]] for one in series]
    return [
        [text.utc(at), *("-" if column[place] is None else f"{column[place]:g}" for column in columns)]
        for place, at in enumerate(times)
    ]


def csv_text(answer: Mapping[str, Any]) -> str:
    """A heading, and one line for each bucket; nothing where nothing was measured."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    series = answer["series"]
    writer.writerow(["timestamp", *(one["name"] for one in series)])
    for place, (at, _) in enumerate(series[0]["points"] if series else ()):
        values = (one["points"][place][1] for one in series)
        writer.writerow([at, *("" if value is None else value for value in values)])
    return out.getvalue()


def schema_rows(answer: Mapping[str, Any]) -> list[list[str]]:
    found: list[list[str]] = []
    for name, group in answer["groups"].items():
        found += [[name, s["name"], s["unit"], s["description"]] for s in group["series"]]
        found += [[name, "none", "", group["note"]]] if not group["series"] else []
    return found


def _show_schema(answer: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        render.value(answer)
        return
    render.table("", SCHEMA_HEADERS, schema_rows(answer))
    render.note(f"Choose one with --group, and buckets with --bucket-size: {', '.join(answer['bucket_sizes'])}.")
