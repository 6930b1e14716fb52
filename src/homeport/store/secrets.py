"""Secrets at rest: their names and keys for people, and all values of one as one encrypted blob bound to its id.

Owns rows and encryption. What may be called how, who may ask and what is said to people is `control.secrets`'. Reads beside
the writer, from any thread; writes go with the journal's, so that the record of a change and the change are one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, insert, select, update

from ..ports import Record
from .database import Database
from .journal import SqlJournal
from .keyring import Keyring, Sealed
from .tables import stored_secrets as table

SEALED_AS = "homeport secret 1"  # what is sealed, and how it is written; a part of what an id is bound to


@dataclass(frozen=True, slots=True)
class SecretRow:
    """`name` is None for one that was made from values. `used_at_ms`: when somebody last deployed with it."""

    secret_id: str
    environment_id: str
    name: str | None
    keys: tuple[str, ...]
    created_at_ms: int
    created_by: str
    updated_at_ms: int
    used_at_ms: int
    sealed: Sealed = field(repr=False)


class SecretTable:
    def __init__(self, database: Database, journal: SqlJournal, keyring: Keyring) -> None:
        self._database = database
        self._journal = journal
        self._keyring = keyring

    @property
    def keyring(self) -> Keyring:
        return self._keyring

    def named(self, environment_id: str) -> list[SecretRow]:
        """Those of one environment that have a name, by name. Raises OSError, as all of these do when the disk fails."""
        query = select(table).where(table.c.environment_id == environment_id, table.c.name.is_not(None))
        return self._rows(query.order_by(table.c.name))

    def find(self, environment_id: str, name: str) -> SecretRow | None:
        found = self._rows(select(table).where(table.c.environment_id == environment_id, table.c.name == name))
        return found[0] if found else None

    def by_id(self, secret_ids: Iterable[str]) -> dict[str, SecretRow]:
        """Those of them that there are."""
        found = self._rows(select(table).where(table.c.secret_id.in_(list(secret_ids))))
        return {row.secret_id: row for row in found}

    def unnamed(self) -> list[SecretRow]:
        """All that were made from values."""
        return self._rows(select(table).where(table.c.name.is_(None)))

    def environments(self) -> list[tuple[str, str, int]]:
        """Of every Secret: its id, its environment's id, and when it was used last."""
        query = select(table.c.secret_id, table.c.environment_id, table.c.used_at_ms)
        with self._database.reading() as connection:
            return [(str(row[0]), str(row[1]), int(row[2])) for row in connection.execute(query)]

    def seal(self, secret_id: str, values: Mapping[str, str]) -> Sealed:
        text = json.dumps(dict(values), ensure_ascii=False, separators=(",", ":"))
        return self._keyring.seal(text.encode(errors="surrogatepass"), f"{SEALED_AS} {secret_id}")

    def values(self, row: SecretRow) -> dict[str, str]:
        """Raises ExecutionError in words when they can't be decrypted."""
        content = self._keyring.open(row.sealed, f"{SEALED_AS} {row.secret_id}")
        found: dict[str, str] = json.loads(content.decode(errors="surrogatepass"))
        return found

    def put(self, now_ms: int, row: SecretRow, record: Record) -> None:
        """Makes it, or replaces all of it but its making, together with the record that says so. Durable on return."""
        values = {"keys": list(row.keys), "updated_at_ms": row.updated_at_ms, "used_at_ms": row.used_at_ms, **_sealed(row)}
        made = {name: getattr(row, name) for name in ("environment_id", "name", "created_at_ms", "created_by")}

        def write(connection: Connection) -> None:
            mine = table.c.secret_id == row.secret_id
            if connection.execute(update(table).where(mine).values(values)).rowcount == 0:
                connection.execute(insert(table).values(secret_id=row.secret_id, **made, **values))

        self._journal.append_with(now_ms, [record], write)

    def used(self, now_ms: int, secret_id: str) -> None:
        """Somebody is about to publish something that names it."""
        self._journal.append_with(
            now_ms,
            [],
            lambda connection: _run(
                connection, update(table).where(table.c.secret_id == secret_id).values(used_at_ms=now_ms)
            ),
        )

    def remove(self, now_ms: int, secret_id: str, record: Record) -> None:
        mine = table.c.secret_id == secret_id
        self._journal.append_with(now_ms, [record], lambda connection: _run(connection, delete(table).where(mine)))

    def drop_unused(self, now_ms: int, secret_id: str, unused_since_ms: int) -> bool:
        """Removes it unless it was used at that time or later; returns whether it did. Needs no record of its own."""
        removed = 0

        def write(connection: Connection) -> None:
            nonlocal removed
            gone = delete(table).where(table.c.secret_id == secret_id, table.c.used_at_ms < unused_since_ms)
            removed = connection.execute(gone).rowcount

        self._journal.append_with(now_ms, [], write)
        return removed > 0

    def reseal(self, now_ms: int, records: Sequence[Record] = ()) -> int:
        """Encrypts with the current key whatever another one encrypted, in one transaction, then forgets other keys.

        A kill at any point leaves everything readable, and the rest to the next call. Returns how many there were. Raises
        ExecutionError, with nothing changed, when one can't be decrypted: no key goes that may be needed.
        """
        rows = [row for row in self._rows(select(table)) if row.sealed.key_id != self._keyring.current]
        resealed = {row.secret_id: self.seal(row.secret_id, self.values(row)) for row in rows}

        def write(connection: Connection) -> None:
            for row in rows:
                sealed = resealed[row.secret_id]
                # only what was read: somebody may have set it meanwhile, with the current key
                same = (table.c.secret_id == row.secret_id, table.c.sealed == row.sealed.content)
                connection.execute(update(table).where(*same).values(key_id=sealed.key_id, sealed=sealed.content))

        if rows or records:
            self._journal.append_with(now_ms, records, write)
        self._keyring.retire_old()
        return len(rows)

    def _rows(self, query: object) -> list[SecretRow]:
        with self._database.reading() as connection:
            return [_row(found._mapping) for found in connection.execute(query)]  # type: ignore[call-overload]  # any select


def _run(connection: Connection, statement: object) -> None:
    connection.execute(statement)  # type: ignore[call-overload]  # an update or a delete


def _row(found: Mapping[str, object]) -> SecretRow:
    names = [name for name in SecretRow.__dataclass_fields__ if name not in ("keys", "sealed")]
    keys = found["keys"]
    assert isinstance(keys, list), keys
    content = found["sealed"]
    assert isinstance(content, bytes), "a blob"
    plain: dict[str, object] = {name: found[name] for name in names}
    return SecretRow(**plain, keys=tuple(keys), sealed=Sealed(str(found["key_id"]), content))  # type: ignore[arg-type]  # the columns have the fields' types


def _sealed(row: SecretRow) -> dict[str, object]:
    return {"key_id": row.sealed.key_id, "sealed": row.sealed.content}
