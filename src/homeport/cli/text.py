"""The shapes of what is printed: trees, tables, times, log lines, and their ASCII forms. Pure; prints nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

# What a locale without these characters gets instead.
_ASCII = (
    ("├── ", "|-- "),
    ("└── ", "`-- "),
    ("✓ ", "[ok] "),
    ("🔨 ", ""),
    ("🧹 ", ""),
    (" 🎉", ""),
    (" ⏭️", ""),
    ("·", "-"),
    ("…", "..."),
    ("→", "->"),
)


def fit(text: str, encoding: str | None) -> str:
    """`text` as a stream of that encoding can show it: its signs replaced as a whole if one of them is missing there."""
    encoding = encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        for sign, plain in _ASCII:
            text = text.replace(sign, plain)
        return text.encode(encoding, "backslashreplace").decode(encoding)
    return text


def tree(leaves: Sequence[str]) -> list[str]:
    """The branches below a head line; what a leaf says on further lines is indented under it."""
    lines = []
    for number, leaf in enumerate(leaves, 1):
        last = number == len(leaves)
        first, *more = leaf.split("\n")
        lines.append(f"{'└── ' if last else '├── '}{first}")
        lines += [f"{'    ' if last else '│   '}{line}" for line in more]
    return lines


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns aligned by spaces, the header first, no frame: easy to read, and to cut by other programs."""
    widths = [max(len(cell) for cell in column) for column in zip(headers, *rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in (headers, *rows)
    ]


def pairs(rows: Sequence[tuple[str, str]]) -> list[str]:
    """`Label:  value` lines with the values below each other."""
    width = max((len(label) for label, _ in rows), default=0) + 1
    return [f"{label + ':':<{width}}  {value}".rstrip() for label, value in rows]


def local_time(iso: str | None, zone: tzinfo | None = None) -> str:
    """An API time for people, in the zone `zone` (None: this machine's); empty when there is none (semantics 1.5.6)."""
    if not iso:
        return ""
    return datetime.fromisoformat(iso).astimezone(zone).isoformat(sep=" ", timespec="seconds")


def size(size_bytes: int) -> str:
    """For people: one digit after the point, and a unit."""
    amount, units = float(size_bytes), ("B", "KiB", "MiB", "GiB", "TiB")
    for unit in units[:-1]:
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} {units[-1]}"


def counted(count: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def utc(iso: str) -> str:
    """An API time as it is: in UTC, to its last digit, for rows that are compared with each other."""
    return iso.replace("T", " ").removesuffix("Z")


def state(given: str) -> str:
    """An App's state for people: one that is on its way to another ends in dots (semantics 1.2)."""
    return f"{given}..." if given in ("initializing", "stopping") else given


def commit(given: Any) -> str:
    """Seven digits of the hash, and a star when the work tree was dirty (semantics 1.5.3)."""
    if isinstance(given, Mapping):
        digits = str(given.get("commit_hash") or given.get("hash") or "")[:7]
        return digits + ("*" if given.get("dirty") else "") if digits else ""
    return str(given or "")


def sentence(text: str) -> str:
    """`text` with a full stop at its end, unless it ends in something already."""
    text = text.rstrip()
    return text if not text or text[-1] in ".!?:" else f"{text}."


@dataclass(frozen=True, slots=True)
class LogPrefix:
    timestamps: bool = False
    container_id: bool = False
    function_id: bool = False


def log_line(entry: Mapping[str, Any], prefix: LogPrefix, zone: tzinfo | None = None) -> str:
    """One entry of a log; the parts asked for stand before its text."""
    parts = []
    if prefix.timestamps:
        parts.append(local_time(entry.get("timestamp"), zone))
    if prefix.function_id and entry.get("function_id"):
        parts.append(str(entry["function_id"]))
    if prefix.container_id and entry.get("container_id"):
        parts.append(str(entry["container_id"]))
    parts.append(str(entry.get("text", "")).rstrip("\r\n"))
    return " ".join(parts)


def cut(requests: int) -> str:
    """Said of a deployment whose old containers had to end before their requests did."""
    were = "requests were" if requests > 1 else "request was"
    return f"{requests} {were} cut: not over when the old containers ended."


def cut_short(requests: int) -> str:
    """The same of one container, in a table; empty for none."""
    return f"{requests} request{'s' if requests > 1 else ''} cut" if requests else ""
