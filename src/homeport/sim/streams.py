"""Requests that go on for ever, in a world that is otherwise left in peace: whoever has some must run, all others rest.

Whoever loses a stream asks again every second, as a WebSocket client would.
"""

from __future__ import annotations

from .clock import Timeline
from .router import Request, SimRouter

ASK_MS = 1_000
FOR_EVER_MS = 10_000_000
HELD_MAX = 7


class Streams:
    """`begin` decides by chance how many are held at each URL of then; URLs that go lose theirs."""

    def __init__(self, timeline: Timeline, router: SimRouter) -> None:
        self._timeline = timeline
        self._router = router
        self._held: dict[str, list[Request | None]] = {}
        timeline.every(ASK_MS, self._ask)

    def begin(self) -> None:
        for route in self._router.hosts:
            count = self._timeline.random.choice((0, 0, 1, HELD_MAX))
            self._held[route.host] = [None] * count

    def at(self, host: str) -> int:
        """How many are wanted there."""
        return len(self._held.get(host, ()))

    def _ask(self) -> None:
        for host, held in self._held.items():
            for number, request in enumerate(held):
                if request is None or request.over:
                    held[number] = self._router.send(host, FOR_EVER_MS)
