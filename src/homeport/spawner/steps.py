"""Do an ordered list of small steps; when one fails, undo those before it in reverse and say which one failed and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Step(NamedTuple):
    describe: str  # completes "could not ..."
    do: Callable[[], None]
    undo: Callable[[], None] | None = None


class StepError(Exception):
    """`step` could not be done because of `reason`; `leftovers` are undos that failed too."""

    def __init__(self, step: str, reason: str, leftovers: list[str]) -> None:
        super().__init__(f"could not {step}: {reason}")
        self.step = step
        self.reason = reason
        self.leftovers = leftovers


def run(steps: list[Step]) -> None:
    """Raises StepError. A step that fails is undone too: it may have been half done."""
    done: list[Step] = []
    for step in steps:
        done.append(step)
        try:
            step.do()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StepError(step.describe, _reason(error), undo(done)) from error


def undo(done: list[Step]) -> list[str]:
    """In reverse; returns what could not be undone."""
    leftovers = []
    for step in reversed(done):
        if step.undo:
            try:
                step.undo()
            except OSError as error:
                leftovers.append(f"{step.describe}: {_reason(error)}")
    return leftovers


def _reason(error: Exception) -> str:
    text = str(error.strerror) if isinstance(error, OSError) and error.strerror else str(error)
    named = f" ({error.filename})" if isinstance(error, OSError) and error.filename else ""
    return " ".join(f"{text}{named}".split()) or type(error).__name__
