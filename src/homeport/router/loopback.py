"""Loopback ports of the data plane: picked once, kept in `ports.json`, so that a restart finds the same ones."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from . import files
from .settings import Ports, RouterSettings

PICK_FROM, PICK_COUNT = 20_000, 12_000  # below the range from which the kernel gives ports to outgoing connections


def load(settings: RouterSettings) -> Ports:
    """The ports of the settings where they name one, else those kept from last time, else free ones."""
    kept = _kept(_file(settings))
    fresh = free_ports(settings.run_dir)
    wanted = {
        "event": settings.event_port,
        "log": settings.log_port,
        "peer": settings.peer_port,
        "sidecar": settings.sidecar_port,
    }
    return Ports(**{name: port or kept.get(name) or next(fresh) for name, port in wanted.items()})


def save(settings: RouterSettings, ports: Ports) -> None:
    text = {"event": ports.event, "log": ports.log, "peer": ports.peer, "sidecar": ports.sidecar}
    files.write_if_changed(_file(settings), json.dumps(text) + "\n")


def free_ports(run_dir: Path) -> Iterator[int]:
    """Ports nobody listens on. Two platforms on a machine start to look at different places."""
    seed = int.from_bytes(hashlib.sha256(os.fsencode(run_dir)).digest()[:4], "big")
    for step in range(PICK_COUNT):
        port = PICK_FROM + (seed + step) % PICK_COUNT
        if is_free("127.0.0.1", port):
            yield port


def is_free(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def _file(settings: RouterSettings) -> Path:
    return settings.run_dir / "ports.json"


def _kept(path: Path) -> dict[str, int]:
    try:
        found = json.loads(files.read(path) or "{}")
    except ValueError:
        return {}
    return {name: port for name, port in found.items() if isinstance(port, int) and 0 < port < 65536}
