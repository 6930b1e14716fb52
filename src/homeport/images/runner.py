"""The one place where this package starts programs. Owns their lifetime: whoever is cancelled or runs out of time takes
the program and its children along. Refuses to know what the programs are for.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import PlatformError

LINE_BYTES_MAX = 1 << 17  # an argument can't be longer, so no instruction is cut
CHUNK_BYTES = 1 << 13
TAIL_LINES = 40
LOOK_S = 1.0
IDLE_BYTES = 64  # in that time, of a program that only waits
TERM_TO_KILL_S = 5.0
DIES_WITH_US = ("setpriv", "--pdeathsig", "TERM", "--")  # also when we are killed with -9: no build goes on unseen
LineSink = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Finished:
    """`tail` holds the last lines of stdout and stderr as they came."""

    returncode: int
    tail: tuple[str, ...]

    @property
    def last_words(self) -> str:
        """The last line that says something; empty if none did."""
        return next((line.strip() for line in reversed(self.tail) if line.strip()), "")


async def run(
    argv: Sequence[str],
    on_line: LineSink | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    on_bytes: Callable[[], None] | None = None,
) -> Finished:
    """Run to the end; each line of output goes to `on_line`. A returncode other than 0 is not an error here.

    on_bytes: called about once a second if the program read or wrote in it, from wherever.
    `env` is added to the environment. Cancelling ends the program and all its children before it returns.
    Raises PlatformError if the program isn't installed.
    """
    process = await _spawn(argv, env, cwd)
    watch = asyncio.create_task(_watch(process.pid, on_bytes)) if on_bytes else None
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    try:
        assert process.stdout is not None
        async for line in _lines(process.stdout):
            tail.append(line)
            if on_line is not None:
                on_line(line)
        return Finished(await process.wait(), tuple(tail))
    finally:
        if watch:
            watch.cancel()
        await _end(process)


async def output(argv: Sequence[str], cwd: str | None = None) -> str:
    """What it wrote, without the last newline. Raises PlatformError with its last words if it fails."""
    lines: list[str] = []
    finished = await run(argv, lines.append, cwd=cwd)
    if finished.returncode != 0:
        raise PlatformError(f"`{argv[0]}` failed: {finished.last_words or f'exit status {finished.returncode}'}")
    return "\n".join(lines)


async def _watch(pid: int, on_bytes: Callable[[], None]) -> None:
    """By the kernel's count, in which network, files and pipes are; a program that waits wakes itself, too."""
    seen = 0
    while True:
        await asyncio.sleep(LOOK_S)
        try:
            counts = Path(f"/proc/{pid}/io").read_text().split()
        except OSError:
            return  # it ended
        moved = int(counts[1]) + int(counts[3])
        if moved - seen > IDLE_BYTES:
            on_bytes()
        seen = moved


async def _spawn(argv: Sequence[str], env: Mapping[str, str] | None, cwd: str | None) -> asyncio.subprocess.Process:
    if shutil.which(argv[0]) is None:
        raise PlatformError(f"`{argv[0]}` is not installed; `homeport doctor` shows the command that helps")
    return await asyncio.create_subprocess_exec(
        *DIES_WITH_US,
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **(env or {})},
        start_new_session=True,
        cwd=cwd,
    )


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    """Lines of any length; one that is too long is cut into several rather than ending the program."""
    rest = b""
    while chunk := await stream.read(CHUNK_BYTES):
        await asyncio.sleep(0)  # who says without end must not keep all others waiting
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.decode(errors="replace").rstrip("\r")
        if len(rest) > LINE_BYTES_MAX:
            yield rest.decode(errors="replace")
            rest = b""
    if rest:
        yield rest.decode(errors="replace").rstrip("\r")


async def _end(process: asyncio.subprocess.Process) -> None:
    """SIGTERM to its session, so that it can unmount what it mounted, then SIGKILL."""
    if process.returncode is not None:
        return
    _signal(process.pid, signal.SIGTERM)
    rest = asyncio.create_task(_read_away(process))  # asyncio tells of an end only once all that was said is read
    try:
        await asyncio.wait_for(asyncio.shield(process.wait()), TERM_TO_KILL_S)
    except TimeoutError:
        _signal(process.pid, signal.SIGKILL)
        await process.wait()
    finally:
        rest.cancel()


async def _read_away(process: asyncio.subprocess.Process) -> None:
    assert process.stdout is not None
    async for _ in _lines(process.stdout):
        pass


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)
