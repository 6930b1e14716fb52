"""The router of one machine: `ports.Router` fulfilled by HAProxy 2.8, driven over its Runtime API without reloads.

Keeps the wish (a `SlotTable` and tokens) and brings the data plane to it: look, compare, tell the difference, additions
before removals. Everything it tells is written to files as well, from which a restart boots without us. A loop looks again
after every failure and every restart of HAProxy. It refuses to know why a container is added or drained.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from functools import partial

from ..core.facts import Fact
from ..core.routes import Route
from . import commands, loopback, recover
from .admin import DataPlaneError
from .boot import Boot
from .commands import Observed
from .drains import DrainWatch
from .events import Demand, EmptyPool, Ring
from .plane import DataPlane
from .records import RequestRecord
from .render import Shape, Tokens, check_tokens
from .sessions import Sessions
from .settings import RouterSettings
from .slots import NoFreeSlot, Server, ServerState, Slot, SlotState, SlotTable
from .store import FileStore
from .tls import Certificate

LOOK_S = 0.5
LOOK_SOON_S = 0.05
BOOT_S_MAX = 15.0

log = logging.getLogger(__name__)


class HAProxyRouter:
    """`start` first, `close` last. `on_request`: who gets batches of finished requests, `on_empty` demand on empty pools."""

    def __init__(self, settings: RouterSettings) -> None:
        self.on_request: list[Callable[[Sequence[RequestRecord]], None]] = []
        self.on_empty: Callable[[EmptyPool], None] | None = None
        self.settings = self._settings = settings
        self._boot = Boot(settings)
        self._plane = DataPlane(settings)
        self._certificate = Certificate(settings)
        self._table = SlotTable(settings.slots)
        self._sessioned = False  # a Server with sessions is there, or was since we started
        self._tokens: Tokens = {}
        self.sessions = Sessions(settings, self._plane, lambda: self._store.due())
        self._store = FileStore(settings, self._shape, lambda: (self._table, self._tokens, self.sessions.lines))
        draining = partial(self._table_servers, ServerState.DRAINING)
        self._drains = DrainWatch(self._plane, draining, self.sessions.held, self._tell)
        self._facts: asyncio.Queue[Fact | None] = asyncio.Queue()
        self._lock = asyncio.Lock()  # one change at a time, from the look to the last command
        self._look_now = asyncio.Event()
        self._stale = False  # the data plane may not be what the table says
        self._worker = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._rings: list[Ring] = []

    async def start(self) -> None:
        """Adopt the data plane that runs on this run directory, or start one. Returns when it serves.

        Raises PlatformError when HAProxy is missing or of another release, a port is taken, or it doesn't come up, and
        InvalidError for a certificate that can't serve.
        """
        self._boot.prepare()
        self._certificate.prepare()
        live = self._boot.runs()
        try:
            await self._listen()
            await self._recover(live)
            if not live:
                self._boot.check_ports()
                await self._store.write()
            self._boot.ensure_supervisor()
            await self._boot.wait_until(self._serves, BOOT_S_MAX)
            async with self._lock:
                await self._look()
        except BaseException:
            await (self.close() if live else self.stop())
            raise
        self._tasks = [asyncio.create_task(work) for work in (self._keep(), self._drains.run(), self._store.run())]

    async def apply(self, app_id: str, routes: tuple[Route, ...]) -> None:
        """See `ports.Router`. Raises DataPlaneError (an OSError) while HAProxy can't be reached; files are current then."""
        async with self._lock:
            limits = {
                s.container_id: s.max_concurrency for slot in self._table.slots_of(app_id) for s in slot.servers.values()
            }
            try:
                await self._assign(app_id, routes)
                await self._converge(self._table.slots_of(app_id), limits)
            except DataPlaneError:
                self._stale = True
                self._look_now.set()
                await self._store.write()
                raise
        self._drains.wake()

    async def retain(self, app_ids: Iterable[str]) -> None:
        keep = frozenset(app_ids)
        for app_id in self._table.app_ids:
            if app_id not in keep:
                await self.apply(app_id, ())

    async def observe(self) -> dict[str, int]:
        """A session counts as a request in flight, whether or not it has one (semantics 2.5.1, 2.5.9)."""
        found = await self._plane.in_flight({slot.name for slot, s in self._table.servers(*_PRESENT) if s.h2})
        held = self.sessions.load()
        there = [s.container_id for _, s in self._table.servers(*_PRESENT)]
        return {name: max(found.get(name, 0), held[name]) for name in there}

    async def facts(self) -> AsyncIterator[Fact]:
        while (fact := await self._facts.get()) is not None:
            yield fact

    async def set_tokens(self, tokens: Tokens) -> None:
        """These are all tokens: sha256 of "key:secret" in hex -> (token id, environments; "*" is any). Idempotent.

        When it returns, the files say so (durably: a restart boots from them) and every worker follows, old ones too. Raises
        InvalidError for a name that could not stand in a map; OSError when one of these failed: then it is tried again.
        """
        check_tokens(tokens)
        async with self._lock:
            self._tokens = dict(tokens)
            try:
                try:
                    await self._store.write_tokens()
                finally:  # a full disk must not keep a revoked token alive
                    await self._converge_tokens()
            except OSError:
                self._stale = True
                self._look_now.set()
                raise

    async def status(self) -> dict[str, object]:
        """Pids (0: does not run), the port and the state: `up` or `down`."""
        try:
            processes = await self._plane.processes()
            worker, _ = await self._plane.live(patience_s=0.2)
        except DataPlaneError:
            return {**self._boot.pids(), "worker": 0, "http_port": self._settings.http_port, "state": "down"}
        pids = {**self._boot.pids(), "master": processes.master or 0, "worker": worker}
        return {**pids, "http_port": self._settings.http_port, "state": "up"}

    async def info(self) -> dict[str, int]:
        """Numbers that HAProxy tells of itself, by its own names. Raises DataPlaneError while it can't be reached."""
        return await self._plane.info()

    async def close(self) -> None:
        """Flush the files and disconnect. The data plane goes on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        async with self._lock:
            await self._store.flush()
            self._plane.close()
        for ring in self._rings:
            ring.close()
        self._facts.put_nowait(None)

    async def stop(self) -> None:
        """End the data plane and its supervisor; every request in flight ends with it. Then as `close`."""
        await self.close()
        await self._boot.end_all()

    # ---- bringing the data plane to the table

    async def _assign(self, app_id: str, routes: tuple[Route, ...]) -> None:
        before = self._shape()
        self._sessioned |= any(route.sessioned for route in routes)
        try:
            self._table.assign(app_id, routes)
        except NoFreeSlot:
            await self._converge([slot for slot in self._table.slots() if slot.state is SlotState.DRAINING])
            self._table.grow(self._table.size * 2)
            self._table.assign(app_id, routes)
        if self._shape() != before:
            await self._reload()

    async def _converge(self, slots: Sequence[Slot], limits: dict[str, int] | None = None) -> None:
        observed = await self._plane.observed([slot.name for slot in slots])
        missing = [slot.name for slot in slots if slot.name not in observed.slots]
        if missing:
            raise DataPlaneError(f"HAProxy runs on an older configuration, without {missing[0]}.")
        await self._bring(slots, observed, limits or {})
        for pid in self._plane.old:
            await self._bring_old(slots, pid)
        self._store.due()

    async def _bring(self, slots: Sequence[Slot], observed: Observed, limits: dict[str, int]) -> None:
        changed, gone = commands.host_changes(str(self._settings.hosts_map), self._table.hosts(), observed)
        up = commands.additions(slots, observed) + commands.limit_changes(slots, limits)
        await self._plane.send(up + changed)
        await self._plane.send(gone + commands.removals(slots, observed))
        for slot in slots:
            for server in list(slot.servers.values()):
                if server.state is ServerState.LEAVING and (slot.name, server.container_id) not in observed.servers:
                    self._table.forget(slot, server.container_id)
        if self._leaving():
            self._look_now.set()

    async def _bring_old(self, slots: Sequence[Slot], pid: int) -> None:
        """An old worker still answers on connections it has: it needs the same containers, as far as it has their slots."""
        try:
            observed = await self._plane.observed_all(pid)
            changed, gone = commands.host_changes(str(self._settings.hosts_map), self._table.hosts(), observed)
            await self._plane.send(commands.additions(slots, observed) + changed, pid)
            await self._plane.send(gone + commands.removals(slots, observed), pid)
        except DataPlaneError as error:
            if pid in (await self._plane.processes()).old:
                log.warning("old HAProxy worker %d does not follow: %s", pid, error)

    async def _converge_tokens(self) -> None:
        """An old worker goes on with connections it has, so it follows as well; one that can't be told is no success."""
        await self._plane.processes()
        files = (str(self._settings.tokens_map), str(self._settings.grants_map))
        for pid in (None, *self._plane.old):
            try:
                await self._plane.send(commands.token_changes(files, self._tokens, await self._plane.token_maps(pid)), pid)
            except DataPlaneError:
                if pid is None or pid in (await self._plane.processes()).old:
                    raise

    async def _reload(self) -> None:
        await self._store.write(reloaded=True)
        await self._plane.reload()
        await self._store.write()

    # ---- looking after it

    async def _keep(self) -> None:
        while True:
            try:
                async with asyncio.timeout(LOOK_S):  # `wait_for` of Python 3.11 may swallow the cancellation by `close`
                    await self._look_now.wait()
                await asyncio.sleep(LOOK_SOON_S)
            except TimeoutError:
                pass
            self._look_now.clear()
            try:
                self._boot.ensure_supervisor()
                async with self._lock:
                    await self._look()
                await self._certificate.follow()
            except OSError as error:
                if not self._stale:
                    log.warning("the router's data plane is away: %s", error)
                self._stale = True

    async def _look(self) -> None:
        """Whatever happened since the last look: a restart, a failed change, servers that could not be deleted yet."""
        worker, digest = await self._plane.live(patience_s=0.0)
        if self._plane.old or worker != self._worker:
            await self._plane.processes()
        if digest != self._shape().digest:
            await self._reload()
            worker, _ = await self._plane.live()
            self._stale = True
        if self._stale or worker != self._worker:
            await self._converge(list(self._table.slots()))
            await self._converge_tokens()
            await self.sessions.converge()
            self._store.due()
            log.info("the router's data plane is followed (worker %d)", worker)
            self._worker, self._stale = worker, False
            self._drains.wake()
        elif leaving := self._leaving():
            await self._converge(leaving)

    def _table_servers(self, *states: ServerState) -> list[tuple[Slot, Server]]:
        return list(self._table.servers(*states))

    def _leaving(self) -> list[Slot]:
        return [slot for slot in self._table.slots() if any(s.state is ServerState.LEAVING for s in slot.servers.values())]

    # ---- starting

    async def _recover(self, live: bool) -> None:
        """Take the table and the tokens from the running data plane, else from the files."""
        written = self._store.read()
        hosts, rows, tokens, grants = written.hosts, [s.row for s in written.servers], written.tokens, written.grants
        if live:
            await self._boot.wait_until(self._serves, BOOT_S_MAX)
            observed = await self._plane.observed_all()
            hosts, rows = dict(observed.hosts), list(observed.servers.values())
            tokens, grants = await self._plane.token_maps()
        self._table = recover.table(hosts, rows, written.servers, max(self._settings.slots, written.slots))
        self._sessioned = any(entry.sessioned for entry in self._table.hosts().values())
        self._tokens = recover.tokens(tokens, grants)
        held = str(self._settings.sessions_map)
        self.sessions.recover(await self._plane.map_of(held) if live else written.sessions)

    async def _listen(self) -> None:
        demand = Demand(lambda event: self.on_empty(event) if self.on_empty else None, lambda: time.time_ns() // 1_000_000)
        events = Ring(demand.add, delay_s=0.0)
        requests = Ring(self._log)
        self._rings = [events, requests]
        await self._boot.listen("event", events)
        await self._boot.listen("log", requests)
        loopback.save(self._settings, self._boot.ports)

    def _log(self, records: Sequence[RequestRecord]) -> None:
        for listener in self.on_request:
            listener(records)

    async def _serves(self) -> bool:
        try:
            worker, _ = await self._plane.live(patience_s=0.0)
            return (await self._plane.processes()).worker == worker  # the master opens its socket after its worker
        except DataPlaneError:
            return False

    def _shape(self) -> Shape:
        return self._boot.shape(self._table.size, self._sessioned)

    def _tell(self, fact: Fact) -> None:
        self._facts.put_nowait(fact)


_PRESENT = (ServerState.SERVING, ServerState.DRAINING)
