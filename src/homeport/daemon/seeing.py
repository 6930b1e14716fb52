"""Puts together what watches the platform: the log of requests, readings of containers, the control plane's own vitals."""

from __future__ import annotations

import asyncio

from ..control.cuts import Cuts
from ..control.lastwords import LastWords
from ..control.loop import ControlLoop
from ..control.metrics import Metrics
from ..control.prometheus import Prometheus
from ..control.requestlog import RequestLog, versions
from ..control.seen import Seen
from ..control.traffic import Traffic
from ..control.usage import Sampler
from ..control.vitals import TimedJournal, Vitals
from ..core.model import World
from ..ports import Clock, Journal
from ..router.haproxy import HAProxyRouter
from ..runtime.client import SpawnerClient
from ..runtime.spawner_process import SpawnerProcess
from ..settings import Settings
from ..store.datadir import DataDir
from ..store.history import History
from ..store.requests import RequestStore
from ..store.samples import SampleStore


class Seeing:
    """`attach` as soon as there is a loop; `run` from its start on, `close` after its end."""

    def __init__(self, settings: Settings, directory: DataDir, clock: Clock, router: HAProxyRouter) -> None:
        """Opens its files. Raises OSError."""
        self._settings = settings
        self._clock = clock
        self._router = router
        self._loop: ControlLoop | None = None
        self._spawner = SpawnerClient(SpawnerProcess(str(settings.data_dir)).socket_path)
        self._vitals = Vitals()
        self._requests = RequestLog(RequestStore(directory.requests), settings, clock, lambda: versions(self._world()))
        self._sampler = Sampler(self._spawner, SampleStore(directory.samples), self._world, clock)
        router.on_request.append(self._requests.take)

    def timed(self, journal: Journal) -> Journal:
        return TimedJournal(journal, self._vitals.journal)

    def attach(self, loop: ControlLoop, history: History) -> Seen:
        """What can be asked from now on."""
        self._loop = loop
        loop.watchers += [self._vitals.watch, LastWords(self._settings.data_dir, self._clock).watch]
        self._router.on_request.append(Cuts(loop).take)
        traffic = Traffic(self._requests, history, loop, self._clock)
        now_ms = self._clock.now_ms()
        prometheus = Prometheus(self._world, self._requests, self._sampler, self._router, self._vitals, now_ms)
        return Seen(traffic, Metrics(traffic, self._sampler), prometheus)

    async def run(self) -> None:
        """Until it is cancelled."""
        await asyncio.gather(self._requests.run(), self._sampler.run(self._settings.sample_s), self._vitals.run())

    async def close(self) -> None:
        await self._requests.close()
        self._sampler.store.close()
        await self._spawner.close()

    def _world(self) -> World:
        assert self._loop is not None, "attached before anything is measured"
        return self._loop.world
