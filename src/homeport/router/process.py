"""Which process is meant: a pid and the time it started, so that a pid used again is never taken for the old process.

Standard library only, because the supervisor lives from it. Decides nothing about what the process is for.
"""

from __future__ import annotations

import json
import os
import select
import signal
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProcessId:
    pid: int
    start: int  # clock ticks after boot, field 22 of /proc/PID/stat

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        """The process that has this pid now; None when there is none, or only a zombie."""
        fields = _stat(pid)
        return cls(pid, int(fields[19])) if fields and fields[0] not in "ZX" else None

    @classmethod
    def load(cls, path: Path) -> ProcessId | None:
        """What `save` wrote, whether or not it still runs; None when there is no such file, or an unreadable one."""
        try:
            found = json.loads(path.read_text())
            return cls(int(found["pid"]), int(found["start"]))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    @property
    def alive(self) -> bool:
        return ProcessId.of(self.pid) == self

    def save(self, path: Path) -> None:
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps({"pid": self.pid, "start": self.start}) + "\n")
        os.replace(temporary, path)

    def open(self) -> int | None:
        """A pidfd (readable when the process ends), or None when it has ended."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return None
        if self.alive:
            return handle
        os.close(handle)
        return None

    def end(self, grace_s: float, first: signal.Signals = signal.SIGTERM) -> bool:
        """Signal it, wait, SIGKILL it after `grace_s` seconds. Returns whether it ended by the first signal."""
        handle = self.open()
        if handle is None:
            return True
        try:
            signal.pidfd_send_signal(handle, first)
            if select.select([handle], [], [], grace_s)[0]:
                return True
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            select.select([handle], [], [], 5)
        except ProcessLookupError:
            return True
        finally:
            os.close(handle)
        return False


def session_members(session: int, name: str) -> list[ProcessId]:
    """Every process of this session with this command name (workers whose master is gone)."""
    found = []
    for entry in os.listdir("/proc"):
        fields = _stat(int(entry)) if entry.isdigit() else None
        if fields and int(fields[3]) == session and fields[0] not in "ZX" and _name(int(entry)) == name:
            found.append(ProcessId(int(entry), int(fields[19])))
    return found


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the state on; the name before it may hold anything, also spaces."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""
