"""Watches the load of all services for the control loop: looks at the router, and listens to its log and to its demand.

A look costs about a millisecond, so it comes four times a second while anything is in flight, and half as often while
nothing is. What it finds goes to the loop as one fact; what it could not find out, it does not tell.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Protocol

from ..core.facts import DemandSeen
from ..core.states import ContainerState
from ..router.events import EmptyPool
from ..router.records import RequestRecord
from .loop import ControlLoop
from .samples import Samples, Service

BUSY_S = 0.25
QUIET_S = 0.5

log = logging.getLogger(__name__)


class Router(Protocol):
    async def observe(self) -> dict[str, int]: ...


class Sampler:
    """Hand `on_request` and `on_empty` to the router; `run` goes on until it is cancelled."""

    def __init__(self, loop: ControlLoop, router: Router) -> None:
        self._loop = loop
        self._router = router
        self._samples = Samples(_now_ms())
        self._wake = asyncio.Event()

    def on_request(self, records: Sequence[RequestRecord]) -> None:
        sessioned = {key: self._has_sessions(*key) for key in {(r.app_id, r.service_id) for r in records}}
        for record in records:
            if record.container_id and record.service_id and not sessioned[record.app_id, record.service_id]:
                lasted_ms = max(0, record.total_ms)
                # the log has when a request came, not when it was over
                self._samples.ended((record.app_id, record.service_id), record.at_ms + lasted_ms, lasted_ms)
        self._wake.set()

    def on_empty(self, event: EmptyPool) -> None:
        self._loop.tell(DemandSeen(event.app_id, event.service_id, event.at_ms))

    async def run(self) -> None:
        while True:
            await self._pause()
            try:
                in_flight = await self._router.observe()
            except OSError as error:
                log.debug("the load is not known: %s", error)
                self._samples.lost(_now_ms())
                continue
            self._loop.tell(self._samples.look(in_flight, self._services(), _now_ms()))

    async def _pause(self) -> None:
        """A first request after a quiet time shortens it."""
        self._wake.clear()
        await asyncio.sleep(BUSY_S)
        if self._samples.is_quiet:
            try:
                async with asyncio.timeout(QUIET_S - BUSY_S):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def _has_sessions(self, app_id: str, service_id: str) -> bool:
        """Sessions are its load, and the router counts them: their requests are none (semantics 2.5.1)."""
        app = self._loop.world.apps.get(app_id)
        names = {s.name for s in app.services if s.service_id == service_id} if app else set()
        return any(s.sessions_max and s.name in names for d in (app.deployments if app else ()) for s in d.services)

    def _services(self) -> dict[str, Service]:
        """By container, of all that may have requests."""
        states = (ContainerState.READY, ContainerState.DRAINING)
        apps = self._loop.world.apps.values()
        return {c.container_id: (a.app_id, c.service_id) for a in apps for c in a.containers if c.state in states}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
