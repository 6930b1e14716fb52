"""An exception of the user's code as text, with the user's own lines only. Loaded when something failed, and only then."""

from __future__ import annotations

import sys
import traceback

IMPORT_SYSTEM = "<frozen importlib"


def text(error: BaseException, lib: str) -> str:
    """The traceback without our frames (files under `lib`/homeport) and without those of the import system.

    A module that is not there gets one line more that says what to do.
    """
    shown = traceback.TracebackException(type(error), error, error.__traceback__)
    _strip(shown, f"{lib}/homeport/")
    lines = "".join(shown.format())
    return lines + _advice(error)


def _strip(shown: traceback.TracebackException, ours: str) -> None:
    pending: list[traceback.TracebackException | None] = [shown]
    while pending:
        one = pending.pop()
        if one is None:
            continue
        one.stack = traceback.StackSummary.from_list(
            [frame for frame in one.stack if not frame.filename.startswith((ours, IMPORT_SYSTEM))]
        )
        pending += [one.__cause__, one.__context__, *(getattr(one, "exceptions", None) or ())]


def _advice(error: BaseException) -> str:
    name = error.name if isinstance(error, ModuleNotFoundError) else None
    top = (name or "").partition(".")[0]
    if not top or top in sys.modules:
        return ""
    return (
        f"homeport: the module {top!r} is not in the container. Add it to the image, e.g. "
        f'Image.debian_slim().pip_install("{top}"), or deploy it with your source if it is your own.\n'
    )
