"""A journal in memory (`ports.Journal`) that can fail or die on command. For the simulator and for tests; not durable.

What is "on disk" survives the control plane that wrote it: hand the same object to the next one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from ..core.model import App
from ..core.states import AppState
from ..ports import Record


class ControlPlaneDied(BaseException):
    """The process was killed inside `append`. Not an Exception, so that nothing on the way up mistakes it for a failure."""


@dataclass(frozen=True, slots=True)
class Written:
    """One record as it lies on the imagined disk."""

    seq: int
    at_ms: int
    record: Record


class MemoryJournal:
    def __init__(self) -> None:
        self.records: list[Written] = []
        self.apps: dict[str, App] = {}  # stopped ones too, in order of creation
        self.world: tuple[str, int] | None = None
        self.appends = 0  # that were written
        self._failures: list[OSError] = []
        self._dies_after: tuple[int, bool] | None = None

    def append(self, now_ms: int, records: Sequence[Record], apps: Sequence[App], world: tuple[str, int]) -> None:
        """See `ports.Journal.append`. Raises what `fail_next` and `die_after` ordered."""
        lines = [json.dumps(record.body) for record in records]  # as on a disk: later changes of a body don't reach it
        if self._failures:
            raise self._failures.pop(0)
        dies, written = self._dies_now()
        if dies and not written:
            raise ControlPlaneDied
        for record, line in zip(records, lines, strict=True):
            self.records.append(Written(len(self.records) + 1, now_ms, Record(record.kind, json.loads(line), record.actor)))
        self.apps.update((app.app_id, app) for app in apps)
        self.world = world
        self.appends += 1
        if dies:
            raise ControlPlaneDied

    def load(self) -> tuple[list[App], tuple[str, int] | None]:
        """See `ports.Journal.load`."""
        return [app for app in self.apps.values() if app.state is not AppState.STOPPED or app.deployments], self.world

    def fail_next(self, *errors: OSError) -> None:
        """The next appends raise these, one each, and write nothing."""
        self._failures.extend(errors)

    def die_after(self, appends: int, *, written: bool) -> None:
        """After so many good appends the next raises ControlPlaneDied, once: just after it was `written`, or just before."""
        self._dies_after = (self.appends + appends, written)

    def calm(self) -> None:
        """Nothing that was ordered will happen any more."""
        self._failures.clear()
        self._dies_after = None

    def _dies_now(self) -> tuple[bool, bool]:
        if self._dies_after is None or self.appends < self._dies_after[0]:
            return False, False
        written = self._dies_after[1]
        self._dies_after = None
        return True, written
