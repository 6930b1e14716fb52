"""Tells how far draining containers are: a fact at first sight, one for each change, and a repetition every few seconds."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence

from ..core.facts import ContainerDrained
from .admin import DataPlaneError
from .plane import DataPlane
from .slots import Server, Slot

POLL_FAST_S, POLL_SLOW_S = 0.05, 0.25
FAST_FOR_S = 2.0
REPEAT_S = 3.0

log = logging.getLogger(__name__)


class DrainWatch:
    """`draining` names the servers to be watched now; `held` has how many sessions each container has at
    least, `tell` gets the facts. `wake` when that set has grown."""

    def __init__(
        self,
        plane: DataPlane,
        draining: Callable[[], Sequence[tuple[Slot, Server]]],
        held: Callable[[], Mapping[str, int]],
        tell: Callable[[ContainerDrained], None],
    ) -> None:
        self._plane = plane
        self._draining = draining
        self._held = held
        self._tell = tell
        self._woken = asyncio.Event()
        self._fast_until = 0.0
        self._told: dict[str, tuple[int, float]] = {}  # container -> (in flight, when it was said)

    def wake(self) -> None:
        self._fast_until = time.monotonic() + FAST_FOR_S
        self._woken.set()

    async def run(self) -> None:
        while True:
            servers = self._draining()
            if not servers:
                self._told.clear()
                self._woken.clear()
                await self._woken.wait()
                continue
            seen_at_ms = time.time_ns() // 1_000_000  # before the look: what is told was true then or later
            try:
                counts = await self._plane.draining(servers)
            except DataPlaneError as error:
                log.debug("drains can't be read: %s", error)
            else:
                held = self._held()
                self._report({name: max(count, held.get(name, 0)) for name, count in counts.items()}, seen_at_ms)
            await asyncio.sleep(POLL_FAST_S if time.monotonic() < self._fast_until else POLL_SLOW_S)

    def _report(self, counts: dict[str, int], seen_at_ms: int) -> None:
        now = time.monotonic()
        for container_id, in_flight in counts.items():
            told, at = self._told.get(container_id, (-1, 0.0))
            if told != in_flight or now - at >= REPEAT_S:
                self._told[container_id] = (in_flight, now)
                self._tell(ContainerDrained(container_id, in_flight, seen_at_ms))
        for container_id in self._told.keys() - counts.keys():
            del self._told[container_id]
