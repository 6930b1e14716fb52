"""Secrets by name: what people may do with them, and the ids by which deploys name them (semantics 6.1).

Owns names, ids, words and the audit of changes. How they lie on the disk is `store.secrets`', and what a container or build
is given of them `vault`'s: from here no value ever goes out again, in no answer, record or error.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import secrets
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ..errors import AlreadyExistsError, Error, ExecutionError, InvalidError, NotFoundError
from ..manifest import names
from ..manifest.variables import secret_problem
from ..ports import Clock
from ..store import records
from ..store.keyring import Sealed
from ..store.secrets import SecretRow, SecretTable
from .environments import Environments
from .hints import did_you_mean
from .vault import lacks
from .views import Json, iso

log = logging.getLogger(__name__)

ID_PREFIX = "st-"
ID_LENGTH = 22
USED_EVERY_MS = 60_000  # how exact it has to be known when values were used last
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase


class Secrets:
    """Used from the control loop's thread, but for what says that it blocks."""

    def __init__(self, table: SecretTable, environments: Environments, clock: Clock, naming_key: bytes) -> None:
        """naming_key: what ids of values are made with; it must stay the same, or every deploy would be a new version."""
        self._table = table
        self._environments = environments
        self._clock = clock
        self._naming_key = naming_key

    def finish_rotation(self) -> None:
        """At start: what a rotation, or a new key from outside, has left to be encrypted anew."""
        try:
            done = self._table.reseal(self._clock.now_ms())
        except (Error, OSError) as error:
            log.error("not every Secret could be encrypted with the current key: %s", error)
            return
        if done:
            log.info("%d Secrets were encrypted with the current key", done)

    def lines(self, environment: str) -> list[Json]:
        """By name. Raises NotFoundError for the environment."""
        return [_line(row) for row in self._table.named(self._environments.find(environment).environment_id)]

    def create(self, name: str, environment: str, values: Mapping[str, str], *, overwrite: bool, actor: str) -> Json:
        """overwrite: one of that name keeps its id, and has only these values from now on.

        Raises InvalidError for what is not legal, NotFoundError for the environment, AlreadyExistsError, OSError.
        """
        problem = names.object_name_problem("Secret", name) or secret_problem(values)
        if problem:
            raise InvalidError(problem)
        row = self._find(name, environment)
        if row is None:
            environment_id = self._environments.find(environment).environment_id
            now_ms = self._clock.now_ms()
            fresh = SecretRow(_random_id(), environment_id, name, (), now_ms, actor, now_ms, now_ms, _nothing())
            return _line(self._write(fresh, values, records.SECRET_CREATED, actor))
        if not overwrite:
            raise AlreadyExistsError(
                f"There is a Secret {name!r} in the {environment!r} environment already; use --force to replace its values."
            )
        return _line(self._write(row, values, records.SECRET_UPDATED, actor))

    def update(self, name: str, environment: str, values: Mapping[str, str], actor: str) -> Json:
        """Adds these to those it has (6.1.3). Containers that run keep what they were started with.

        Raises InvalidError, NotFoundError; ExecutionError when what it has can't be decrypted.
        """
        row = self._known(name, environment)
        merged = {**self._table.values(row), **values}
        problem = secret_problem(merged)
        if problem:
            raise InvalidError(problem)
        return _line(self._write(row, merged, records.SECRET_UPDATED, actor))

    def delete(self, name: str, environment: str, actor: str) -> Json:
        """Apps that name it go on until they have to start a container. Raises NotFoundError."""
        row = self._known(name, environment)
        about = records.AboutSecret(row.secret_id, environment, name, row.keys)
        self._table.remove(self._clock.now_ms(), row.secret_id, about.record(records.SECRET_DELETED, actor))
        return {"name": name, "secret_id": row.secret_id}

    def resolve(self, name: str, environment: str, required_keys: Sequence[str]) -> str:
        """Its id. Raises NotFoundError naming it, or the keys that it lacks."""
        row = self._known(name, environment)
        lacking = [key for key in required_keys if key not in row.keys]
        if lacking:
            raise NotFoundError(lacks(name, lacking))
        return row.secret_id

    def keep(self, values: Mapping[str, str], environment: str, actor: str, *, dry_run: bool) -> str:
        """The id of these values, which are kept from now on (dry_run: the one that they would have).

        Equal values in one environment have one id. Raises InvalidError, NotFoundError for the environment, OSError.
        """
        problem = secret_problem(values)
        if problem:
            raise InvalidError(problem)
        environment_id = self._environments.find(environment).environment_id
        secret_id = self._id_of(values, environment_id)
        if dry_run:
            return secret_id
        now_ms = self._clock.now_ms()
        row = self._table.by_id([secret_id]).get(secret_id)
        if row is None or not self._opens(row):
            fresh = SecretRow(secret_id, environment_id, None, (), now_ms, actor, now_ms, now_ms, _nothing())
            self._write(fresh, values, records.SECRET_CREATED, actor)
        elif now_ms - row.used_at_ms > USED_EVERY_MS:
            self._table.used(now_ms, secret_id)
        return secret_id

    def unheld(self) -> Iterator[tuple[str, int]]:
        """Those that only manifests can hold: ids, and when each was used last. Blocks."""
        there = self._environments.ids()
        unnamed = {row.secret_id for row in self._table.unnamed()}
        for secret_id, environment_id, used_at_ms in self._table.environments():
            if secret_id in unnamed or environment_id not in there:
                yield secret_id, used_at_ms

    def drop(self, secret_id: str, unused_since_ms: int) -> bool:
        """Whether it went: not if it was used at that time or later. Blocks."""
        return self._table.drop_unused(self._clock.now_ms(), secret_id, unused_since_ms)

    def rotate_key(self, actor: str) -> Json:
        """A new key for all Secrets; the old one is forgotten. Raises InvalidError where the key comes from outside."""
        self._table.reseal(self._clock.now_ms())  # what an earlier rotation left: a key is never added to two others
        keyring = self._table.keyring
        keyring.add()
        rows = len(self._table.environments())
        done = self._table.reseal(self._clock.now_ms(), [records.secret_key_rotated(keyring.current, rows, actor)])
        return {"key_id": keyring.current, "secrets": done}

    def _known(self, name: str, environment: str) -> SecretRow:
        row = self._find(name, environment)
        if row is not None:
            return row
        there = [str(other["name"]) for other in self.lines(environment)]
        where = "" if environment == "main" else f" -e {environment}"
        raise NotFoundError(
            f"There is no Secret {name!r} in the {environment!r} environment.{did_you_mean(name, there)} "
            f"Make it with `homeport secret create {name} KEY=value{where}`."
        )

    def _find(self, name: str, environment: str) -> SecretRow | None:
        return self._table.find(self._environments.find(environment).environment_id, name)

    def _write(self, row: SecretRow, values: Mapping[str, str], kind: str, actor: str) -> SecretRow:
        now_ms = self._clock.now_ms()
        keys = tuple(sorted(values))
        sealed = self._table.seal(row.secret_id, values)
        changed = replace(row, keys=keys, updated_at_ms=now_ms, used_at_ms=now_ms, sealed=sealed)
        environment = self._environments.name_of(row.environment_id)
        about = records.AboutSecret(row.secret_id, environment, row.name or "", keys)
        self._table.put(now_ms, changed, about.record(kind, actor))
        return changed

    def _opens(self, row: SecretRow) -> bool:
        """Whether it can be decrypted: one that can't is written again, since its values are at hand."""
        try:
            self._table.values(row)
        except ExecutionError:
            return False
        return True

    def _id_of(self, values: Mapping[str, str], environment_id: str) -> str:
        text = json.dumps([environment_id, sorted(values.items())], ensure_ascii=False)
        digest = hmac.digest(self._naming_key, text.encode(errors="surrogatepass"), hashlib.sha256)
        return ID_PREFIX + _base62(int.from_bytes(digest[:16], "big"))


def _line(row: SecretRow) -> Json:
    return {
        "name": row.name,
        "secret_id": row.secret_id,
        "keys": list(row.keys),
        "created_at": iso(row.created_at_ms),
        "created_by": row.created_by,
        "updated_at": iso(row.updated_at_ms),
    }


def _nothing() -> Sealed:
    return Sealed("", b"")


def _random_id() -> str:
    return ID_PREFIX + "".join(secrets.choice(_DIGITS) for _ in range(ID_LENGTH))


def _base62(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = _DIGITS[rest] + digits
    return digits.rjust(ID_LENGTH, "0")
