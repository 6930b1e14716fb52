"""One connection to the spawner: a request, a reply. Knows the wire, but not containers nor how a spawner is started."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import Any

from ..errors import ExecutionError, PlatformError
from ..spawner import wire

REPLY_LIMIT_S = 30.0


class SpawnerError(ExecutionError):
    """The spawner refused or failed. `step` says what it was doing, if it told."""

    def __init__(self, message: str, step: str = "") -> None:
        super().__init__(message)
        self.step = step


class SpawnerUnreachableError(PlatformError):
    """Nobody answers, or not in time. What was asked for may or may not have been done."""


class SpawnerClient:
    """Connects when it is first needed, and again after it was cut off. Requests wait for each other."""

    def __init__(self, socket_path: str, reply_limit_s: float = REPLY_LIMIT_S) -> None:
        self._path = socket_path
        self._limit_s = reply_limit_s
        self._sock: socket.socket | None = None
        self._turn = asyncio.Lock()

    async def request(self, op: str, fds: Sequence[int] = (), **fields: Any) -> wire.Message:
        """The reply, without its "ok". `fds` are sent along and stay open here.

        Raises SpawnerError when it says no; SpawnerUnreachableError when it does not answer; ValueError for a request
        that is too large.
        """
        data = wire.encode({"op": op, **fields})
        async with self._turn:
            try:
                async with asyncio.timeout(self._limit_s):
                    reply = await self._exchange(data, fds)
            except (OSError, ValueError, TimeoutError) as error:
                self._drop()
                reason = f"no answer in {self._limit_s:.0f} s" if isinstance(error, TimeoutError) else str(error)
                raise SpawnerUnreachableError(f"the spawner at {self._path} does not answer ({op}): {reason}") from error
            except BaseException:
                self._drop()  # its reply would be taken for that of the next request
                raise
        if not reply.pop("ok", False):
            raise SpawnerError(str(reply.get("error") or f"the spawner refused {op}"), str(reply.get("step") or ""))
        return reply

    async def close(self) -> None:
        async with self._turn:
            self._drop()

    async def _exchange(self, data: bytes, fds: Sequence[int]) -> wire.Message:
        loop = asyncio.get_running_loop()
        if self._sock is None:
            self._sock = wire.connect(self._path)
            self._sock.setblocking(False)
        await _send(self._sock, data, fds)
        answer = await loop.sock_recv(self._sock, wire.MESSAGE_BYTES_MAX)
        if not answer:
            raise ConnectionResetError("it closed the connection")
        return wire.decode(answer)

    def _drop(self) -> None:
        if self._sock is not None:
            self._sock.close()
            self._sock = None


async def _send(sock: socket.socket, data: bytes, fds: Sequence[int]) -> None:
    """One packet: it is sent whole, or not at all."""
    while True:
        try:
            socket.send_fds(sock, [data], list(fds)) if fds else sock.send(data)
            return
        except BlockingIOError:
            await _writable(sock)


async def _writable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_writer(sock, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_writer(sock)
