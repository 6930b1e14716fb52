"""The journal (`ports.Journal`) on SQLite: one transaction per append, durable when it returns.

Owns the writing side: records with their hash chain, the folded state of each App, and the projections that follow from
the records. Reading for people is `history`; what a row means is `projections`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Insert, Table, Update, bindparam, delete, func, insert, select, update

from ..core.model import App
from ..core.states import AppState
from ..ports import Record
from . import chain, codec
from .change import Change
from .database import Database
from .projections import changes
from .tables import PROJECTIONS, apps, meta, records

FORGOTTEN = "forgotten"


class SqlJournal:
    """Appends may come from any thread, one at a time. The caller holds the lock of the data directory (`lock`)."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._guard = threading.Lock()
        self._head: chain.Head | None = None  # None: read it from the database first
        self._world: tuple[str, int] | None = None  # as far as it is known to be written

    @classmethod
    def open(cls, path: Path) -> SqlJournal:
        """As `Database(path)`."""
        return cls(Database(path))

    def append(self, now_ms: int, new: Sequence[Record], changed: Sequence[App], world: tuple[str, int]) -> None:
        """See `ports.Journal.append`."""
        states = [Change(apps, {"app_id": app.app_id}, _folded(app), make=True) for app in changed]
        with self._guard:
            known, self._world = self._world, None
            head, self._head = self._head, None  # unless this append succeeds we no longer know where the chain ends
            with self._database.writing() as connection:
                head = _extend(connection, head, now_ms, new)
                _apply(connection, states)
                _apply(connection, _meta(head, world) if known != world else _meta(head))
            self._head, self._world = head, world

    def append_with(self, now_ms: int, new: Sequence[Record], write: Callable[[Connection], None]) -> None:
        """Records and what `write` does, in one transaction; for state that must not be in a record, and is no App's.

        Returns when durable. Raises OSError with nothing written, and what `write` raises.
        """
        with self._guard:
            head, self._head = self._head, None
            with self._database.writing() as connection:
                write(connection)
                head = _extend(connection, head, now_ms, new)
                _apply(connection, _meta(head))
            self._head = head

    def load(self) -> tuple[list[App], tuple[str, int] | None]:
        """See `ports.Journal.load`. Raises PlatformError for an App in a format of another version, OSError for the disk."""
        with self._database.reading() as connection:
            query = select(apps.c.body).where(apps.c.state != FORGOTTEN).order_by(apps.c.position)
            bodies = list(connection.execute(query).scalars())
            written = {row.key: row.value for row in connection.execute(select(meta))}
        world = (written["world_tag"], int(written["next_id"])) if "world_tag" in written else None
        return [codec.loads(body) for body in bodies], world

    def verify(self) -> str | None:
        """Walk the chain from the first record. Returns what is wrong with the first bad or missing one, or None."""
        with self._database.reading() as connection:
            return chain.first_break(_links(connection), _read_head(connection))

    def rebuild(self) -> None:
        """Forget all projections and fold every record again, in one transaction."""
        with self._guard, self._database.writing() as connection:
            for table in PROJECTIONS:
                connection.execute(delete(table))
            for link in list(_links(connection)):
                _apply(connection, changes(link.seq, link.at_ms, Record(link.kind, json.loads(link.body), link.actor)))

    def close(self) -> None:
        self._database.close()


def _extend(connection: Connection, head: chain.Head | None, now_ms: int, new: Sequence[Record]) -> chain.Head:
    """Appends the records to the chain and folds them into the projections; the chain's new end."""
    head = _read_head(connection) if head is None else head
    for record in new:
        link = chain.link(head, now_ms, record.kind, json.dumps(record.body, separators=(",", ":")), record.actor)
        head = chain.Head(link.seq, link.hash)
        connection.execute(_insert(records), link._asdict())
        _apply(connection, changes(link.seq, now_ms, record))
    return head


def _folded(app: App) -> dict[str, Any]:
    """A stopped App without deployments has no URL left to answer for: nobody needs to load it again."""
    over = app.state is AppState.STOPPED and not app.deployments
    return {"state": FORGOTTEN if over else app.state.value, "body": codec.dumps(app)}


def _read_head(connection: Connection) -> chain.Head:
    text = connection.execute(select(meta.c.value).where(meta.c.key == "head")).scalar()
    return chain.Head.parse(text) if text else chain.Head()


def _links(connection: Connection) -> Iterator[chain.Link]:
    for row in connection.execute(select(records).order_by(records.c.seq)):
        yield chain.Link(*row)


def _meta(head: chain.Head, world: tuple[str, int] | None = None) -> Iterator[Change]:
    values = {"head": str(head)} | ({"world_tag": world[0], "next_id": str(world[1])} if world else {})
    for key, value in values.items():
        yield Change(meta, {"key": key}, {"value": value}, make=True)


def _apply(connection: Connection, wanted: Iterable[Change]) -> None:
    """Update the row; where there is none, insert it. Plain SQL, so that any database will do."""
    for change in wanted:
        given = {**change.first, **change.values}
        statement = _update(change.table, tuple(change.key), tuple(change.first), tuple(change.values))
        key = {f"key_{name}": value for name, value in change.key.items()}
        if connection.execute(statement, {**key, **given}).rowcount == 0 and change.make:
            connection.execute(_insert(change.table), {**change.key, **given})


@cache  # building a statement costs more than running it
def _update(table: Table, key: tuple[str, ...], first: tuple[str, ...], values: tuple[str, ...]) -> Update:
    columns = table.c
    kept = {name: func.coalesce(columns[name], bindparam(name, type_=columns[name].type)) for name in first}
    where = [columns[name] == bindparam(f"key_{name}") for name in key]
    return update(table).where(*where).values({**kept, **{name: bindparam(name) for name in values}})


@cache
def _insert(table: Table) -> Insert:
    return insert(table)
