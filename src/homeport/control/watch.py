"""Subscriptions to the kernel: streams of core events of one App, for as long as somebody reads them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ..core.events import Event
from ..core.model import World


class Watchers:
    """Hand `tell` to the control loop; read from `of_app`."""

    def __init__(self) -> None:
        self._queues: dict[asyncio.Queue[Event], str] = {}

    def tell(self, world: World, events: Sequence[Event]) -> None:
        """After a step; `world` is as it is now."""
        for event in events:
            for queue, app_id in self._queues.items():
                if _app_id(event) == app_id:
                    queue.put_nowait(event)

    @contextmanager
    def of_app(self, app_id: str) -> Iterator[asyncio.Queue[Event]]:
        """Everything that happens to this App from now on, in order."""
        queue: asyncio.Queue[Event] = asyncio.Queue()
        self._queues[queue] = app_id
        try:
            yield queue
        finally:
            del self._queues[queue]


def _app_id(event: Event) -> str:
    return event.app.app_id if hasattr(event, "app") else event.app_id
