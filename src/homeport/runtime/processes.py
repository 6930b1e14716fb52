"""Processes that are not our children: who they are (pid and start time) and when they end (pidfd). Starts and ends none."""

from __future__ import annotations

import asyncio
import os
import select
from dataclasses import dataclass

START_TIME_FIELD = 19  # of /proc/PID/stat, counted behind the command's closing parenthesis: starttime, field 22 of proc(5)


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process for good: a pid alone is used again. `start` is in clock ticks since the boot, from /proc/PID/stat."""

    pid: int
    start: int


def identify(pid: int) -> ProcessId | None:
    """Who has this pid now; None if nobody."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            stat = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return ProcessId(pid, int(stat.rpartition(b")")[2].split()[START_TIME_FIELD]))


def open_pidfd(process: ProcessId) -> int | None:
    """A pidfd of exactly this process, to be closed by the caller; None if it is gone. A zombie's is readable at once."""
    try:
        fd = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return None
    if identify(process.pid) == process:  # checked after opening: from here on the fd can't become somebody else's
        return fd
    os.close(fd)
    return None


def alive(process: ProcessId) -> bool:
    """False as soon as it has ended, also while nobody has reaped it."""
    fd = open_pidfd(process)
    if fd is None:
        return False
    try:
        return not _readable(fd)
    finally:
        os.close(fd)


async def ended(process: ProcessId) -> None:
    """Returns when it has ended, at once if it is gone."""
    fd = open_pidfd(process)
    if fd is None:
        return
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    loop.add_reader(fd, gone.set)
    try:
        await gone.wait()
    finally:
        loop.remove_reader(fd)
        os.close(fd)


def _readable(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))
