"""Containers in memory (`ports.Engine`). Nothing happens by itself: a test says what becomes of each one. No I/O, no time.

    start -> BOOTING --becomes_ready--> READY --exits--> ENDED --forget--> gone
                \\---------- exits -------^

With `obedient` a container ends as soon as it is told to; without, it goes on until `exits` is called.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from ..core.facts import ContainerExited, ContainerProbed, ContainerReady, ContainerStarted, ExitReason, Fact
from ..ports import ContainerSpec, ContainerStatus, Engine


@dataclass(slots=True)
class FakeContainer:
    """What a test may look at. `kill_after_ms` is that of the last stop."""

    spec: ContainerSpec
    address: str
    ready: bool = False
    stop_asked: bool = False
    kill_after_ms: int = 0
    exit: ContainerExited | None = None

    def status(self) -> ContainerStatus:
        facts: tuple[Fact, ...] = (ContainerStarted(self.spec.container_id, self.address),)
        if self.exit is not None:
            facts = (self.exit,)
        elif self.ready:
            facts += (ContainerReady(self.spec.container_id),)
        return ContainerStatus(self.spec.container_id, self.exit is None, self.address, 0, facts)


class FakeEngine(Engine):
    """`containers` holds all that were not forgotten, in order of their start."""

    def __init__(self, *, obedient: bool = True) -> None:
        self.containers: dict[str, FakeContainer] = {}
        self.snapshots_kept: frozenset[str] = frozenset()
        self._obedient = obedient
        self._facts: asyncio.Queue[Fact | None] = asyncio.Queue()
        self._started = 0

    def becomes_ready(self, container_id: str) -> None:
        """Its port is open. Raises KeyError for one that was never started."""
        self.containers[container_id].ready = True
        self._tell(ContainerReady(container_id))

    def probed(self, container_id: str, *, healthy: bool) -> None:
        """A health check gave this."""
        self._tell(ContainerProbed(container_id, healthy))

    def exits(self, container_id: str, exit_code: int | None = 0, reason: ExitReason | None = None) -> None:
        """It ends: STOPPED if it was told to, else EXITED, unless `reason` says otherwise. Raises KeyError."""
        container = self.containers[container_id]
        if container.exit is None:
            by_itself = ExitReason.STOPPED if container.stop_asked else ExitReason.EXITED
            container.exit = ContainerExited(container_id, reason or by_itself, exit_code)
            self._tell(container.exit)

    def restarted(self) -> FakeEngine:
        """What the next control plane gets: the same containers, and none of the facts that nobody took."""
        successor = FakeEngine(obedient=self._obedient)
        successor.containers, successor._started = self.containers, self._started
        return successor

    async def start(self, spec: ContainerSpec) -> None:
        known = self.containers.get(spec.container_id)
        if known is not None:
            self._repeat(known)
            return
        self._started += 1
        container = FakeContainer(spec, f"10.99.{self._started // 250}.{self._started % 250 + 1}:{spec.port}")
        self.containers[spec.container_id] = container
        self._repeat(container)

    async def stop(self, container_id: str, kill_after_ms: int) -> None:
        container = self.containers.get(container_id)
        if container is None:
            self._tell(ContainerExited(container_id, ExitReason.LOST, None, "this machine knows no such container"))
        elif container.exit is not None:
            self._repeat(container)
        else:
            container.stop_asked, container.kill_after_ms = True, kill_after_ms
            if self._obedient:
                self.exits(container_id)

    async def forget(self, container_id: str) -> None:
        container = self.containers.get(container_id)
        if container is not None and container.exit is not None:
            del self.containers[container_id]

    async def list(self) -> list[ContainerStatus]:
        return [container.status() for container in self.containers.values()]

    async def keep_snapshots(self, names: Iterable[str]) -> None:
        self.snapshots_kept = frozenset(names)

    async def facts(self) -> AsyncIterator[Fact]:
        while (fact := await self._facts.get()) is not None:
            yield fact

    async def close(self) -> None:
        self._facts.put_nowait(None)

    def _repeat(self, container: FakeContainer) -> None:
        for fact in container.status().facts:
            self._tell(fact)

    def _tell(self, fact: Fact) -> None:
        self._facts.put_nowait(fact)
