"""What a base is stored as: its name, and for each time that it was made anew its name with a number. Pure.

The newest is what counts from then on; what stands on an older one keeps that. One that was made anew for one deploy alone
never counts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence


def made(name: str, cache: str, number: int) -> str:
    """What to store it as. cache: of the recipe; number: grows with time."""
    return {"": name, "force": f"{name}.{number:x}", "ignore": f"{name}.alone-{number:x}"}[cache]


def newest(names: Sequence[str], stored: Collection[str]) -> str | None:
    """Of several names of one base, earlier ones first where none is newer; None if none is stored."""
    numbered = [(int(found[2] or "0", 16), found[0]) for name in names for found in _of(name, stored) if not found[1]]
    return max(numbered, key=lambda each: each[0])[1] if numbered else None


def every(names: Sequence[str], stored: Collection[str]) -> list[str]:
    return [found[0] for name in names for found in _of(name, stored)]


def _of(name: str, stored: Collection[str]) -> list[re.Match[str]]:
    form = re.compile(re.escape(name) + r"(?:\.(alone-)?([0-9a-f]+))?")
    return [found for each in sorted(stored) if (found := form.fullmatch(each))]
