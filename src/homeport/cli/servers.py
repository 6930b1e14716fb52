"""`homeport server info|logs`: one Server of a deployed App (semantics 2.6.8, 1.9.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from . import autoscaler, logs, render, text
from .options import Environment, Json, taking
from .server_refs import ServerArgument, server_at

SECRETS_SHOWN = 5
AUTOSCALING = (  # label, name, unit
    ("Min Containers", "min_containers", ""),
    ("Max Containers", "max_containers", ""),
    ("Buffer Containers", "buffer_containers", ""),
    ("Scaleup Window", "scaleup_window", " seconds"),
    ("Scaledown Window", "scaledown_window", " seconds"),
    ("Target Concurrency", "target_concurrency", " requests / container"),
)

group = typer.Typer(help="Servers of deployed Apps.", no_args_is_help=True, rich_markup_mode=None)
group.add_typer(autoscaler.group, name="autoscaler")


@group.callback()
def servers() -> None:
    """Servers of deployed Apps."""


@group.command("info", epilog="Example: homeport server info hello-server/Server")
def info(context: typer.Context, server: ServerArgument, env: Environment = None, as_json: Json = False) -> None:
    """Show a Server: its URL and the settings of its live version."""
    with server_at(context, server, env) as (client, app, name):
        answer = client.server(app, name, client.target.environment)
    if as_json:
        render.value(answer)
        return
    for line in info_lines(answer):
        render.out(line)


@dataclass(frozen=True, slots=True)
class LogRequest:
    """The options of `server logs`, in the order of its help."""

    server: ServerArgument
    follow: logs.Follow = False
    tail: logs.Tail = None
    since: logs.Since = None
    until: logs.Until = None
    source: logs.Source = None
    search: logs.Search = None
    container: Annotated[str | None, typer.Option("--container", metavar="ID", help="Only this container (ta-…).")] = None
    timestamps: logs.Timestamps = False
    show_container_id: Annotated[bool, typer.Option("--show-container-id", help="Show which container wrote it.")] = False
    env: Environment = None
    as_json: Json = False


@group.command("logs", epilog="Example: homeport server logs hello-server/Server -f")
@taking(LogRequest)
def server_logs(context: typer.Context, request: LogRequest) -> None:
    """Show the log of a Server's containers: the last 100 entries by default."""
    asked = logs.Asked(
        follow=request.follow,
        tail=request.tail,
        since=request.since,
        until=request.until,
        source=request.source,
        search=request.search,
        container=request.container,
    )
    logs.check(asked, datetime.now(UTC))  # what was typed, before the platform is asked anything
    with server_at(context, request.server, request.env) as (client, app, name):
        query = logs.check(replace(asked, function=name), datetime.now(UTC))
        prefix = None if request.as_json else text.LogPrefix(request.timestamps, container_id=request.show_container_id)
        logs.show_app(client, app, query, prefix)


def info_lines(answer: Mapping[str, Any]) -> list[str]:
    """Every row of semantics 2.6.8; what is none is a dash."""
    return text.pairs(
        [
            ("Server Name", answer["server_name"]),
            ("Object ID", answer["object_id"]),
            ("App ID", f"{answer['app_id']} · {answer['app_name']} · v{answer['version']}"),
            ("Image ID", answer.get("image_id") or "-"),
            *_http(answer),
            *_resources(answer),
            *_autoscaling(answer.get("autoscaling") or {}),
            ("Scheduling", _scheduling(answer)),
            ("Clustering", "none"),
            ("Volume Mounts", _joined(f"{v['path']} → {v['name'] or v['volume_id']}" for v in answer.get("volumes") or ())),
            ("Cloud Bucket Mounts", _joined(str(b) for b in answer.get("cloud_bucket_mounts") or ())),
            ("Secrets", _secrets(answer.get("secrets") or ())),
        ]
    )


def _http(answer: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        ("URL", answer["url"]),
        ("Port", str(answer["port"])),
        ("Authentication", "Disabled" if answer["unauthenticated"] else "Enabled"),
        ("HTTP/2", "Enabled" if answer["h2_enabled"] else "Disabled"),
        ("Routing Region", answer["routing_region"]),
        ("Sessioned", "Yes" if answer.get("sessioned") else "No"),
        ("Startup Timeout", f"{answer['startup_timeout']:g} seconds"),
        ("Exit Grace Period", f"{answer['exit_grace_period']:g} seconds"),
    ]


def _resources(answer: Mapping[str, Any]) -> list[tuple[str, str]]:
    cpu, memory = answer.get("cpu_limit"), answer.get("memory_limit_mib")
    words = [
        f"{answer['cpu']:g} CPU" + (f" (at most {cpu:g})" if cpu else ""),
        f"{answer['memory_mib']} MiB" + (f" (at most {memory})" if memory else ""),
        *([" or ".join(answer["gpus"]) + " GPU"] if answer.get("gpus") else []),
        *([f"{answer['ephemeral_disk_mib']} MiB disk"] if answer.get("ephemeral_disk_mib") else []),
    ]
    return [("Resources", " · ".join(words)), ("Containers", f"{answer['containers']} ready")]


def _autoscaling(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(label, _or_dash(settings.get(name), unit)) for label, name, unit in AUTOSCALING]


def _scheduling(answer: Mapping[str, Any]) -> str:
    regions = ", ".join(answer.get("compute_regions") or ()) or "any region"
    return f"{regions} · nonpreemptible" if answer.get("nonpreemptible") else regions


def _secrets(secrets: Sequence[Mapping[str, Any]]) -> str:
    return _joined(
        (secret["name"] or secret["secret_id"])
        + (f" ({', '.join(secret['required_keys'][:SECRETS_SHOWN])})" if secret["required_keys"] else "")
        for secret in secrets
    )


def _joined(words: Iterable[str]) -> str:
    return ", ".join(words) or "none"


def _or_dash(value: object, unit: str = "") -> str:
    return "-" if value is None else f"{f'{value:.1f}' if isinstance(value, float) else value}{unit}"
