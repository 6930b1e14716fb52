"""The socket that is in every container: made where containers see it, and served beside the API. Knows no route.

Its directory is mounted, not the socket: a new control plane makes a new socket under the same name, and containers that
run find it there.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from ..spawner import wire

SOCKET = "platform.sock"
BACKLOG = 256
SHUTDOWN_LIMIT_S = 2


def place(data_dir: Path) -> Path:
    """The directory, made if it is not there; the data directory keeps the machine's users out of it. Raises OSError."""
    directory = data_dir / "run" / "inside"
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    directory.chmod(0o755)
    return directory


@contextlib.asynccontextmanager
async def serving(app: FastAPI, directory: Path) -> AsyncIterator[None]:
    """Serves until the end of the context. Raises OSError when the socket can't be made."""
    listener = _listen(str(directory / SOCKET))
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=SHUTDOWN_LIMIT_S)
    server = _Quiet(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await task
        listener.close()


class _Quiet(uvicorn.Server):
    """Signals are for the API's server, which takes this one with it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(path: str) -> socket.socket:
    """Whoever may see it may connect: in a container the user's code may run as anybody."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    aside = f"{path}.new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(aside)
    wire.with_short_path(aside, listener.bind)
    listener.listen(BACKLOG)
    os.chmod(aside, 0o666)
    os.rename(aside, path)  # the name is always one that can be connected to, or refuses
    return listener
