"""Who did what, from the records themselves, and whether they are all as they were written. Owns queries; never writes.

Reads beside the writer, from any thread. What a record means to people is for `control.audit`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from .database import Database
from .journal import SqlJournal
from .tables import records


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One record that a person caused. `hash` names it, and all that came before it."""

    seq: int
    at_ms: int
    kind: str
    body: dict[str, Any]
    actor: str
    hash: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """problem: what is wrong with the first record that is not as it was written, or None."""

    records: int
    problem: str | None = None


class Audit:
    def __init__(self, journal: SqlJournal, database: Database) -> None:
        self._journal = journal
        self._database = database

    def acts(self, count: int) -> list[AuditRow]:
        """The last `count` records that name an actor, newest first. Raises OSError if the disk fails."""
        query = select(records).where(records.c.actor != "").order_by(records.c.seq.desc()).limit(count)
        with self._database.reading() as connection:
            found = list(connection.execute(query).mappings())
        columns = AuditRow.__dataclass_fields__
        return [AuditRow(**{**{name: row[name] for name in columns}, "body": _body(row["body"])}) for row in found]

    def verify(self) -> Verdict:
        """Every record, from the first: takes a few microseconds each. Raises OSError if the disk fails."""
        problem = self._journal.verify()
        with self._database.reading() as connection:
            count = connection.execute(select(func.count()).select_from(records)).scalar_one()
        return Verdict(count, problem)


def _body(text: str) -> dict[str, Any]:
    """Also of a record that somebody broke: the list is there to be looked at even then."""
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    return body if isinstance(body, dict) else {}
