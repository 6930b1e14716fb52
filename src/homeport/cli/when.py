"""Points in time as people type them: `15m` ago, or an ISO time. Pure: the present and the zone are passed in."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

from ..errors import UsageError

RANGE_MAX = timedelta(days=35)  # semantics 1.9.4

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_PART = re.compile(r"(\d{1,9})([smhd])")
_RELATIVE = re.compile(r"(\d{1,9}[smhd])+")


def parse(option: str, text: str, now: datetime, local: tzinfo | None = None) -> datetime:
    """The time that `text` means, in UTC.

    `text` is an age such as `30s`, `15m`, `2h`, `1d`, `1h30m`, counted back from `now`, or an ISO 8601 date or time; one
    without an offset is in the zone `local` (None: this machine's). Raises UsageError naming `option` for anything else.
    """
    try:
        if _RELATIVE.fullmatch(text):
            return (now - _age(text)).astimezone(UTC)
        when = datetime.fromisoformat(text)
        if when.tzinfo is None and local is not None:
            when = when.replace(tzinfo=local)
        return when.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise UsageError(f"{option} must be an age such as 30s, 15m, 2h or 1d, or an ISO time, not {text!r}.") from None


def check_range(since: datetime | None, until: datetime | None, now: datetime) -> None:
    """Raises UsageError when there is nothing between the two, or more than 35 days."""
    end = until or now
    if since is None:
        return
    if since >= end:
        raise UsageError("--since must be before --until, and in the past.")
    if end - since > RANGE_MAX:
        raise UsageError(f"--since and --until may be at most {RANGE_MAX.days} days apart.")


def wire(when: datetime) -> str:
    """As the API wants it: ISO 8601 in UTC, as in `2026-11-21T10:00:00.000000Z`."""
    return when.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _age(text: str) -> timedelta:
    age = timedelta()
    for count, unit in _PART.findall(text):
        age += timedelta(**{_UNITS[unit]: int(count)})
    return age
