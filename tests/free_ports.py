"""Ports of this machine for the tests that start something on one."""

from __future__ import annotations

import socket


def free_ports(count: int) -> list[int]:
    """Ports that are free now; all are held until the last is chosen, so they differ."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(listener.getsockname()[1]) for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports
