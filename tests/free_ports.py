"""Ports of this machine for the tests that start something on one.

A port that the kernel chose is anybody's again until it is bound: another test's connection may have it by then. These lie
below the range that the kernel chooses from, beside the one that the platform picks from, and each block is of one process.
"""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

FIRST, BLOCK, BLOCKS = 10_000, 50, 190
LOCKS = Path(tempfile.gettempdir(), f"homeport-test-ports-{os.getuid()}")


def free_ports(count: int) -> list[int]:
    """Ports that are free, and that no other process that asks here is given. None is told twice."""
    return [next(_ports) for _ in range(count)]


def _of_this_process() -> Iterator[int]:
    LOCKS.mkdir(exist_ok=True)
    for block in range(BLOCKS):
        lock = os.open(LOCKS / str(block), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        yield from filter(_is_free, range(FIRST + block * BLOCK, FIRST + (block + 1) * BLOCK))
    raise AssertionError("all ports for tests are given away")


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


_ports = _of_this_process()
