"""`homeport audit`: who did what, and whether the record of it is whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from . import render, text
from .connect import connected
from .options import Json

group = typer.Typer(help="Who did what.", no_args_is_help=True, rich_markup_mode=None)

HEADERS = ("Record", "Time", "Actor", "Action", "Environment", "Object")


@group.command("list", epilog="Example: homeport audit list -n 20")
def list_acts(
    context: typer.Context,
    count: Annotated[int, typer.Option("-n", "--limit", min=1, max=10_000, metavar="N", help="At most this many.")] = 100,
    as_json: Json = False,
) -> None:
    """Show what people did last, newest first."""
    with connected(context) as client:
        entries = client.audit(count)
    if as_json:
        render.value(entries)
        return
    render.table("", HEADERS, [_row(entry) for entry in entries])


@group.command("verify", epilog="Example: homeport audit verify")
def verify(context: typer.Context, as_json: Json = False) -> None:
    """Check that no record was edited or removed. Exit code 1, and the first bad record, if one was."""
    with connected(context) as client:
        verdict = client.verify_audit()
    if as_json:
        render.value(verdict)
    elif verdict["ok"]:
        render.out(f"✓ All {verdict['records']} records are there and as they were written.", "green")
    else:
        render.error(f"The audit log is not as it was written: {verdict['problem']}. Compare it with a backup.")
    if not verdict["ok"]:
        raise typer.Exit(1)


def _row(entry: Mapping[str, Any]) -> tuple[str, ...]:
    version = f" v{entry['version']}" if entry.get("version") else ""
    subject = str(entry.get("app_name") or entry.get("app_id") or "") + version
    parts = [part for part in (subject, entry.get("container_id"), entry.get("object")) if part]
    what = (str(entry["action"]), str(entry.get("environment") or ""), " · ".join(parts))
    return str(entry["record"]), text.local_time(entry["time"]), str(entry["actor"]), *what
