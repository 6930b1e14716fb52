"""Simulated time: a heap of things that will happen. Nothing waits; time jumps from one to the next."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from random import Random

START_MS = 1_000_000_000_000
AT_ONCE_MAX = 2_000


class Timeline:
    """The only source of time and of chance in a simulation. Things due at one moment happen in the order they were put."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.now_ms = START_MS
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0

    def after(self, delay_ms: int, what: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._heap, (self.now_ms + max(0, delay_ms), self._count, what))

    def every(self, period_ms: int, what: Callable[[], None]) -> None:
        def again() -> None:
            what()
            self.after(period_ms, again)

        self.after(self.random.randint(0, period_ms), again)

    def run(self, until_ms: int) -> None:
        """Raises AssertionError when so much happens at one moment that time seems to stand still."""
        at_once = 0
        while self._heap and self._heap[0][0] <= until_ms:
            due_ms, _, what = heapq.heappop(self._heap)
            at_once = at_once + 1 if due_ms == self.now_ms else 0
            assert at_once < AT_ONCE_MAX, f"time stands still at {self.now_ms}"
            self.now_ms = due_ms
            what()
        self.now_ms = until_ms

    def chance(self, per_mille: int) -> bool:
        return per_mille > 0 and self.random.randint(1, 1000) <= per_mille
