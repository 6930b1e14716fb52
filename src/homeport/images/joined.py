"""Equal work asked for at the same time is done once. Owns who waits for what; refuses to know what the work is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ..ports import Progress
from .lines import Lines

T = TypeVar("T")
Work = Callable[[Progress], Awaitable[T]]


@dataclass
class _Running(Generic[T]):
    task: asyncio.Task[T]
    said: Lines = field(default_factory=Lines)
    listeners: list[Progress] = field(default_factory=list)


class Joined(Generic[T]):
    """Whoever joins late is told first the last of what was said so far. The work ends when nobody waits for it any more."""

    def __init__(self) -> None:
        self._running: dict[str, _Running[T]] = {}

    async def do(self, key: str, work: Work[T], progress: Progress) -> T:
        """The result of `work`, or of the same work (by `key`) that is being done already, whose errors are shared too."""
        running = self._running.get(key) or self._begin(key, work)
        for line in running.said:
            progress(line)
        running.listeners.append(progress)
        try:
            return await asyncio.shield(running.task)
        finally:
            running.listeners.remove(progress)
            if not running.listeners and not running.task.done():
                await self._abandon(key, running)

    def _begin(self, key: str, work: Work[T]) -> _Running[T]:
        def tell(line: str) -> None:
            running.said.say(line)
            for listener in list(running.listeners):
                listener(line)

        async def carry_out() -> T:
            try:
                return await work(tell)
            finally:
                if self._running.get(key) is running:
                    del self._running[key]

        running: _Running[T] = _Running(asyncio.create_task(carry_out()))
        self._running[key] = running
        return running

    async def _abandon(self, key: str, running: _Running[T]) -> None:
        if self._running.get(key) is running:
            del self._running[key]  # a newcomer starts afresh instead of inheriting the cancellation
        running.task.cancel()
        await asyncio.wait([running.task])
