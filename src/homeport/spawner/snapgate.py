"""What keeps the state of a process from being forked into containers: found by looking at the process itself.

A fork has one thread, shares open files with its siblings, and has none of its parent's children. Whatever would break by
that, silently and later, is a reason to have no snapshot; the reason is put into words here. Decides nothing else.
"""

from __future__ import annotations

import fcntl
import os
import signal
import stat
import time

_OWN_FOLDERS = ("/tmp", "/dev/shm", "/run")  # a container has them for itself, in memory
_HARMLESS_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_GPU = ("/dev/nvidia", "/dev/dri/", "/dev/kfd", "/dev/dxg")
_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_THREADS_END_MS_MAX = 200


class Gate:
    """Made before any code of the user runs; `problem` compares with then."""

    def __init__(self) -> None:
        self._ours = {fd for fd, _ in open_files(set())}
        self._output = [os.fstat(fd).st_ino for fd in (1, 2)]
        self._folders = {folder: set(os.listdir(folder)) for folder in _OWN_FOLDERS}

    def problem(self) -> str:
        """The first reason against a snapshot, as what "it" does or has; "" when there is none."""
        looks = (_user, _processes, _threads, _timers, self._files, _memory, self._left)
        return next((found for look in looks if (found := look())), "")

    def _files(self) -> str:
        if [os.fstat(fd).st_ino for fd in (1, 2)] != self._output:
            return "has redirected its output"
        return next((found for fd, link in open_files(self._ours) if (found := _file(fd, link))), "")

    def _left(self) -> str:
        for folder, before in self._folders.items():
            new = sorted(set(os.listdir(folder)) - before)
            if new:
                return f"left {folder}/{new[0]}, and each container has its own {folder}"
        return ""

    def files(self) -> list[int]:
        """The fds that the user's code has open."""
        return [fd for fd, _ in open_files(self._ours)]


def open_files(but: set[int]) -> list[tuple[int, str]]:
    """(fd, what it is) of this process, as /proc names it."""
    found = []
    for fd in _fds():
        try:
            link = os.readlink(f"/proc/self/fd/{fd}")
        except FileNotFoundError:  # the one that listed them
            continue
        if fd not in but:
            found.append((fd, link))
    return found


def _file(fd: int, link: str) -> str:
    if link.startswith(_GPU):
        return f"uses the GPU ({link})"
    if link.startswith("socket:"):
        return f"has an open socket{_peer(link)}"
    if link.startswith("pipe:"):
        return "has an open pipe"
    if link.startswith("anon_inode:"):
        return f"has an open {link.removeprefix('anon_inode:').strip('[]')}"
    if link.startswith("/memfd:"):
        return "shares memory with others (memfd)"
    kind = os.fstat(fd).st_mode
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind) or link in _HARMLESS_DEVICES):
        return f"has {link} open"
    if stat.S_ISREG(kind) and fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY:
        return f"has {link} open for writing"
    return ""


def _peer(link: str) -> str:
    """Who is at the other end, where the kernel tells: " (to 10.0.0.1:443)"."""
    inode = link.removeprefix("socket:[").rstrip("]")
    for line in _read("/proc/self/net/tcp").splitlines()[1:]:
        fields = line.split()
        if fields[9] == inode:
            address, port = fields[2].split(":")
            numbers = reversed(bytes.fromhex(address))
            return f" (to {'.'.join(map(str, numbers))}:{int(port, 16)})" if int(port, 16) else ""
    return ""


def _user() -> str:
    return "" if {*os.getresuid(), *os.getresgid()} == {0} else "is not root any more"


def _processes() -> str:
    """In a container there are its first process and this one."""
    mine = {1, os.getpid()}
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) not in mine:
            return f"has a process running ({_command(name)})"
    return ""


def _threads() -> str:
    """Libraries that end their own threads before a fork, as OpenBLAS does, are given the opportunity."""
    if _count_threads() > 1:
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
    deadline = time.monotonic() + _THREADS_END_MS_MAX / 1000
    while _count_threads() > 1 and time.monotonic() < deadline:
        time.sleep(0.005)
    count = _count_threads()
    return f"has {count} threads" if count > 1 else ""


def _timers() -> str:
    if any(signal.getitimer(timer)[0] for timer in _TIMERS):
        return "has set a timer"
    return "has set a timer" if _read("/proc/self/timers") else ""


def _memory() -> str:
    for line in _read("/proc/self/maps").splitlines():
        fields = line.split(maxsplit=5)
        path = fields[5] if len(fields) == 6 else ""
        if path.startswith(_GPU):
            return f"uses the GPU ({path})"
        if fields[1][1] == "w" and fields[1][3] == "s":
            return f"shares memory with others ({path or 'mmap'})"
    return ""


def _fds() -> list[int]:
    return [int(name) for name in os.listdir("/proc/self/fd")]


def _count_threads() -> int:
    return len(os.listdir("/proc/self/task"))


def _command(pid: str) -> str:
    return _read(f"/proc/{pid}/comm").strip() or pid


def _read(path: str) -> str:
    """ "" when there is no such file."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
