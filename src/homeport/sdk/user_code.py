"""What to tell when a user's file fails while it is loaded: one line, and the traceback of the user's own lines.

Exceptions in, errors out; runs nobody's code.
"""

from __future__ import annotations

import traceback
from pathlib import Path

from ..errors import Error, ExecutionError

_OURS = str(Path(__file__).resolve().parent.parent)
_HIDDEN = ("<frozen importlib", "<frozen runpy")


class UserCodeError(ExecutionError):
    """A user's file raised while it was loaded. `traceback_text` shows its own lines, and none of homeport's."""

    code = "user_code"

    def __init__(self, message: str, traceback_text: str = "") -> None:
        super().__init__(message)
        self.traceback_text = traceback_text


def explain(error: BaseException, place: str) -> Error:
    """The error to raise instead of `error`, which loading `place` raised.

    One of our own, such as a setting that is not legal, keeps its type and gets the line of the user's file.
    """
    where = _where(error)
    if isinstance(error, Error):
        return type(error)(f"{error.message}{where}")
    return UserCodeError(f"{place} can't be loaded: {_what(error)}{where}", _own_traceback(error))


def _what(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return "it ends the process (sys.exit)"
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    first_line = (text.splitlines() or [""])[0]
    return f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__


def _where(error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return f" ({Path(error.filename).name}, line {error.lineno})"
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame)]
    return f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""


def _own_traceback(error: BaseException) -> str:
    told = traceback.TracebackException.from_exception(error)
    _strip(told)
    return "".join(told.format())


def _strip(told: traceback.TracebackException) -> None:
    told.stack[:] = [frame for frame in told.stack if _is_users(frame)]
    for linked in (told.__cause__, told.__context__, *(told.exceptions or ())):
        if linked is not None:
            _strip(linked)


def _is_users(frame: traceback.FrameSummary) -> bool:
    name = frame.filename
    return not (name.startswith(_OURS) or name.startswith(_HIDDEN) or name.endswith("/importlib/__init__.py"))
