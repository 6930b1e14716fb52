"""One control plane per data directory. Owns the lock file and what it says about its holder.

The lock is the kernel's (flock), so it ends with the process, however that ends; the text is only for people and the CLI.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import ConflictError


@dataclass(frozen=True, slots=True)
class Holder:
    """`start` is the process's start time in clock ticks since boot: with it, a pid names one process and no later one."""

    pid: int
    start: int
    api_url: str


class Lock:
    """Held until `release` or the end of the process. It is not inherited by programs that the process starts."""

    def __init__(self, path: Path, api_url: str) -> None:
        """Take the lock at `path`. Raises ConflictError naming the holder if there is one, OSError for the disk."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            document = json.dumps(asdict(Holder(os.getpid(), _start_ticks(os.getpid()), api_url)))
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, document.encode() + b"\n", 0)
        except BlockingIOError:
            os.close(descriptor)
            raise ConflictError(_refusal(path)) from None
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor >= 0:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = -1


def holder(path: Path) -> Holder | None:
    """Who holds the lock at `path` now; None if nobody does, or if it was taken so lately that it doesn't say yet."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _said(os.pread(descriptor, 4096, 0))
    finally:
        os.close(descriptor)
    return None


def _refusal(path: Path) -> str:
    found = holder(path)
    who = f"process {found.pid}, {found.api_url}" if found else "another process"
    return (
        f"homeport already runs on {path.parent} ({who}): "
        "stop it with `homeport down`, or choose another directory with --data-dir."
    )


def _said(text: bytes) -> Holder | None:
    try:
        document = json.loads(text)
        return Holder(int(document["pid"]), int(document["start"]), str(document["api_url"]))
    except (ValueError, KeyError, TypeError):
        return None


def _start_ticks(pid: int) -> int:
    """Field 22 of /proc/PID/stat; the name before it is in parentheses and may hold anything."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
