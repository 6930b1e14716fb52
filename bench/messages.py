"""WebSocket messages back and forth: a server that echoes, and clients that each wait for theirs before they send the next.

Both run as processes of their own. Proxies carry bytes once a connection is upgraded, so frames are never decoded here.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

import bare
import load

CLIENT_KEY, SERVER_ACCEPT = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # the pair of RFC 6455, 1.3
SWITCHING = (
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Accept: {SERVER_ACCEPT}\r\n\r\n"
).encode()
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
MESSAGE = bytes([0x82, 0x80 | 64, 0, 0, 0, 0]) + bytes(64)  # one masked binary frame of 64 bytes
LIMIT_S = 30.0
LEAST = 2  # messages: of fewer there is no percentile


@dataclass(frozen=True, slots=True)
class Plan:
    port: int
    connections: int
    seconds: float
    headers: tuple[str, ...]

    @property
    def handshake(self) -> bytes:
        own = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {CLIENT_KEY}")
        return "\r\n".join(["GET /messages HTTP/1.1", *self.headers, *own, "", ""]).encode()


def exchange(plan: Plan, core: int | None) -> load.Result:
    """One run. Raises RuntimeError when a connection was refused or lost, or when it does not end."""
    given = json.dumps([plan.port, plan.connections, plan.seconds, plan.headers])
    argv = load.pinned([sys.executable, str(Path(__file__)), given], core)
    try:
        done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=LIMIT_S + plan.seconds)
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"WebSocket messages did not end within {error.timeout:.0f} s") from error
    if done.returncode:
        raise RuntimeError(f"WebSocket messages failed: {done.stderr.strip().splitlines()[-1]}")
    count, seconds, p50_us, p99_us = json.loads(done.stdout)
    return load.Result(count, seconds, p50_us, p99_us)


@contextlib.contextmanager
def echoing(core: int | None) -> Iterator[int]:
    """The server's port. Ended with the block."""
    port = bare.free_ports(1)[0]
    process = subprocess.Popen(load.pinned([sys.executable, str(Path(__file__)), str(port)], core))
    try:
        bare.until_200("127.0.0.1", port)
        yield port
    finally:
        process.kill()
        process.wait()


# ---- the processes of their own


def serve(port: int) -> None:
    """Echoes whatever comes on a connection after its upgrade; answers 200 to everything else. Until it is killed."""
    listener = socket.create_server(("127.0.0.1", port), backlog=1024)
    epoll = select.epoll()
    epoll.register(listener, select.EPOLLIN)
    upgraded: dict[int, bool] = {}
    connections: dict[int, socket.socket] = {}
    while True:
        for fd, _ in epoll.poll():
            if fd == listener.fileno():
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connections[connection.fileno()] = connection
                epoll.register(connection, select.EPOLLIN)
            elif not _answer(connections[fd], upgraded):
                upgraded.pop(fd, None)
                connections.pop(fd).close()


def _answer(connection: socket.socket, upgraded: dict[int, bool]) -> bool:
    """False when the connection is over. A request's head comes in one piece here."""
    try:
        data = connection.recv(65536)
        if data and upgraded.get(connection.fileno()):
            connection.sendall(data)
        elif data:
            upgraded[connection.fileno()] = wants = b"upgrade: websocket" in data.lower()
            connection.sendall(SWITCHING if wants else OK)
    except OSError:
        return False
    return bool(data)


def converse(plan: Plan) -> tuple[int, float, float, float]:
    """(messages, seconds, p50 and p99 of a message's way there and back in microseconds)."""
    connections = {each.fileno(): each for each in (_open(plan) for _ in range(plan.connections))}
    epoll = select.epoll()
    sent_s: dict[int, float] = {}
    missing = dict.fromkeys(connections, 0)
    took_us: list[float] = []
    begun = time.perf_counter()
    for connection in connections.values():
        epoll.register(connection, select.EPOLLIN)
        _send(connection, sent_s, missing)
    while time.perf_counter() < begun + plan.seconds or len(took_us) < LEAST:
        for fd, _ in epoll.poll(0.1):
            got = len(connections[fd].recv(65536))
            if not got:
                raise RuntimeError("a WebSocket was closed")
            missing[fd] -= got
            if missing[fd] <= 0:
                took_us.append((time.perf_counter() - sent_s[fd]) * 1e6)
                _send(connections[fd], sent_s, missing)
    at = quantiles(took_us, n=100)
    return len(took_us), time.perf_counter() - begun, at[49], at[98]


def _send(connection: socket.socket, sent_s: dict[int, float], missing: dict[int, int]) -> None:
    sent_s[connection.fileno()], missing[connection.fileno()] = time.perf_counter(), len(MESSAGE)
    connection.sendall(MESSAGE)


def _open(plan: Plan) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", plan.port), timeout=LIMIT_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(plan.handshake)
    said = b""
    while not said.endswith(b"\r\n\r\n"):
        part = connection.recv(1)
        if not part:
            break
        said += part
    if b" 101 " not in said.partition(b"\r\n")[0]:
        raise RuntimeError(f"a WebSocket was refused: {said[:80]!r}")
    return connection


def main() -> None:
    given = json.loads(sys.argv[1])
    if isinstance(given, int):
        serve(given)
    port, connections, seconds, headers = given
    json.dump(converse(Plan(port, connections, seconds, tuple(headers))), sys.stdout)


if __name__ == "__main__":
    main()
