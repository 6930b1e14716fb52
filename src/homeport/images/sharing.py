"""Builds whose chains begin alike wait for each other, so that what they share is built once. Owns who is how far.

A build first waits, then takes its place, and never waits again: so there is no circle.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from .assembly import Job


class Sharing:
    def __init__(self) -> None:
        self._under_way: list[Job] = []
        self._moved = asyncio.Event()

    @asynccontextmanager
    async def turn(self, job: Job, reusable: int) -> AsyncIterator[None]:
        """Begins when nobody is building what this build could use. reusable: how many links it may take from others."""
        told = False
        while self._busy_with(job, reusable):
            if not told:
                job.tell("waiting for another build that has the same first steps")
                told = True
            await self._moved.wait()
        job.moved = self._tell
        self._under_way.append(job)
        try:
            yield
        finally:
            self._under_way.remove(job)
            self._tell()

    def _busy_with(self, job: Job, reusable: int) -> bool:
        mine = job.links.links[:reusable]
        return any(each.keeps and each.reached < _shared(mine, each.links.links) for each in self._under_way)

    def _tell(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()


def _shared(mine: tuple[str, ...], theirs: tuple[str, ...]) -> int:
    return sum(1 for one, other in zip(mine, theirs, strict=False) if one == other)
