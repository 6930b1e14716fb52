"""New lines of container logs as they are written, over rotations and new containers. Polls; ends when it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from typing import BinaryIO

from .loglines import EVERYTHING, LogLine, Wanted, parse_line
from .logs import Paths, Place, end_of, files_of, read_tail, seek_to_time

POLL_S = 0.15
BATCH_BYTES = 1 << 20  # read from one log at a time: a chatty container neither fills the memory nor hides the others


class Follower:
    """`paths` is asked at every poll, so that containers can come and go.

    It begins with everything that the logs hold, or with what `wanted.since_ms` leaves of it; after `tail`, behind that.
    """

    def __init__(self, paths: Callable[[], Paths], wanted: Wanted = EVERYTHING) -> None:
        self._paths = paths
        self._wanted = wanted
        self._places: dict[str, Place] = {}

    def tail(self, count: int) -> list[LogLine]:
        """The last `count` lines that are wanted. `lines` goes on right behind them. Raises OSError."""
        paths = self._paths()
        self._places = {container_id: end_of(path) for container_id, path in paths.items()}
        return read_tail(paths, count, self._wanted, self._places)

    async def lines(self, ended: asyncio.Event) -> AsyncIterator[LogLine]:
        """Until `ended` is set; what is in the logs by then still comes. Raises OSError."""
        while True:
            last = ended.is_set()
            progress, found = await asyncio.to_thread(self.poll)
            for line in found:
                yield line
            if progress:
                continue
            if last:
                return
            await _wait(ended, POLL_S)

    def poll(self) -> tuple[bool, list[LogLine]]:
        """Whether anything was read, and the lines of it that are wanted, in order of time. Raises OSError."""
        progress, lines = False, []
        for container_id, path in self._paths().items():
            data = self._read(container_id, path)
            progress = progress or bool(data)
            parsed = (parse_line(one, container_id) for one in data.split(b"\n"))
            lines += [line for line in parsed if line is not None and self._wanted(line)]
        return progress, sorted(lines, key=lambda line: line.timestamp_ms)

    def _read(self, container_id: str, path: str) -> bytes:
        """Whole lines that were not read yet, from the older file first."""
        for name in files_of(path):
            try:
                file = open(name, "rb")  # noqa: SIM115 - closed below, and not there is no error
            except FileNotFoundError:
                continue
            with file:
                data = self._read_file(container_id, file, is_older=name != path)
            if data:
                return data
        return b""

    def _read_file(self, container_id: str, file: BinaryIO, is_older: bool) -> bytes:
        stat = os.fstat(file.fileno())
        place = self._places.get(container_id)
        if place is None:
            since_ms = self._wanted.since_ms
            place = Place(stat.st_ino, 0 if since_ms is None else seek_to_time(file, since_ms))
        elif place.inode != stat.st_ino or stat.st_size < place.offset:
            if is_older:
                return b""  # that one was read before the log was rotated
            place = Place(stat.st_ino, 0)
        self._places[container_id] = place
        file.seek(place.offset)
        data = file.read(BATCH_BYTES)
        data = data[: data.rfind(b"\n") + 1]
        place.offset += len(data)
        return data


async def follow(
    paths: Callable[[], Paths], ended: asyncio.Event, wanted: Wanted = EVERYTHING, tail: int | None = None
) -> AsyncIterator[LogLine]:
    """The last `tail` lines (None: all), then new ones until `ended` is set. Raises OSError."""
    follower = Follower(paths, wanted)
    if tail is not None:
        for line in await asyncio.to_thread(follower.tail, tail):
            yield line
    async for line in follower.lines(ended):
        yield line


async def _wait(ended: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(ended.wait(), seconds)
