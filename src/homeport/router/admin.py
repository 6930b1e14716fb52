"""The Runtime API over unix sockets: one kept session to the live worker, and single commands to the master.

Owns connecting, pipelining and framing. It refuses to know what a command means.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

REPLY_BYTES_MAX = 64 << 20
CONNECT_PATIENCE_S = 1.5  # the socket moves to the new worker during a reload
GREETING_PATIENCE_S = 0.5  # a connection to a worker that just stopped accepting is never answered: make another
REPLY_PATIENCE_S = 10.0
_PROMPT = b"\n> "


class DataPlaneError(OSError):
    """The data plane can't be reached, or refused a command. Files are current all the same; try again."""


class Session:
    """One interactive session. Commands are written at once, answered in order. It reconnects when it must."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._lock = asyncio.Lock()

    async def run(self, commands: Sequence[str], patience_s: float = CONNECT_PATIENCE_S) -> list[str]:
        """The replies to `commands`, in order.

        Only connecting is tried again (for `patience_s` seconds), never a command: what was carried out is unknown then.
        Raises DataPlaneError.
        """
        if not commands:
            return []
        async with self._lock:
            reader, writer = self._streams or await self._connect(patience_s)
            try:
                writer.write("".join(f"{command}\n" for command in commands).encode())
                async with asyncio.timeout(REPLY_PATIENCE_S):
                    await writer.drain()
                    return [await _reply(reader) for _ in commands]
            except (OSError, EOFError, asyncio.LimitOverrunError) as error:
                self.close()
                raise DataPlaneError(f"HAProxy went away while it was told something: {error}.") from error
            except asyncio.CancelledError:
                self.close()  # replies that come later would be taken for those of the next command
                raise

    async def one(self, command: str) -> str:
        return (await self.run([command]))[0]

    def close(self) -> None:
        if self._streams:
            self._streams[1].close()
        self._streams = None

    async def _connect(self, patience_s: float) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        deadline = asyncio.get_running_loop().time() + patience_s
        while True:
            try:
                async with asyncio.timeout(GREETING_PATIENCE_S):
                    self._streams = await self._greet()
                return self._streams
            except (OSError, EOFError) as error:
                if asyncio.get_running_loop().time() >= deadline:
                    raise DataPlaneError(f"HAProxy does not answer on {self._path}: {error}.") from error
                await asyncio.sleep(0.01)

    async def _greet(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_unix_connection(self._path, limit=REPLY_BYTES_MAX)
        try:
            for line in (b"prompt\n", b"set severity-output number\n"):
                writer.write(line)
                await _reply(reader)
        except BaseException:
            writer.close()
            raise
        return reader, writer


async def ask_master(path: Path, command: str, patience_s: float = REPLY_PATIENCE_S) -> str:
    """One command to the master process (`@!PID ...` passes it on to a worker), on a connection of its own.

    Raises DataPlaneError; also when it is asked while it executes itself again (a reload): then it may never answer.
    """
    try:
        async with asyncio.timeout(patience_s):
            reader, writer = await asyncio.open_unix_connection(path, limit=REPLY_BYTES_MAX)
            try:
                writer.write(f"{command}\n".encode())
                writer.write_eof()
                return (await reader.read(-1)).decode(errors="replace")
            finally:
                writer.close()
    except OSError as error:
        raise DataPlaneError(f"HAProxy's master does not answer on {path}: {error}.") from error


async def _reply(reader: asyncio.StreamReader) -> str:
    raw = await reader.readuntil(_PROMPT)
    return raw[: -len(_PROMPT)].decode(errors="replace").strip("\n")
