"""`homeport gc`: removes what nobody needs any more, or says what that would be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from . import render, text
from .connect import connected
from .options import Json

HEADERS = ("Kind", "Count", "Size")
WORDS = {
    "blobs": "uploaded files",
    "sources": "source trees",
    "images": "images",
    "containers": "container directories",
    "logs": "logs",
    "guests": "guest copies",
}


def register(app: typer.Typer) -> None:
    app.command("gc", epilog="Example: homeport gc --dry-run")(collect)


def collect(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go, and how much.")] = False,
    as_json: Json = False,
) -> None:
    """Remove what no running version, and none that can be rolled back to, needs. The platform does so once an hour, too."""
    with connected(context) as client:
        found = client.collect_garbage(dry_run)
    if as_json:
        render.value(found)
        return
    rows = table_rows(found)
    if rows:
        render.table("", HEADERS, rows)
    for line in end_lines(found):
        render.out(line)


def table_rows(found: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """One row for each kind that there is something of, and their sum."""
    rows = [
        (WORDS.get(kind["kind"], kind["kind"]), str(kind["count"]), text.size(kind["size_bytes"]))
        for kind in found["kinds"]
        if kind["count"]
    ]
    return [*rows, ("together", str(_count(found)), text.size(found["size_bytes"]))] if rows else []


def end_lines(found: Mapping[str, Any]) -> list[str]:
    """What it comes to, in words."""
    lines = []
    apps = found["apps_forgotten"]
    if apps:
        verb = "Would forget" if found["dry_run"] else "Forgot"
        lines.append(f"{verb} {text.counted(apps, 'App')} stopped long ago; the history stays.")
    if found["unreadable_manifests"]:
        manifests = text.counted(len(found["unreadable_manifests"]), "manifest")
        lines.append(
            f"{manifests} of what runs can't be read; until that is deployed again, no files, sources and images "
            "are collected."
        )
    if not _count(found):
        return [*lines, "Nothing to collect."]
    size = text.size(found["size_bytes"])
    return [*lines, f"Would free {size}." if found["dry_run"] else f"✓ Freed {size}."]


def _count(found: Mapping[str, Any]) -> int:
    return sum(int(kind["count"]) for kind in found["kinds"])
