"""How a place in a Volume is named on the command line: `VOLUME PATH`, or in one word `VOLUME:/path`. Pure text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import UsageError

_ONE_WORD = re.compile(r"([A-Za-z0-9._-]+):(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Place:
    volume: str
    path: str


def places(words: Sequence[str]) -> tuple[str, list[str]]:
    """The Volume and the paths that follow it; each path may name the same Volume once more (`a:/x a:/y`).

    Raises UsageError for two Volumes: nothing goes from one to the other without this machine.
    """
    first, *rest = words
    volume, path = _split(first) or (first, None)
    paths = [] if path is None else [path]
    for word in rest:
        other = _split(word)
        if other and other[0] == volume:
            word = other[1]
        elif other and path is not None:
            raise UsageError(f"Both paths have to be in one Volume, not in {volume!r} and {other[0]!r}; get and put them.")
        paths.append(word)
    return volume, paths


def upload(words: Sequence[str]) -> tuple[str, Place]:
    """The local path, and where it goes: `VOLUME LOCAL [PATH]`, or `LOCAL VOLUME:/path`. Raises UsageError."""
    if len(words) == 2 and (found := _split(words[1])) and found[1].startswith("/"):
        return words[0], Place(*found)
    if len(words) not in (2, 3):
        raise UsageError("Name a Volume, a local path, and perhaps a path in the Volume, as in `volume put data ./x /x`.")
    volume, local, *remote = words
    return local, Place(volume, remote[0] if remote else "/")


def _split(word: str) -> tuple[str, str] | None:
    found = _ONE_WORD.fullmatch(word)
    return (found[1], found[2] or "/") if found else None
