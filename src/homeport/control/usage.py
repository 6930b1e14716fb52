"""Asks every few seconds what containers use, and keeps it by Server. Owns the rhythm and the differences of counters.

One question to the spawner is about many containers, so that 200 idle ones cost next to nothing. A failure costs a reading.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..core.model import World
from ..core.states import ContainerState
from ..errors import Error
from ..ports import Clock
from ..store.samples import Reading, SampleStore, Usage

AT_ONCE = 25  # containers in one question: the spawner does nothing else meanwhile
COLLECT_EVERY_MS = 3_600_000
GONE_MS = 120_000  # a difference over more than that says nothing about any minute

log = logging.getLogger(__name__)


class Spawner(Protocol):
    async def request(self, op: str, fds: Sequence[int] = (), **fields: Any) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Counters:
    """Of one container since it started, as the kernel has them at `at_ms`."""

    at_ms: int
    cpu_ns: int
    memory_bytes: int
    received_bytes: int = 0
    sent_bytes: int = 0


class Sampler:
    """`last` is what every container had when it was last asked, by id."""

    def __init__(self, spawner: Spawner, store: SampleStore, world: Callable[[], World], clock: Clock) -> None:
        self.store = store
        self.last: dict[str, Counters] = {}
        self._spawner = spawner
        self._world = world
        self._clock = clock
        self._failing = False

    async def run(self, every_s: float) -> None:
        """Until it is cancelled."""
        collected_ms = 0
        while True:
            await self._safely(self.once)
            now_ms = self._clock.now_ms()
            if now_ms - collected_ms >= COLLECT_EVERY_MS:
                collected_ms = now_ms
                await self._safely(self._collect)
            await asyncio.sleep(every_s)

    async def once(self) -> None:
        """One round of readings. Raises OSError, and an `Error` while the spawner does not answer."""
        services = services_of(self._world())
        ids = sorted(services)
        now: dict[str, Counters] = {}
        for first in range(0, len(ids), AT_ONCE):
            reply = await self._spawner.request("usages", ids=ids[first : first + AT_ONCE])
            at_ms = self._clock.now_ms()
            now |= {container_id: _counters(at_ms, told) for container_id, told in reply["usages"].items()}
        before, self.last = self.last, now
        used = differences(before, now, services)
        if used:
            await asyncio.to_thread(self.store.add, self._clock.now_ms(), used)

    async def _collect(self) -> None:
        await asyncio.to_thread(self.store.collect, self._clock.now_ms())

    async def _safely(self, work: Callable[[], Any]) -> None:
        try:
            await work()
            self._failing = False
        except (OSError, Error) as error:
            if not self._failing:  # once, not six times a minute
                log.warning("what containers use is not known: %s", error)
            self._failing = True


def services_of(world: World) -> dict[str, str]:
    """The service of each container that may use something, by the container's id."""
    return {
        container.container_id: container.service_id
        for app in world.apps.values()
        for container in app.containers
        if container.address and container.state not in (ContainerState.PENDING, ContainerState.ENDED)
    }


def differences(
    before: Mapping[str, Counters], now: Mapping[str, Counters], services: Mapping[str, str]
) -> dict[str, Usage]:
    """What Servers used between two rounds, by service id. A container that was not there before has no part in it yet."""
    used: dict[str, Usage] = {}
    for container_id, counters in now.items():
        was = before.get(container_id)
        elapsed_ms = counters.at_ms - was.at_ms if was else 0
        if was is None or not 0 < elapsed_ms <= GONE_MS:
            continue
        used.setdefault(services[container_id], Usage()).add(
            Reading(
                elapsed_ms=elapsed_ms,
                cpu_ms=max(0, counters.cpu_ns - was.cpu_ns) // 1_000_000,
                memory_mib=counters.memory_bytes >> 20,
                received_bytes=max(0, counters.received_bytes - was.received_bytes),
                sent_bytes=max(0, counters.sent_bytes - was.sent_bytes),
            )
        )
    return used


def _counters(at_ms: int, told: Mapping[str, int]) -> Counters:
    return Counters(
        at_ms=at_ms,
        cpu_ns=told["cpu_ns"],
        memory_bytes=told["memory_bytes"],
        received_bytes=told["received_bytes"],
        sent_bytes=told["sent_bytes"],
    )
