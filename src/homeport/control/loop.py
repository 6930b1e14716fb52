"""The asyncio side of the kernel: facts from all sides go in, actions go out, time passes. Holds no policy.

Everything that reaches the kernel does so here, in one thread and without an await between decision and journal.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from ..core.events import Event
from ..core.facts import CapacityKnown, EngineListed, Fact
from ..core.invariants import broken
from ..core.model import Gpus, World
from ..core.reconcile import Step
from ..errors import Error
from ..ports import Clock, Engine, Record, Router
from .chronicle import Input
from .dispatch import Dispatch
from .kernel import Kernel
from .prepare import Preparer, snapshot_names

log = logging.getLogger(__name__)

LIST_S = 5.0
WRITE_RETRY_S = 1.0


class Watcher(Protocol):
    def __call__(self, world: World, events: Sequence[Event]) -> None: ...


class ControlLoop:
    """`start` adopts what runs; `close` leaves it running. `watchers` are told of each step after it is durable."""

    def __init__(self, kernel: Kernel, clock: Clock, engine: Engine, router: Router, preparer: Preparer) -> None:
        self.kernel = kernel
        self.watchers: list[Watcher] = []
        self._clock = clock
        self._engine = engine
        self._router = router
        self._dispatch = Dispatch(engine, router, preparer.spec, self.tell)
        self._tasks: list[asyncio.Task[None]] = []
        self._timer: asyncio.TimerHandle | None = None

    @property
    def world(self) -> World:
        return self.kernel.world

    @property
    def now_ms(self) -> int:
        """The time that the kernel is given."""
        return self._clock.now_ms()

    async def start(self, capacity: CapacityKnown) -> None:
        """Adopts: what runs is compared with what should run, and everything is said again. Raises OSError."""
        await self._router.retain(self.world.apps)
        self.accept([Input(capacity)])
        await self._list_once()
        self._dispatch.perform(self.kernel.resume())
        self._tasks = [
            asyncio.create_task(self._pump(self._engine.facts())),
            asyncio.create_task(self._pump(self._router.facts())),
            asyncio.create_task(self._list_often()),
        ]

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._dispatch.close()

    def accept(self, inputs: Sequence[Input]) -> Step:
        """Decides, makes durable, acts and tells. Raises OSError when the journal can't be written: nothing happened."""
        before = self.world
        step = self.kernel.accept(inputs, self._clock.now_ms())
        self._dispatch.perform(step.actions)
        self._wake_at(step.wake_at_ms)
        for watcher in list(self.watchers):
            watcher(step.world, step.events)
        # Some laws look at all Apps: nobody waits for that, and what was decided is on its way before.
        asyncio.get_running_loop().call_soon(_alarm, before, step)
        return step

    async def routed(self, app_id: str) -> None:
        """Returns once requests go where the last decision about this App says. As `Dispatch.routed`."""
        await self._dispatch.routed(app_id)

    def note(self, *lines: Record) -> None:
        """Makes durable what people decided and the core has no part in. Raises OSError: then nothing happened."""
        self.kernel.note(lines, self._clock.now_ms())

    def tell(self, *facts: Fact) -> None:
        """Facts that nobody waits for. If they can't be written now, the next listing brings them again."""
        try:
            self.accept([Input(fact) for fact in facts])
        except OSError as error:
            log.error("the journal can't be written: %s", error)
            asyncio.get_running_loop().call_later(WRITE_RETRY_S, self.tell)

    def _wake_at(self, wake_at_ms: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if wake_at_ms:
            delay_s = max(0, wake_at_ms - self._clock.now_ms()) / 1000
            self._timer = asyncio.get_running_loop().call_later(delay_s, self.tell)

    async def _pump(self, facts: AsyncIterator[Fact]) -> None:
        async for fact in facts:
            self.tell(fact)

    async def _list_often(self) -> None:
        while True:
            await asyncio.sleep(LIST_S)
            try:
                await self._list_once()
            except OSError as error:
                log.error("the engine can't list its containers: %s", error)

    async def _list_once(self) -> None:
        """What the engine knows, said again: whatever fact was lost is repaired here."""
        asked_at_ms = self._clock.now_ms()
        found = await self._engine.list()
        running = tuple(status.container_id for status in found if status.running)
        ended = tuple(status.container_id for status in found if not status.running)
        repeated = [fact for status in found for fact in status.facts]
        self.tell(*repeated, EngineListed(asked_at_ms, running, ended))
        try:
            await self._engine.keep_snapshots(snapshot_names(self.world))
        except Error as error:
            log.warning("memory snapshots of old versions can't be let go of yet: %s", error)


def _alarm(before: World, step: Step) -> None:
    for words in broken(before, step):
        log.critical("a law is broken, please report this: %s", words)


def machine_capacity(cpu_overcommit: int, gpus: tuple[Gpus, ...] = ()) -> CapacityKnown:
    """What this machine may promise: its cores times `cpu_overcommit`, its memory, and its GPUs."""
    memory_mib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    return CapacityKnown((os.cpu_count() or 1) * 1000 * cpu_overcommit, memory_mib, gpus)
