"""Sessions of sessioned Servers: who may begin one, on which container, and when it ends (semantics 2.5.6 to 2.5.11).

Keeps nothing but answers that may be asked for again: the router's map is where sessions are, and it outlives us.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from ..core.model import App, Container, Deployment, Service, ServiceSpec
from ..core.rollout import is_serving
from ..core.states import ContainerState, DeploymentState
from ..errors import InvalidError, NotFoundError, ResourceExhaustedError
from ..router.events import EmptyPool
from ..router.haproxy import HAProxyRouter
from ..router.sessions import Session, hashed
from .loop import ControlLoop

IDLE_TIMEOUT_S = 600
IDLE_TIMEOUT_S_MAX = 24 * 3600
CAPACITY_WAIT_S = 300.0
WAITING_MAX = 100  # for sessions of one Server
LOOK_S = 1.0
WAIT_S = 0.1
DEMAND_S = 5.0
ANSWERS_KEPT = 1_000
UNGUESSABLE = 20  # characters; nobody finds another one's key of this length by trying

log = logging.getLogger(__name__)


class _Line:
    """Those who wait for a session of one Server. The first of them looks for room, the others for their turn."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.waiting = 0


class Sessions:
    """`run` goes on until it is cancelled."""

    def __init__(self, loop: ControlLoop, router: HAProxyRouter, capacity_wait_s: float = CAPACITY_WAIT_S) -> None:
        self._loop = loop
        self._router = router
        self._capacity_wait_s = capacity_wait_s
        self._lines: dict[str, _Line] = {}  # by host
        self._answers: dict[tuple[str, str, str], tuple[str, str]] = {}  # by host, caller and idempotency key
        self._used_ms: dict[str, float] = {}  # by session id, on the monotonic clock

    async def start(self, host: str, idle_timeout_s: int, idempotency_key: str = "", caller: str = "") -> tuple[str, str]:
        """(session id, token) of a new session, once a container has room for it; the same for the same key and caller.

        caller: the id of the proxy token that was shown; where none was, a key counts only if nobody could guess it, for it
        gets its owner's token. Raises NotFoundError for a host without sessions, InvalidError for a timeout that is not
        legal, and ResourceExhaustedError when WAITING_MAX wait already or no container had room for CAPACITY_WAIT_S.
        """
        if not 1 <= idle_timeout_s <= IDLE_TIMEOUT_S_MAX:
            raise InvalidError(f"The idle timeout of a session must be between 1 and {IDLE_TIMEOUT_S_MAX} seconds.")
        key = (host, caller, idempotency_key)
        kept = bool(idempotency_key if caller else len(idempotency_key) >= UNGUESSABLE)
        if kept and (known := self._known(key)):
            return known
        try:
            async with asyncio.timeout(self._capacity_wait_s), self._turn(host) as line:
                if kept and (known := self._known(key)):  # the same caller asked twice
                    return known
                container_id = await self._room(host, line)
        except TimeoutError:
            raise ResourceExhaustedError(f"No container of {host} had room for a session; try again later.") from None
        session_id, token = f"sd-{secrets.token_hex(11)}", secrets.token_urlsafe(32)
        if kept:
            self._answers[key] = session_id, token
            for old in list(self._answers)[:-ANSWERS_KEPT]:
                del self._answers[old]
        self._used_ms[session_id] = _now_ms()
        await self._router.sessions.begin(token, Session(host, container_id, session_id, idle_timeout_s))  # counts from now
        return session_id, token

    async def terminate(self, host: str, token: str) -> None:
        """Requests in flight are finished, new ones refused. Raises NotFoundError for what is no session of this host."""
        key = hashed(token)
        session = self._router.sessions.by_hash.get(key)
        if session is None or session.host != host:
            raise NotFoundError("There is no such session; it may have ended already.")
        await self._router.sessions.end([key])

    async def run(self) -> None:
        """Ends the sessions that were idle for too long, and those whose container has left."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                if self._router.sessions.by_hash:
                    await self._look()
            except OSError as error:
                log.warning("sessions can't be looked after: %s", error)

    async def _look(self) -> None:
        held, now_ms = self._router.sessions.by_hash, _now_ms()
        for session_id, use in (await self._router.sessions.uses()).items():
            used_ms = now_ms if use.in_flight else now_ms - use.ago_ms
            self._used_ms[session_id] = max(used_ms, self._used_ms.get(session_id, 0))
        there = self._containers()
        over = []
        for key, session in held.items():
            idle_ms = now_ms - self._used_ms.setdefault(session.session_id, now_ms)
            if session.container_id not in there or idle_ms > session.idle_timeout_s * 1000:
                over.append(key)
        ids = {session.session_id for session in held.values()}
        self._used_ms = {session_id: used for session_id, used in self._used_ms.items() if session_id in ids}
        if over:
            log.info("%d sessions have ended: they were idle, or their container has left", len(over))
            await self._router.sessions.end(over)

    @asynccontextmanager
    async def _turn(self, host: str) -> AsyncIterator[_Line]:
        """Who came first is first. Raises ResourceExhaustedError where too many wait."""
        line = self._lines.setdefault(host, _Line())
        if line.waiting == WAITING_MAX:
            raise ResourceExhaustedError(f"{WAITING_MAX} clients wait for a session of {host} already; try again later.")
        line.waiting += 1
        try:
            async with line.turn:
                yield line
        finally:
            line.waiting -= 1
            if not line.waiting:
                del self._lines[host]

    async def _room(self, host: str, line: _Line) -> str:
        """A container that can have one session more; waits until there is one."""
        asked_s = 0.0
        while True:
            app, service, spec = self._service(host)
            counts = self._router.sessions.held()
            serving = [c for c in app.containers if c.service_id == service.service_id and is_serving(c)]
            newest = sorted(serving, key=lambda c: (counts[c.container_id], -c.version, c.container_id))
            if newest and counts[newest[0].container_id] < spec.sessions_max:
                return newest[0].container_id
            if time.monotonic() - asked_s > DEMAND_S and self._router.on_empty:
                asked_s = time.monotonic()
                self._router.on_empty(EmptyPool(app.app_id, service.service_id, time.time_ns() // 1_000_000, 1))
            with self._wish(newest, line.waiting):
                await asyncio.sleep(WAIT_S)

    @contextmanager
    def _wish(self, full: list[Container], count: int) -> Iterator[None]:
        """Meanwhile the load is said to be more than there is room for, so that other containers are started."""
        if not full:
            yield
            return
        waiting, name = self._router.sessions.waiting, full[0].container_id
        waiting[name] += count
        try:
            yield
        finally:
            waiting[name] -= count

    def _service(self, host: str) -> tuple[App, Service, ServiceSpec]:
        """Of the newest version that has this host. Raises NotFoundError."""
        states = (DeploymentState.LIVE, DeploymentState.ROLLING)
        for app in self._loop.world.apps.values():
            found = [s for d in app.deployments if d.state in states for s in _sessioned(d, host)]
            if found:
                return app, next(s for s in app.services if s.name == found[-1].name), found[-1]
        raise NotFoundError(f"There is no sessioned Server at {host}.")

    def _containers(self) -> set[str]:
        apps = self._loop.world.apps.values()
        return {c.container_id for app in apps for c in app.containers if c.state is not ContainerState.ENDED}

    def _known(self, key: tuple[str, str, str]) -> tuple[str, str] | None:
        """What was answered to the same request before, while that session lives."""
        found = self._answers.get(key)
        return found if found and hashed(found[1]) in self._router.sessions.by_hash else None


def _sessioned(deployment: Deployment, host: str) -> list[ServiceSpec]:
    return [spec for spec in deployment.services if spec.host == host and spec.sessions_max]


def _now_ms() -> float:
    return time.monotonic() * 1000
