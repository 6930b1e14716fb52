"""Ports of this machine for the tests that start something on one.

A port that is chosen now and bound later may be another's by then. So these lie below the range from which the kernel gives
ports to outgoing connections, and below that of the router's own; and whoever was given one keeps it for as long as it
lives, by the lock on a file that all tests of the machine share.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

FIRST, COUNT = 10_000, 10_000

_held: dict[int, int] = {}  # by port: the locked file


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, and that no other test on this machine is given before this process ends."""
    found: list[int] = []
    for port in random.sample(range(FIRST, FIRST + COUNT), COUNT):
        if len(found) == count:
            return found
        if port not in _held and _lock(port) and _is_free(port):
            found.append(port)
    raise RuntimeError(f"of the ports from {FIRST} on, {count} are not free")


def _lock(port: int) -> bool:
    folder = Path(tempfile.gettempdir(), f"homeport-test-ports-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    file = os.open(folder / str(port), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return False
    _held[port] = file
    return True


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("0.0.0.0", port)).close()
    except OSError:
        return False
    return True
