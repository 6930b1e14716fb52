"""Sessions of sessioned Servers (semantics 2.5): which token is tied to which container, in the data plane's own map.

The router checks them by itself on every request; it knows a token by its hash only. What begins and ends a session is the
control plane's business, and so is how long one may be idle: here is only told what the data plane has seen of it.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from . import commands
from .commands import Command
from .plane import DataPlane
from .settings import RouterSettings

TABLE = "sessions_live"
EXPIRE_MS = 24 * 3600 * 1000  # of the table's rows: what is left of it tells when a session was used last
_HASH = re.compile(r"[0-9a-f]{64}")
_ROW = re.compile(r"key=(?P<key>\S+) .*?exp=(?P<exp>\d+) .*?conn_cur=(?P<current>\d+)")


@dataclass(frozen=True, slots=True)
class Session:
    """One line of the map. It is good for one host, and ends with its container."""

    host: str
    container_id: str
    session_id: str
    idle_timeout_s: int

    @property
    def text(self) -> str:
        return f"{self.host}|{self.container_id}|{self.session_id}|{self.idle_timeout_s}"

    @classmethod
    def parse(cls, text: str) -> Session | None:
        """The reverse of `text`; None for a line that is not ours."""
        part = text.split("|")
        return cls(part[0], part[1], part[2], int(part[3])) if len(part) == 4 and part[3].isdigit() else None


@dataclass(frozen=True, slots=True)
class Use:
    """What the data plane has seen of a session: requests in flight, and how long ago the last one was."""

    in_flight: int
    ago_ms: int


class Sessions:
    """`due` is called when the files are to be written again. Changes raise DataPlaneError, and are made later then."""

    def __init__(self, settings: RouterSettings, plane: DataPlane, due: Callable[[], None]) -> None:
        self._file = str(settings.sessions_map)
        self._plane = plane
        self._due = due
        self.by_hash: dict[str, Session] = {}
        self.waiting: Counter[str] = Counter()  # by container: who would like a session and finds them all full

    @property
    def lines(self) -> dict[str, str]:
        return {key: session.text for key, session in sorted(self.by_hash.items())}

    def recover(self, found: Mapping[str, str]) -> None:
        """From the map of a data plane that outlived its control plane, or from its file."""
        parsed = {key: Session.parse(text) for key, text in found.items() if _HASH.fullmatch(key)}
        self.by_hash = {key: session for key, session in parsed.items() if session is not None}

    async def begin(self, token: str, session: Session) -> None:
        self.by_hash[hashed(token)] = session
        self._due()
        await self._plane.send([Command(f"add map {self._file} {hashed(token)} {session.text}")])

    async def end(self, keys: list[str]) -> None:
        """By the hashes of their tokens. Requests in flight are finished; new ones are refused, on old workers too."""
        for key in keys:
            self.by_hash.pop(key, None)
        self._due()
        lines = [Command(f"del map {self._file} {key}", may_fail=True) for key in keys]
        for pid in (None, *self._plane.old):
            await self._plane.send(lines, pid)

    async def converge(self) -> None:
        """After a restart or a failure: the live worker's map is made what it should be."""
        observed = await self._plane.map_of(self._file)
        lines = commands.map_changes(self._file, self.lines, observed)
        lines += [Command(f"del map {self._file} {key}", may_fail=True) for key in sorted(observed.keys() - self.by_hash)]
        await self._plane.send(lines)

    async def uses(self) -> dict[str, Use]:
        """By session id, of those that were used since the data plane started."""
        found: dict[str, Use] = {}
        for text in await self._plane.table_texts(TABLE):
            for line in text.splitlines():
                if match := _ROW.search(line):
                    old = found.get(match["key"], Use(0, EXPIRE_MS))
                    ago_ms = EXPIRE_MS - int(match["exp"])
                    found[match["key"]] = Use(old.in_flight + int(match["current"]), min(old.ago_ms, ago_ms))
        return found

    def held(self) -> Counter[str]:
        """Sessions by container."""
        return Counter(session.container_id for session in self.by_hash.values())

    def load(self) -> Counter[str]:
        """As `held`, and those who wait for one: more than a container can have, where all are full."""
        return self.held() + self.waiting


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
