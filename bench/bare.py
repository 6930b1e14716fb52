"""The plain thing that starts are compared with: `python -m http.server` as a process, polled until it answers."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

POLL_S = 0.0005
LIMIT_S = 30.0
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def python(version: str) -> str:
    """A Python of the machine like the one in the image, `version` being "3.11"; else the one that runs this."""
    return shutil.which(f"python{version}", path="/usr/bin:/usr/local/bin") or sys.executable


@contextlib.contextmanager
def serving(interpreter: str, folder: Path) -> Iterator[int]:
    """The port of a process that has just been started; it is killed with the block."""
    port = free_ports(1)[0]
    argv = [interpreter, "-m", "http.server", "-d", str(folder), str(port)]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield port
    finally:
        process.kill()
        process.wait()


def cold_start_s(interpreter: str, folder: Path) -> float:
    """From the start of the process to its first 200."""
    begun = time.perf_counter()
    with serving(interpreter, folder) as port:
        until_200("127.0.0.1", port)
        return time.perf_counter() - begun


def until_200(host: str, port: int, limit_s: float = LIMIT_S) -> None:
    """Asks until the answer is 200. Raises TimeoutError."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        try:
            with socket.create_connection((host, port), timeout=limit_s) as connection:
                connection.sendall(REQUEST)
                if connection.recv(64).split(b" ", 2)[1:2] == [b"200"]:
                    return
        except OSError:
            time.sleep(POLL_S)
    raise TimeoutError(f"{host}:{port} did not answer 200 within {limit_s:.0f} s")


def free_ports(count: int) -> list[int]:
    """Ports that are free now; all are held until the last is chosen, so they differ."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(listener.getsockname()[1]) for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports
