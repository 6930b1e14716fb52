"""Containers on this machine, through the spawner (`ports.Engine`). Owns which containers are watched; decides nothing.

Every container has one `Watch`; all of them put their facts into one queue. What runs belongs to the spawner's shims, so
closing this, or losing it, changes nothing for a container.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

from ..core.facts import ContainerExited, ContainerProbed, ExitReason, Fact
from ..errors import PlatformError
from ..ports import ContainerSpec, ContainerStatus, Engine
from ..runtime.containers import ContainerFiles, Record
from ..runtime.processes import alive
from ..runtime.spawner_link import Link, SpawnerLink
from .probe import Boots, Health
from .tasks import background
from .watch import Tools, Watch


class LocalEngine(Engine):
    """`data_dir` is the platform's; `link` is the way to its spawner (by default: started when it is needed)."""

    def __init__(self, data_dir: str, link: Link | None = None) -> None:
        self._facts: asyncio.Queue[Fact | None] = asyncio.Queue()
        self._health = Health(self._probed)
        self._files = ContainerFiles(data_dir)
        self._link = link or SpawnerLink(data_dir)
        self._tools = Tools(self._link, self._files, Boots(), self._health, self._facts.put_nowait)
        self._watches: dict[str, Watch] = {}
        self._checking: asyncio.Task[None] | None = None
        self._snapshots = True  # whether there may be any

    async def start(self, spec: ContainerSpec) -> None:
        """As the port has it. A spawner that can't be brought to answer is a failed start as well."""
        self._begin()
        self._snapshots = self._snapshots or bool(spec.snapshot)
        watch = self._watches.get(spec.container_id)
        if watch is not None:
            watch.repeat()
            return
        watch = self._watches[spec.container_id] = Watch(spec.container_id, self._tools)
        await watch.start(spec)

    async def stop(self, container_id: str, kill_after_ms: int) -> None:
        """As the port has it. Raises PlatformError while the spawner can't be brought to answer: call again."""
        watch = self._watches.get(container_id) or self._adopt(container_id)
        if watch is None:
            self._tools.tell(ContainerExited(container_id, ExitReason.LOST, None, "this machine knows no such container"))
        elif watch.exit is not None:
            watch.repeat()
        else:
            await watch.stop(kill_after_ms)

    async def forget(self, container_id: str) -> None:
        """As the port has it. Raises PlatformError while the spawner can't be brought to answer: call again."""
        watch = self._watches.get(container_id) or self._adopt(container_id)
        if watch is None or watch.exit is None:
            return
        if self._files.read(container_id) is not None:
            await self._link.request("forget", id=container_id)
        self._watches.pop(container_id, None)

    async def list(self) -> list[ContainerStatus]:
        """As the port has it. Raises OSError when the data directory can't be read."""
        self._begin()
        for container_id in self._files.ids():
            watch = self._watches.get(container_id)
            if watch is None or (watch.exit is not None and not watch.witnessed):
                self._adopt(container_id)
        return [watch.status() for watch in self._watches.values()]

    async def keep_snapshots(self, names: Iterable[str]) -> None:
        """As the port has it. Raises PlatformError while the spawner can't be brought to answer."""
        if not self._snapshots:
            return
        self._snapshots = False  # unless one is started meanwhile
        try:
            found = set((await self._link.request("snapshots", drop=[]))["names"])
            over = sorted(found - set(names))
            if over:
                await self._link.request("snapshots", drop=over)
        except PlatformError:
            self._snapshots = True
            raise
        self._snapshots = self._snapshots or len(found) > len(over)

    async def facts(self) -> AsyncIterator[Fact]:
        """As the port has it. Ends after `close`."""
        while (fact := await self._facts.get()) is not None:
            yield fact

    async def close(self) -> None:
        """As the port has it."""
        if self._checking is not None:
            self._checking.cancel()
        await asyncio.gather(*(watch.close() for watch in self._watches.values()))
        await self._link.close()
        self._facts.put_nowait(None)

    def _adopt(self, container_id: str) -> Watch | None:
        """A new watch for what is on disk. One that was given up is only taken up again when it turns out to run."""
        record = self._files.read(container_id)
        known = self._watches.get(container_id)
        if record is None or (known is not None and not _runs(record)):
            return known
        watch = self._watches[container_id] = Watch(container_id, self._tools)
        watch.adopt(record)
        return watch

    def _begin(self) -> None:
        if self._checking is None:
            self._checking = background(self._health.run(), "health checks")

    def _probed(self, container_id: str, healthy: bool) -> None:
        self._facts.put_nowait(ContainerProbed(container_id, healthy))


def _runs(record: Record) -> bool:
    return record.exit is None and any(process is not None and alive(process) for process in (record.shim, record.init))
