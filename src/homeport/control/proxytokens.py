"""Proxy tokens (`wk-`, `ws-`): credentials for Servers, never for the API (semantics 6.4.8, 6.4.9).

Owns making, naming, scoping and deleting them, and that the router knows of each change before anybody is answered. Order:
first durable, then the router (which writes the files it boots from before it changes what it serves). The router
alone decides on requests, so that goes on without us. Only the sha256 of key and secret is kept.

With RBAC off every token is good in the whole workspace; with RBAC on only in the environments that it was allowed in.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable, Sequence

from ..errors import InvalidError, NotFoundError, PlatformError
from ..manifest import names
from ..ports import Record
from ..router.render import Tokens
from ..store import access_records as records
from ..store.proxytokens import ProxyTokenRow, ProxyTokenTable
from ..store.tokens import random_text
from .environments import Environments
from .loop import ControlLoop
from .views import Json, iso

RBAC = "rbac"
TOKENS_MAX = 10_000
KEY_LENGTH, SECRET_LENGTH = 22, 32  # of 62 letters: 130 and 190 random bits, so one round of hashing is enough
ANYWHERE = "*"

Push = Callable[[Tokens], Awaitable[None]]
log = logging.getLogger(__name__)


class ProxyTokens:
    """Used from the control loop's thread only. `push` is the router's `set_tokens`."""

    def __init__(self, table: ProxyTokenTable, environments: Environments, loop: ControlLoop, push: Push) -> None:
        self._table = table
        self._environments = environments
        self._loop = loop
        self._push = push
        self._read()

    @property
    def rbac(self) -> bool:
        """Whether tokens are bound to environments."""
        return self._rbac

    async def set_rbac(self, on: bool, actor: str) -> None:
        """Raises PlatformError as `delete`."""
        if on != self._rbac:
            self._note(records.workspace_updated(RBAC, "on" if on else "off", actor))
        await self.push()

    def lines(self, environment: str | None = None) -> list[Json]:
        """All, or with RBAC those that are good in one environment. Raises NotFoundError for it."""
        wanted = self._environments.find(environment).environment_id if environment is not None else None
        return [self._line(row) for row in self._rows if not (wanted and self._rbac) or wanted in row.environment_ids]

    async def create(self, name: str, environments: Sequence[str], actor: str) -> Json:
        """The only time that its secret is told.

        Raises InvalidError for its name or too many tokens, NotFoundError for an environment.
        """
        _refuse_name(name)
        if len(self._rows) >= TOKENS_MAX:
            raise InvalidError(f"The limit of {TOKENS_MAX} proxy tokens is reached: delete one.")
        allowed = [self._environments.find(each).environment_id for each in environments]
        token_id, secret = "wk-" + random_text(KEY_LENGTH), "ws-" + random_text(SECRET_LENGTH)
        self._note(records.proxy_token_created(token_id, name, fingerprint(token_id, secret), allowed, actor))
        try:
            await self.push()
        except PlatformError as error:  # nobody is let in too early, and the secret can't be told again
            log.warning("proxy token %s was made: %s", token_id, error)
        return {**self._line(self.find(token_id)), "token_secret": secret}

    def rename(self, token_id: str, name: str, actor: str) -> Json:
        """Raises InvalidError, NotFoundError."""
        _refuse_name(name)
        row = self.find(token_id)
        if name != row.name:
            self._note(records.proxy_token_updated(token_id, name, actor))
        return self._line(self.find(token_id))

    async def grant(self, token_id: str, environment: str, granted: bool, actor: str) -> Json:
        """Let it into an environment, or no longer. Idempotent. Raises NotFoundError; PlatformError as `delete`."""
        row, place = self.find(token_id), self._environments.find(environment)
        if (place.environment_id in row.environment_ids) != granted:
            self._note(records.proxy_token_granted(token_id, (place.environment_id, place.name), granted, actor))
        await self.push()
        return self._line(self.find(token_id))

    async def delete(self, token_id: str, actor: str) -> Json:
        """When it returns, no request gets in with this token any more.

        Raises NotFoundError; PlatformError when it is durable, but the router could not be told: it is told again and again.
        """
        row = self.find(token_id)
        self._note(records.proxy_token_deleted(token_id, row.name, actor))
        await self.push()
        return {"token_id": token_id}

    async def push(self) -> None:
        """Tell the router all of them. Raises PlatformError."""
        try:
            await self._push(self.wanted())
        except OSError as error:
            raise PlatformError(
                f"This is saved, but the router could not be told yet ({error}); it will be, as soon as it answers. "
                "See `homeport status`, then ask again to be sure."
            ) from error

    def wanted(self) -> Tokens:
        """What the router shall know: fingerprint -> (token id, names of environments)."""
        there = {line.environment_id: line.name for line in self._environments.rows()}
        found: dict[str, tuple[str, tuple[str, ...]]] = {}
        for row in self._rows:
            scoped = tuple(sorted(there[each] for each in row.environment_ids if each in there))
            found[row.sha256] = (row.token_id, scoped if self._rbac else (ANYWHERE,))
        return found

    def find(self, token_id: str) -> ProxyTokenRow:
        """Raises NotFoundError."""
        found = next((row for row in self._rows if row.token_id == token_id), None)
        if found is None:
            shown = token_id if token_id.startswith("wk-") else repr(token_id)
            raise NotFoundError(f"There is no proxy token {shown}; see `homeport workspace proxy-tokens list`.")
        return found

    def _note(self, *lines: Record) -> None:
        self._loop.note(*lines)
        self._read()

    def _read(self) -> None:
        self._rows = self._table.rows()
        self._rbac = self._table.setting(RBAC) == "on"

    def _line(self, row: ProxyTokenRow) -> Json:
        there = {line.environment_id: line.name for line in self._environments.rows()}
        return {
            "token_id": row.token_id,
            "name": row.name,
            "created_at": iso(row.created_at_ms),
            "created_by": row.created_by,
            "scoped": self._rbac,
            "environments": sorted(there[each] for each in row.environment_ids if each in there),
        }


def fingerprint(token_id: str, secret: str) -> str:
    """How the router knows a pair of credentials."""
    return hashlib.sha256(f"{token_id}:{secret}".encode()).hexdigest()


def _refuse_name(name: str) -> None:
    problem = names.object_name_problem("proxy token", name) if name else None
    if problem:
        raise InvalidError(problem)
