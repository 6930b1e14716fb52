"""`homeport deploy --plan`: what would change, and nothing done. Exit codes: 0 nothing would change, 2 something would.

An error is 1 here, also one in the command line, so that a script can tell it from changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from . import render, text

if TYPE_CHECKING:
    from ..client.answers import Plan, PlannedChange

CHANGES = 2
_SIGNS = {"added": "+", "removed": "-", "changed": "~", "reordered": "~"}
_STYLES = {"+": "green", "-": "red", "~": "yellow"}


def error_code(argv: Sequence[str], code: int) -> int:
    """The exit code of a command line that failed, which is `code` for any other command."""
    return 1 if "deploy" in argv and "--plan" in argv else code


def show(plan: Plan, as_json: bool) -> int:
    """Prints it; returns the exit code."""
    if as_json:
        render.value(plan)
    else:
        for line in lines(plan):
            render.out(line, _STYLES.get(line[2:3], "") if line.startswith("  ") else "")
    return 0 if plan["noop"] else CHANGES


def lines(plan: Plan) -> Iterator[str]:
    """A head line, one line for each change, and what it comes to."""
    name, environment, against = plan["app_name"], plan["environment"], plan["against"]
    if plan["noop"] and against:
        since = text.local_time(against["since"])
        state = "rolling out" if against["state"] == "rolling" else against["state"]
        yield f"App '{name}' in the '{environment}' environment: nothing would change."
        manifest = f"sha256:{plan['manifest_digest'][:12]}"
        yield f"It is the same manifest {manifest} as v{against['version']}, {state} since {since}."
        return
    compared = f"compared with v{against['version']} ({against['state']})" if against else "it would be new"
    yield f"App '{name}' in the '{environment}' environment, {compared}:"
    yield from (f"  {_line(change)}" for change in plan["changes"])
    yield f"Plan: {text.counted(len(plan['changes']), 'change')}; deploying makes v{plan['version']}."


def _line(change: PlannedChange) -> str:
    kind, before, after = change["kind"], change["before"], change["after"]
    head = f"{_SIGNS.get(kind, '~')} {change['path']}"
    if kind == "reordered":
        return f"{head}: in another order"
    if kind == "changed":
        hidden = before is None and after is None
        return f"{head}: changed" if hidden else f"{head}: {_word(before)} → {_word(after)}"
    value = after if kind == "added" else before
    return head if value is None else f"{head}: {_word(value)}"


def _word(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(_word(item) for item in value) + "]"
    return str(value)
