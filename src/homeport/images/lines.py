"""Lines between somebody who says them at any speed and somebody who hears them later. Owns how many are kept in between."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator

BYTES_MAX = 1 << 20
LINE_COST = 64  # of memory, besides its text


class Lines:
    """The last ones, up to `bytes_max`: beyond that the oldest are left out, and whoever hears the rest is told so."""

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._kept: deque[str] = deque()
        self._bytes = 0
        self._left_out = 0
        self._ended = False
        self._moved = asyncio.Event()

    def say(self, line: str) -> None:
        self._kept.append(line)
        self._bytes += len(line) + LINE_COST
        while self._bytes > self._bytes_max and len(self._kept) > 1:
            self._take()
            self._left_out += 1
        self._moved.set()

    def end(self) -> None:
        """Nothing more is said."""
        self._ended = True
        self._moved.set()

    def __iter__(self) -> Iterator[str]:
        """What is kept; it stays."""
        if self._left_out:
            yield _left_out(self._left_out)
        yield from self._kept

    async def hear(self) -> AsyncIterator[str]:
        """Each line once, as they come, until the end."""
        while True:
            while self._kept:
                if self._left_out:
                    left_out, self._left_out = self._left_out, 0
                    yield _left_out(left_out)
                yield self._take()
            if self._ended:
                return
            self._moved.clear()
            await self._moved.wait()

    def _take(self) -> str:
        line = self._kept.popleft()
        self._bytes -= len(line) + LINE_COST
        return line


def _left_out(count: int) -> str:
    return f"({count} lines are left out here; the log of the build has more of them)"
