"""A command inside a running container, through the spawner: its output as it comes, then its exit code."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import NamedTuple

from ..runtime.client import SpawnerClient

CHUNK_BYTES = 64 << 10


class Output(NamedTuple):
    """`stream` is "stdout" or "stderr" with `data`, or "exit" with the code."""

    stream: str
    data: bytes = b""
    exit_code: int = 0


async def execute(
    client: SpawnerClient, container_id: str, argv: tuple[str, ...], stdin: bytes | None
) -> AsyncIterator[Output]:
    """Runs `argv` in the container. Ends after the exit code. Raises SpawnerError, or PlatformError if nobody answers.

    Closing the iterator closes the command's pipes, which ends what still writes to them.
    """
    with ExitStack() as ours:
        ends = [_pipe(ours) for _ in range(4)]
        (in_r, in_w), (out_r, out_w), (err_r, err_w), (code_r, code_w) = ends
        theirs = [in_r, out_w, err_w, code_w]
        try:
            await client.request("exec", fds=theirs, id=container_id, argv=list(argv), env={}, cwd="")
        finally:
            for fd in theirs:
                os.close(fd)
        for fd in (in_w, out_r, err_r, code_r):
            os.set_blocking(fd, False)
        outputs: asyncio.Queue[Output | None] = asyncio.Queue()
        tasks = [
            asyncio.create_task(_feed(in_w, stdin or b"")),
            asyncio.create_task(_pump("stdout", out_r, outputs)),
            asyncio.create_task(_pump("stderr", err_r, outputs)),
        ]
        try:
            for _ in range(2):
                while (output := await outputs.get()) is not None:
                    yield output
            yield Output("exit", exit_code=await _exit_code(code_r))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _pipe(ours: ExitStack) -> tuple[int, int]:
    """Both ends; ours is closed with the stack, whichever it is (closing one that is closed already is no error)."""
    read, write = os.pipe2(os.O_CLOEXEC)
    for fd in (read, write):
        ours.callback(_close, fd, os.fstat(fd).st_ino)
    return read, write


def _close(fd: int, inode: int) -> None:
    """Only if it is still the pipe that it was: the number may belong to somebody else by now."""
    try:
        if os.fstat(fd).st_ino == inode:
            os.close(fd)
    except OSError:
        return


async def _feed(fd: int, data: bytes) -> None:
    view = memoryview(data)
    try:
        while view:
            await _ready(fd, writing=True)
            view = view[os.write(fd, view[:CHUNK_BYTES]) :]
    except BrokenPipeError:
        return  # it does not want to read it
    finally:
        os.close(fd)


async def _pump(stream: str, fd: int, outputs: asyncio.Queue[Output | None]) -> None:
    try:
        while data := await _read(fd):
            outputs.put_nowait(Output(stream, data))
    finally:
        outputs.put_nowait(None)


async def _exit_code(fd: int) -> int:
    text = b""
    while data := await _read(fd):
        text += data
    return int(json.loads(text)["exit_code"]) if text else 255


async def _read(fd: int) -> bytes:
    while True:
        await _ready(fd, writing=False)
        try:
            return os.read(fd, CHUNK_BYTES)
        except BlockingIOError:
            continue


async def _ready(fd: int, writing: bool) -> None:
    loop = asyncio.get_running_loop()
    turn = loop.create_future()
    add, remove = (loop.add_writer, loop.remove_writer) if writing else (loop.add_reader, loop.remove_reader)

    def wake() -> None:
        if not turn.done():
            turn.set_result(None)

    add(fd, wake)
    try:
        await turn
    finally:
        remove(fd)
