"""From the router's records to the request log. Owns the buffer between the two, its bound, and the rhythm of writing.

Taking a batch costs the event loop next to nothing; writing is done in a thread. Beyond the bound records are dropped and
counted: the router never waits for its log. Knows no App by name.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from ..core.model import World
from ..ports import Clock
from ..router.records import LOBBY, RequestRecord
from ..settings import Settings
from ..store.requests import PHASES, RequestRow, RequestStore
from ..store.tally import status_class

FLUSH_S = 0.5
PENDING_MAX = 50_000  # about 40 MiB
COLLECT_EVERY_MS = 60_000
PATH_LENGTH_MAX = 1_024
UNCOUNTED = frozenset({"nohost", "stopped", "auth", "env", "session", LOBBY})  # the Server was not asked (semantics 2.2.5)

log = logging.getLogger(__name__)


class RequestLog:
    """`dropped` counts records that were not written, since the control plane began; `counts` what was seen, for metrics:
    by (service id, status class), and by why for what never reached a Server.
    """

    def __init__(
        self, store: RequestStore, settings: Settings, clock: Clock, versions: Callable[[], Mapping[str, int]]
    ) -> None:
        """versions: of the containers that there are, by id."""
        self.store = store
        self.dropped = 0
        self._settings = settings
        self._clock = clock
        self._versions = versions
        self._pending: list[RequestRecord] = []
        self._flushing = asyncio.Lock()
        self._known: dict[str, int] = {}  # versions, also of containers that ended a short while ago
        self._counts: Counter[tuple[str, str]] = Counter()
        self._refused: Counter[str] = Counter()
        self._failing = False

    @property
    def counts(self) -> Mapping[tuple[str, str], int]:
        return MappingProxyType(self._counts)

    @property
    def refused(self) -> Mapping[str, int]:
        return MappingProxyType(self._refused)

    def take(self, records: Sequence[RequestRecord]) -> None:
        """A batch of finished requests, as the router tells it. Never waits, never fails."""
        for record in records:
            if not record.service_id or record.why in UNCOUNTED:
                if record.why != LOBBY or record.status >= 400:
                    self._refused[record.why or "bad_request"] += 1
                continue
            self._counts[record.service_id, status_class(record.status)] += 1
            if len(self._pending) < PENDING_MAX:
                self._pending.append(record)
            else:
                self.dropped += 1

    async def run(self) -> None:
        """Writes and collects until it is cancelled."""
        collected_ms = 0
        while True:
            await asyncio.sleep(FLUSH_S)
            await self.flush()
            now_ms = self._clock.now_ms()
            if now_ms - collected_ms >= COLLECT_EVERY_MS:
                collected_ms = now_ms
                await self._collect(now_ms)

    async def flush(self) -> None:
        """What was taken until now can be read when this returns."""
        async with self._flushing:
            batch, self._pending = self._pending, []
            if not batch:
                return
            now = dict(self._versions())
            known = {**self._known, **now}
            self._known = now
            try:
                await asyncio.to_thread(lambda: self.store.append([_row(record, known) for record in batch]))
                self._failing = False
            except OSError as error:
                self.dropped += len(batch)
                self._say(error)

    async def close(self) -> None:
        await self.flush()
        self.store.close()

    async def _collect(self, now_ms: int) -> None:
        settings = self._settings
        try:
            await asyncio.to_thread(self.store.collect, now_ms, settings.request_log_days, settings.request_log_mib)
        except OSError as error:
            self._say(error)

    def _say(self, error: OSError) -> None:
        if not self._failing:  # once, not twice a second
            log.warning("requests are not logged: %s; %d are missing since the start", error, self.dropped)
        self._failing = True


def versions(world: World) -> dict[str, int]:
    """Of all containers that there are, by id."""
    return {container.container_id: container.version for app in world.apps.values() for container in app.containers}


def _row(record: RequestRecord, versions: Mapping[str, int]) -> RequestRow:
    return RequestRow(
        at_ms=record.at_ms,
        app_id=record.app_id,
        service_id=record.service_id,
        container_id=record.container_id,
        version=versions.get(record.container_id),
        method=record.method[:32],
        path=record.path[:PATH_LENGTH_MAX],
        status=record.status,
        duration_ms=max(0, record.total_ms),
        bytes_up=record.bytes_up,
        bytes_down=record.bytes_down,
        why=record.why,
        protocol=record.protocol,
        **{phase: reached if (reached := getattr(record, phase)) >= 0 else None for phase in PHASES},
    )
