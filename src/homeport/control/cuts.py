"""Which requests ended because their container did. Owns how that is seen in the router's records, and who is told.

A deploy lets requests finish; those that outlast the grace period, and what their container makes of SIGTERM, are cut. That
is worth a word to whoever deploys.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence

from ..core.events import Event, RequestsCut
from ..core.ids import app_of
from ..core.model import World
from ..core.states import ContainerState
from ..router.records import RequestRecord
from ..store import records
from .loop import ControlLoop

TOGETHER_S = 0.1  # those of one container come at once
_LAST_RECORDS_PARTS, _LAST_RECORDS_PART_S = 5, 0.05
OF_THE_SERVER = ("S", "K", "D")  # it broke off; the router took it out; it was found dead
SWITCHING = 101  # a WebSocket
REMEMBERED = 1_000  # containers

log = logging.getLogger(__name__)


class Cuts:
    """Hand `take` to the router, after the containers' states are known to the loop."""

    def __init__(self, loop: ControlLoop) -> None:
        self._loop = loop
        self._counts: Counter[str] = Counter()
        self._new: Counter[str] = Counter()

    def take(self, finished: Sequence[RequestRecord]) -> None:
        """A batch of finished requests. Never waits, never fails."""
        for record in finished:
            if cut_off(record) and on_its_way_out(self._loop.world, record.container_id):
                if not self._new:
                    asyncio.get_running_loop().call_later(TOGETHER_S, self._tell)
                self._new[record.container_id] += 1

    def _tell(self) -> None:
        new, self._new = self._new, Counter()
        try:
            self._counts.update(new)
            self._loop.note(*(records.requests_cut(container, self._counts[container]) for container in new))
        except OSError as error:
            log.error("the journal can't be written: %s", error)
        events = [RequestsCut(app_of(container), container, count) for container, count in new.items()]
        for watcher in list(self._loop.watchers):
            watcher(self._loop.world, events)
        while len(self._counts) > REMEMBERED:
            del self._counts[next(iter(self._counts))]


async def cut_until(happenings: asyncio.Queue[Event], is_over: Callable[[], bool]) -> int:
    """How many requests are cut until what `happenings` tells of is over, and by the end of it."""
    cut = 0
    while not is_over():
        cut += cut_by(await happenings.get())
    await last_records()
    while not happenings.empty():
        cut += cut_by(happenings.get_nowait())
    return cut


async def last_records() -> None:
    """Until the router has told of requests that ended with the last container. In parts: a process that was held up for all
    of one wait would not have looked at what came meanwhile.
    """
    for _ in range(_LAST_RECORDS_PARTS):
        await asyncio.sleep(_LAST_RECORDS_PART_S)


def cut_by(event: Event) -> int:
    return event.count if isinstance(event, RequestsCut) else 0


def cut_off(record: RequestRecord) -> bool:
    """The container's side ended it: by HAProxy's word for that, and for WebSockets unless the client was first."""
    if not record.container_id:
        return False
    return record.termination[:1] in OF_THE_SERVER or (record.status == SWITCHING and not record.termination.startswith("C"))


def on_its_way_out(world: World, container_id: str) -> bool:
    """It was told to end, or has ended. One that serves and breaks off requests does so for reasons of its own."""
    app = world.apps.get(app_of(container_id))
    container = next((c for c in app.containers if c.container_id == container_id), None) if app else None
    return container is None or container.state is ContainerState.STOPPING
