"""Run a program to its end and read what it said. Owns waiting and the deadline; knows no program."""

from __future__ import annotations

import os
import select
import shutil
import signal
from typing import NamedTuple

_OUTPUT_BYTES_MAX = 1 << 16
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TIMEOUT_MS = 30_000


class Result(NamedTuple):
    code: int
    output: str  # stdout and stderr together


def find(program: str) -> str:
    """Its full path, or "" when it is not installed."""
    return shutil.which(program, path=os.environ.get("PATH", "") + ":" + _PATH) or ""


def run(argv: list[str], stdin: bytes = b"", timeout_ms: int = TIMEOUT_MS) -> Result:
    """argv[0] is a full path. Raises OSError when it cannot be started, TimeoutError (it is killed then) at the deadline."""
    given, said = os.memfd_create("stdin"), os.memfd_create("output")
    try:
        os.write(given, stdin)
        os.lseek(given, 0, os.SEEK_SET)
        files = [(os.POSIX_SPAWN_DUP2, given, 0), (os.POSIX_SPAWN_DUP2, said, 1), (os.POSIX_SPAWN_DUP2, said, 2)]
        pid = os.posix_spawn(argv[0], argv, {"PATH": _PATH}, file_actions=files)
        code = wait(pid, timeout_ms)
        text = os.pread(said, _OUTPUT_BYTES_MAX, 0).decode(errors="replace").strip()
    finally:
        os.close(given)
        os.close(said)
    if code is None:
        raise TimeoutError(f"{os.path.basename(argv[0])} did not end within {timeout_ms} ms")
    return Result(code, text)


def wait(pid: int, timeout_ms: int) -> int | None:
    """The exit code of a child (negative: the signal), or None when it had to be killed at the deadline."""
    pidfd = os.pidfd_open(pid)
    try:
        poller = select.poll()
        poller.register(pidfd, select.POLLIN)
        in_time = bool(poller.poll(timeout_ms))
        if not in_time:
            os.kill(pid, signal.SIGKILL)
    finally:
        os.close(pidfd)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status) if in_time else None
