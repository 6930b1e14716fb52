"""Makes, enters, reads and removes the cgroups that `cgroup_layout` decided on. Knows no container, only directories."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import time
from typing import NamedTuple

from . import cgroup_layout, syscalls
from .cgroup_layout import Layout, Write

_REMOVE_MS_MAX = 2_000
_SIGNAL_ROUNDS_MAX = 5


def detect() -> Layout:
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        mountinfo = file.read()
    v2 = cgroup_layout.v2_mount(mountinfo)
    return cgroup_layout.decide(mountinfo, _read(f"{v2}/cgroup.controllers") if v2 else "")


def prepare(layout: Layout, tag: str) -> tuple[Layout, list[str]]:
    """Make the instance's own directories; returns the part of the layout that works and why the rest does not."""
    notes = []
    v1 = []
    for controller, mount in layout.v1:
        problem = _make_parent(f"{mount}/homeport-{tag}")
        if problem:
            notes.append(f"{controller}: {problem}")
        else:
            v1.append((controller, mount))
    v2 = tuple(name for name in layout.v2_controllers if not _delegate(layout.v2_mount, tag, name, notes))
    usable = layout._replace(v1=tuple(v1), v2_controllers=v2, v2_mount=layout.v2_mount if v2 else "")
    if usable.missing and not notes:
        notes.append("no cgroup controller for " + ", ".join(usable.missing))
    return usable, notes


def favour_moves() -> None:
    """Entering a cgroup waits 6 ms for an RCU grace period unless the hierarchy favours dynamic modifications.

    Best effort: raises OSError where the kernel has no such option.
    """
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        mountinfo = file.read()
    mount = cgroup_layout.v2_mount(mountinfo)
    flags = cgroup_layout.remount_flags(cgroup_layout.super_options(mountinfo, mount)) if mount else []
    if flags:
        syscalls.reconfigure(mount, flags)


def make(directories: list[str], writes: list[Write]) -> None:
    """Raises OSError naming the file that could not be written."""
    for directory in directories:
        with contextlib.suppress(FileExistsError):
            os.mkdir(directory, 0o755)
    for each in writes:
        try:
            write(f"{each.directory}/{each.file}", each.value)
        except OSError as error:
            if each.optional:
                continue
            file = f"{each.directory}/{each.file}"
            raise OSError(error.errno, f"cannot write {each.value} to {file}: {error.strerror}") from None


def enter(directories: list[str]) -> None:
    """The calling process moves into all of them."""
    for directory in directories:
        write(f"{directory}/cgroup.procs", "0")


def put(directory: str, pid: int) -> None:
    """That process moves into it."""
    write(f"{directory}/cgroup.procs", str(pid))


def remove(directories: list[str]) -> list[str]:
    """Those that are still there at the end, because something in them does not die."""
    deadline = time.monotonic() + _REMOVE_MS_MAX / 1000
    left = list(directories)
    while True:
        left = [directory for directory in left if not _rmdir(directory)]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.005)


def kill_all(directories: list[str]) -> None:
    """SIGKILL to everything inside; what forks meanwhile is caught in a later round."""
    for _ in range(_SIGNAL_ROUNDS_MAX):
        pids = members(directories)
        if not pids:
            return
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def members(directories: list[str]) -> list[int]:
    """The processes inside, from the first directory (all hold the same ones)."""
    return [int(pid) for pid in _read(f"{directories[0]}/cgroup.procs").split()] if directories else []


def oom_kills(directories: list[str]) -> int:
    """How many processes the kernel killed in here for want of memory."""
    for directory in directories:
        for file in ("memory.oom_control", "memory.events"):
            for line in _read(f"{directory}/{file}").splitlines():
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
    return 0


class OomWatch(NamedTuple):
    """Poll `fd` for `events`; each time, call `clear` and look at `oom_kills`."""

    fd: int
    events: int
    is_eventfd: bool

    def clear(self) -> None:
        if self.is_eventfd:
            os.eventfd_read(self.fd)
        else:
            os.pread(self.fd, 4096, 0)


def watch_oom(directories: list[str]) -> OomWatch | None:
    """None where the kernel offers no notice; the counter tells in the end anyway."""
    for directory in directories:
        with contextlib.suppress(OSError):
            if os.path.exists(f"{directory}/memory.oom_control"):
                return _watch_oom_v1(directory)
            fd = os.open(f"{directory}/memory.events", os.O_RDONLY | os.O_CLOEXEC)
            os.pread(fd, 4096, 0)
            return OomWatch(fd, select.POLLPRI, False)
    return None


def usage(directories: list[str]) -> dict[str, int]:
    """memory_bytes (without file cache that can be dropped at once), cpu_ns, pids; 0 for what cannot be known.

    It is asked of many containers at a time, so nothing is read that is not needed.
    """
    home, memory = _first(directories, "memory.usage_in_bytes", "memory.current")
    _, nanoseconds = _first(directories, "cpuacct.usage")
    _, pids = _first(directories, "pids.current")
    return {
        "memory_bytes": max(0, int(memory) - _droppable(home)) if memory else 0,
        "cpu_ns": int(nanoseconds) if nanoseconds else _cpu_us(directories) * 1000,
        "pids": int(pids or 0),
    }


def _first(directories: list[str], *files: str) -> tuple[str, str]:
    """The first directory that has one of the files, and its text; empty where none has."""
    for directory in directories:
        for file in files:
            text = _read(f"{directory}/{file}")
            if text:
                return directory, text
    return "", ""


def _droppable(directory: str) -> int:
    """Bytes of file cache that nobody uses. A v1 group counts those of its children under another name, behind its own."""
    found = 0
    for line in _read(f"{directory}/memory.stat").splitlines():
        if line.startswith(("inactive_file ", "total_inactive_file ")):
            found = int(line.rpartition(" ")[2])
    return found


def _cpu_us(directories: list[str]) -> int:
    return next((found for d in directories if (found := _fields(f"{d}/cpu.stat").get("usage_usec", 0))), 0)


def _watch_oom_v1(directory: str) -> OomWatch:
    notice = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
    control = os.open(f"{directory}/memory.oom_control", os.O_RDONLY | os.O_CLOEXEC)
    try:
        write(f"{directory}/cgroup.event_control", f"{notice} {control}")
    except OSError:
        os.close(notice)
        raise
    finally:
        os.close(control)
    return OomWatch(notice, select.POLLIN, True)


def _make_parent(directory: str) -> str:
    """Why it could not be made, or ""."""
    try:
        os.makedirs(directory, 0o755, exist_ok=True)
    except OSError as error:
        return f"cannot make {directory}: {error.strerror}"
    return "" if os.access(f"{directory}/cgroup.procs", os.W_OK) else f"{directory} is not writable"


def _delegate(mount: str, tag: str, controller: str, notes: list[str]) -> bool:
    """Hand a v2 controller down to the containers; True (and a note) when that fails."""
    try:
        write(f"{mount}/cgroup.subtree_control", f"+{controller}")
        os.makedirs(f"{mount}/homeport-{tag}", 0o755, exist_ok=True)
        write(f"{mount}/homeport-{tag}/cgroup.subtree_control", f"+{controller}")
    except OSError as error:
        notes.append(f"{controller}: cannot enable it below {mount}: {error.strerror}")
        return True
    return False


def _rmdir(directory: str) -> bool:
    try:
        os.rmdir(directory)
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        return False
    return True


def _fields(path: str) -> dict[str, int]:
    return {line.split()[0]: int(line.split()[1]) for line in _read(path).splitlines() if len(line.split()) == 2}


def _read(path: str) -> str:
    """ "" when it cannot be read: another kernel, or it went away."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def write(path: str, value: str) -> None:
    """One write(2) into a file of the kernel. Raises OSError."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, value.encode())
    finally:
        os.close(fd)
