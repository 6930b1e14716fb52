"""What people write to name an App on the command line (semantics 1.3). Text in, value out; looks at no file."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import UsageError

_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")


@dataclass(frozen=True, slots=True)
class AppRef:
    """`place` is a path, or a dotted module name if `is_module`; `variable` picks one App where a file defines several."""

    place: str
    is_module: bool
    variable: str | None = None


def parse(text: str, as_module: bool = False) -> AppRef:
    """`file.py`, `file.py::app`; with `as_module` (-m) `pkg.mod`, `pkg.mod::app`. Raises UsageError for anything else."""
    place, separator, variable = text.partition("::")
    if ":" in place or ":" in variable:
        raise UsageError(f"{text!r} has a ':' in a wrong place; write FILE::APP with two, as in hello.py::app.")
    if separator and not variable.isidentifier():
        raise UsageError(f"{text!r} names no App after '::'; write the name of its variable there, as in hello.py::app.")
    if not place:
        raise UsageError("Name a file, as in `homeport deploy hello.py`, or a module after -m.")
    if as_module:
        return _module(place, variable or None)
    return AppRef(place, False, variable or None)


def looks_like_module(place: str) -> bool:
    """Whether somebody who wrote `place` for a file, and there is none, probably forgot -m."""
    return _DOTTED.fullmatch(place) is not None and not place.endswith(".py")


def _module(place: str, variable: str | None) -> AppRef:
    if place.endswith(".py") or "/" in place:
        raise UsageError(f"-m takes a module such as package.module, not the file {place!r}; leave out -m to deploy a file.")
    if not all(part.isidentifier() for part in place.split(".")):
        raise UsageError(f"{place!r} is not the name of a module; write it as in package.module.")
    return AppRef(place, True, variable)
