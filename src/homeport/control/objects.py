"""Dicts and Queues by name and id: names, environments, lifetimes, and the one thread that uses their database.

Owns names, environments and lives; what is in them is `dicts`' and `queues`'. A container reaches the objects of its own
environment only: `within` is its name, or None for people, who reach all.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import string
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from ..errors import AlreadyExistsError, InvalidError, NotFoundError, PermissionDeniedError
from ..manifest import names
from ..ports import Clock
from ..store.objects import PREFIXES, Kind, ObjectFile, ObjectRow
from .environments import Environments
from .hints import did_you_mean
from .views import Json, iso

T = TypeVar("T")

log = logging.getLogger(__name__)

UNNAMED_MS = 600_000  # how long one without a name lives after it was last said to be needed
SWEEP_S = 300.0
_ALPHABET = string.ascii_letters + string.digits


class Objects:
    """Used from the control loop's thread. All rows are in memory, so that finding one costs nothing."""

    def __init__(self, file: ObjectFile, environments: Environments, clock: Clock) -> None:
        self.file = file
        self.clock = clock
        self.chores: list[Callable[[int], None]] = []  # done now and then, in the thread, with the time
        self._environments = environments
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="objects")
        self._rows = {row.object_id: row for row in file.rows()}
        self._naming = asyncio.Lock()

    async def run(self, work: Callable[[], T]) -> T:
        """`work` in the thread that may use the file. What it returns is durable."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def sweep(self) -> None:
        """Now and then removes what is over, until it is cancelled."""
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                await self.remove_what_is_over()
            except OSError as error:
                log.error("what is over in Dicts and Queues can't be removed: %s", error)

    async def remove_what_is_over(self) -> None:
        """Objects without a name that nobody needs, those of deleted environments, and what the chores find."""
        now_ms, there = self.clock.now_ms(), self._environments.ids()
        for row in list(self._rows.values()):
            if row.environment_id not in there or (row.expires_at_ms or now_ms + 1) <= now_ms:
                await self._remove(row)
        for chore in self.chores:
            await self.run(lambda chore=chore: chore(now_ms))  # type: ignore[misc]  # bound now, called at once

    def close(self) -> None:
        self._thread.shutdown(wait=True)
        self.file.close()

    def get(self, kind: Kind, object_id: str, within: str | None) -> ObjectRow:
        """Raises NotFoundError, also for one in an environment that is out of reach."""
        row = self._rows.get(object_id)
        if row is None or row.kind is not kind or (within is not None and row.environment_id != self._id_of(within)):
            raise NotFoundError(f"There is no {_word(kind)} {object_id!r} (any more).")
        return row

    async def resolve(self, kind: Kind, name: str, environment: str, *, create: bool, actor: str) -> str:
        """The id of `name`. Raises NotFoundError, InvalidError for a name that is not legal, OSError."""
        row = self._named(kind, name, environment)
        if row is None and create:
            row = await self._make(kind, name, environment, actor)
        return (row or self._missing(kind, name, environment)).object_id

    async def create(self, kind: Kind, name: str, environment: str, *, allow_existing: bool, actor: str) -> Json:
        """Without a name: one that lives for 10 minutes more each time that it is said to be needed.

        Raises AlreadyExistsError unless `allow_existing`; else as `resolve`.
        """
        if name and not allow_existing and self._named(kind, name, environment) is not None:
            raise AlreadyExistsError(f"There is a {_word(kind)} {name!r} in the {environment!r} environment already.")
        return self.line(await self._make(kind, name, environment, actor))

    def lines(self, kind: Kind, environment: str) -> list[Json]:
        """Those with a name, newest first."""
        mine = [row for row in self._rows.values() if row.kind is kind and row.environment_id == self._id_of(environment)]
        return [self.line(row) for row in sorted(mine, key=lambda row: -row.created_at_ms) if row.name is not None]

    def line(self, row: ObjectRow) -> Json:
        return {
            "object_id": row.object_id,
            "name": row.name,
            "environment": self._environments.name_of(row.environment_id),
            "created_at": iso(row.created_at_ms),
            "created_by": row.created_by,
        }

    async def delete(self, row: ObjectRow) -> None:
        """With all that is in it."""
        await self._remove(row)

    async def heartbeat(self, row: ObjectRow) -> None:
        """It is still needed. Says nothing of one with a name."""
        if row.expires_at_ms is not None:
            until_ms = self.clock.now_ms() + UNNAMED_MS
            await self.run(lambda: self.file.expires(row.object_id, until_ms))
            if row.object_id in self._rows:
                self._rows[row.object_id] = replace(row, expires_at_ms=until_ms)

    async def _make(self, kind: Kind, name: str, environment: str, actor: str) -> ObjectRow:
        """Gets or creates it, atomically."""
        problem = names.object_name_problem(_word(kind), name) if name else None
        if problem:
            raise InvalidError(problem)
        async with self._naming:
            found = self._named(kind, name, environment) if name else None
            if found is not None:
                return found
            now_ms = self.clock.now_ms()
            expires = None if name else now_ms + UNNAMED_MS
            made = ObjectRow(_new_id(kind), kind, self._id_of(environment), name or None, now_ms, actor, expires)
            await self.run(lambda: self.file.add(made))
            self._rows[made.object_id] = made
        return made

    async def _remove(self, row: ObjectRow) -> None:
        self._rows.pop(row.object_id, None)
        try:
            await self.run(lambda: self.file.remove(row.object_id))
        except OSError:
            self._rows[row.object_id] = row
            raise

    def _named(self, kind: Kind, name: str, environment: str) -> ObjectRow | None:
        environment_id = self._id_of(environment)
        rows = (row for row in self._rows.values() if (row.kind, row.environment_id) == (kind, environment_id))
        return next((row for row in rows if row.name == name), None)

    def _missing(self, kind: Kind, name: str, environment: str) -> ObjectRow:
        there = [str(line["name"]) for line in self.lines(kind, environment)]
        raise NotFoundError(
            f"There is no {_word(kind)} {name!r} in the {environment!r} environment.{did_you_mean(name, there)} "
            f"Make it with `homeport {kind.value} create {name}`, or with `create_if_missing=True`."
        )

    def _id_of(self, environment: str) -> str:
        return self._environments.find(environment).environment_id


def refuse_out_of_reach(environment: str, within: str | None) -> None:
    """Raises PermissionDeniedError for an environment that is not the container's."""
    if within is not None and environment != within:
        raise PermissionDeniedError(
            f"A container reaches what is in its own environment {within!r} only, not what is in {environment!r}."
        )


def _word(kind: Kind) -> str:
    return kind.value.capitalize()


def _new_id(kind: Kind) -> str:
    return PREFIXES[kind] + "".join(secrets.choice(_ALPHABET) for _ in range(22))
