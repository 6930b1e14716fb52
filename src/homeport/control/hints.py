"""What is said beside the name of something that there is not. Pure; knows no store and no kind of thing."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from ..errors import NotFoundError


def did_you_mean(name: str, there: Iterable[str]) -> str:
    """A sentence with a blank before it that names what is spelled alike; empty if nothing is."""
    close = difflib.get_close_matches(name, dict.fromkeys(there), n=3)
    return f" Did you mean {' or '.join(close)}?" if close else ""


def no_server(app_name: str, name: str, there: Iterable[str]) -> NotFoundError:
    """The error for a Server that the App doesn't have; `there` are all that it has."""
    servers = ", ".join(sorted(there)) or "none"
    return NotFoundError(f"App {app_name!r} has no Server {name!r}; its Servers: {servers}.")
