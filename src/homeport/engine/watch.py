"""One container from its start to its end, as facts. Told by its shim's pidfd and by the files it leaves.

    start or adopt -> ContainerStarted -> ContainerReady -> ContainerExited
                              \\-------------------------------^

A shim that died without leaving exit.json is replaced by another one (`adopt`). LOST is said only of a container whose
first process is gone as well, so that nothing that runs is ever given up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from ..core.facts import (
    ContainerExited,
    ContainerProbed,
    ContainerReady,
    ContainerStarted,
    ContainerUnreachable,
    ExitReason,
    Fact,
)
from ..errors import Error, PlatformError
from ..ports import ContainerSpec, ContainerStatus
from ..runtime.client import SpawnerError
from ..runtime.containers import ContainerFiles, Exit, Record
from ..runtime.processes import ProcessId, alive, ended, identify
from ..runtime.spawner_link import Link
from . import listening
from .exits import exited
from .probe import Boots, Health
from .startspec import secrets_fd, start_spec
from .tasks import background

ADOPT_PAUSE_S = 0.3
READ_PAUSE_S = 1.0
ADOPT_ATTEMPTS_OF_THE_DEAD = 5
LISTENING_LOOK_S = 0.8  # well within the shortest startup_timeout

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tools:
    """What all watches share."""

    link: Link
    files: ContainerFiles
    boots: Boots
    health: Health
    tell: Callable[[Fact], None]


class Watch:
    def __init__(self, container_id: str, tools: Tools) -> None:
        self.container_id = container_id
        self.stop_asked = False
        self.exit: ContainerExited | None = None
        self.witnessed = False  # its end was read from exit.json
        self._tools = tools
        self._address = ""
        self._ready = False
        self._pid = 0
        self._task: asyncio.Task[None] | None = None
        self._boot: asyncio.Task[None] | None = None

    async def start(self, spec: ContainerSpec) -> None:
        """Has it started, and watches it. A failure becomes the fact ContainerExited."""
        try:
            with secrets_fd(spec) as fd:
                reply = await self._tools.link.request("start", fds=[fd], spec=start_spec(spec))
        except (Error, ValueError) as error:
            step = error.step if isinstance(error, SpawnerError) else ""
            self._end(
                ContainerExited(self.container_id, ExitReason.START_FAILED, None, f"{step}: {error}" if step else str(error))
            )
            return
        self._learn_address(str(reply["address"]), spec.port)
        self._task = background(self._run(identify(int(reply["shim_pid"]))), f"watch of {self.container_id}")

    def adopt(self, record: Record) -> None:
        """Watches what an earlier control plane started."""
        if record.exit is not None:
            self._settle(record, record.exit)
            return
        self._learn(record)
        self._task = background(self._run(record.shim), f"watch of {self.container_id}")

    async def stop(self, kill_after_ms: int) -> None:
        """Raises PlatformError while the spawner can't be reached, SpawnerError when it can't do it."""
        self.stop_asked = True
        self._quiet()
        try:
            await self._tools.link.request("stop", id=self.container_id, kill_after_ms=kill_after_ms)
        except SpawnerError:
            record = self._tools.files.read(self.container_id)
            if record is not None and record.exit is None:
                raise  # otherwise it has just ended, and the fact is on its way

    def repeat(self) -> None:
        for fact in self.status().facts:
            self._tools.tell(fact)

    def status(self) -> ContainerStatus:
        facts: list[Fact] = []
        if self.exit is not None:
            facts = [self.exit]
        elif self._address:
            facts = [ContainerStarted(self.container_id, self._address)]
            if self._ready:
                facts.append(ContainerReady(self.container_id))
                # good news is told once, and facts may be lost: so it is repeated with the rest
                well = not self._tools.health.failing(self.container_id)
                facts += [ContainerProbed(self.container_id, healthy=True)] if well else []
        return ContainerStatus(self.container_id, self.exit is None, self._address, self._pid, tuple(facts))

    async def close(self) -> None:
        """Watches no more; the container goes on."""
        self._quiet()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, shim: ProcessId | None) -> None:
        attempts = 0
        while True:
            if shim is not None:
                await ended(shim)
            record = await self._read()
            if record is None:
                self._end(ContainerExited(self.container_id, ExitReason.LOST, None, "its directory is gone"))
                return
            if record.exit is not None:
                self._settle(record, record.exit)
                return
            self._learn(record)
            if record.shim is not None and record.shim != shim and alive(record.shim):
                shim = record.shim
                continue
            shim, problem = await self._adopt(attempts)
            attempts += 1
            if attempts > ADOPT_ATTEMPTS_OF_THE_DEAD and shim is None and not (record.init and alive(record.init)):
                self._end(
                    ContainerExited(self.container_id, ExitReason.LOST, None, problem or "it left no trace of its end")
                )
                return

    async def _read(self) -> Record | None:
        """As `ContainerFiles.read`, waiting for a disk that does not answer: its end must not be missed."""
        while True:
            try:
                return self._tools.files.read(self.container_id)
            except OSError as error:
                log.warning("can't read the files of %s: %s", self.container_id, error)
            await asyncio.sleep(READ_PAUSE_S)

    async def _adopt(self, attempts: int) -> tuple[ProcessId | None, str]:
        """The new shim, or None and why. Waits a little before every attempt but the first."""
        if attempts:
            await asyncio.sleep(ADOPT_PAUSE_S * min(attempts, 10))
        try:
            reply = await self._tools.link.request("adopt", id=self.container_id)
        except (SpawnerError, PlatformError) as error:
            log.warning("%s has no shim, and gets none: %s", self.container_id, error)
            return None, str(error)
        return identify(int(reply["shim_pid"])), ""

    def _learn(self, record: Record) -> None:
        self.stop_asked = self.stop_asked or record.stop_asked
        self._pid = record.init.pid if record.init else self._pid
        if record.address:
            self._learn_address(record.address, record.port)

    def _learn_address(self, ip: str, port: int) -> None:
        if self._address:
            return
        self._address = f"{ip}:{port}"
        self._tools.tell(ContainerStarted(self.container_id, self._address))
        if not self.stop_asked:
            self._boot = background(self._until_ready(), f"boot of {self.container_id}")

    async def _until_ready(self) -> None:
        wondering = background(self._say_where_it_listens(), f"sockets of {self.container_id}")
        try:
            await self._tools.boots.opened(self._address)
        finally:
            wondering.cancel()
        self._ready = True
        self._tools.tell(ContainerReady(self.container_id))
        self._tools.health.add(self.container_id, self._address, await self._first_process())

    async def _say_where_it_listens(self) -> None:
        """While it does not answer where it should; each other place is told once."""
        told, port = "", int(self._address.rpartition(":")[2])
        while True:
            await asyncio.sleep(LISTENING_LOOK_S)
            pid = await self._first_process()
            why = listening.look(pid, port) if pid else ""
            if why not in ("", told):
                told = why
                self._tools.tell(ContainerUnreachable(self.container_id, why))

    async def _first_process(self) -> int:
        """Its pid; 0 while there is none."""
        if not self._pid and (record := await self._read()):
            self._pid = record.init.pid if record.init else 0
        return self._pid

    def _settle(self, record: Record, ending: Exit) -> None:
        self.witnessed = True
        self._end(exited(self.container_id, ending, record.stop_asked or self.stop_asked))

    def _end(self, fact: ContainerExited) -> None:
        self._quiet()
        self.exit = fact
        self._tools.tell(fact)

    def _quiet(self) -> None:
        if self._boot is not None:
            self._boot.cancel()
        self._tools.health.remove(self.container_id)
