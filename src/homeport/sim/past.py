"""The history that people look at: the rows that the store's projections make of the journal's records, kept in memory."""

from __future__ import annotations

from typing import Any

from ..store.history import DeploymentRow
from ..store.projections import changes
from ..store.tables import deployments
from ..testing.journal import MemoryJournal


class Past:
    """Follows one journal, which may be written by several control planes in turn."""

    def __init__(self, journal: MemoryJournal) -> None:
        self._journal = journal
        self._read = 0
        self._rows: dict[tuple[str, int], dict[str, Any]] = {}

    def __call__(self, app_id: str) -> list[DeploymentRow]:
        """Its versions, newest first."""
        self._catch_up()
        mine = [row for (owner, _), row in self._rows.items() if owner == app_id]
        return [DeploymentRow(**row) for row in sorted(mine, key=lambda row: int(row["version"]), reverse=True)]

    def _catch_up(self) -> None:
        for written in self._journal.records[self._read :]:
            for change in changes(written.seq, written.at_ms, written.record):
                if change.table is deployments:
                    self._change((change.key["app_id"], change.key["version"]), change.key | change.first, change.values)
        self._read = len(self._journal.records)

    def _change(self, key: tuple[str, int], first: dict[str, Any], values: dict[str, Any]) -> None:
        row = self._rows.setdefault(key, {"reason": None, "settled_at_ms": None})
        row.update({name: value for name, value in first.items() if row.get(name) is None})
        row.update(values)
