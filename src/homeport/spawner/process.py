"""Who a process is: its pid together with its start time, which no later process of the same pid shares. And what a
forked one has to let go of.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from . import syscalls

_STATE, _START_TIME, _EXIT_CODE = 0, 19, 49  # proc_pid_stat(5), counted from the field after the name


class Stat(NamedTuple):
    state: str
    start: int  # clock ticks since boot
    exit_status: int  # a wait status; only of a zombie


def stat(pid: int) -> Stat | None:
    """None when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            text = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return Stat(fields[_STATE], int(fields[_START_TIME]), int(fields[_EXIT_CODE]))


def start_time(pid: int) -> int:
    """0 when there is no such process."""
    found = stat(pid)
    return found.start if found else 0


def catches(pid: int, number: int) -> bool:
    """Whether it has a handler for this signal. False when there is no such process."""
    return _in_mask(pid, "SigCgt:", number)


def ignores(pid: int, number: int) -> bool:
    """Whether it asked not to get this signal. False when there is no such process."""
    return _in_mask(pid, "SigIgn:", number)


def _in_mask(pid: int, name: str, number: int) -> bool:
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            mask = next((line for line in file if line.startswith(name)), f"{name} 0")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return bool(int(mask.split()[1], 16) >> (number - 1) & 1)


def rights(pid: int) -> tuple[int, ...]:
    """Its permitted, effective and bounding capabilities, NoNewPrivs and Seccomp.

    Empty when there is no such process.
    """
    wanted = {"CapPrm:": 16, "CapEff:": 16, "CapBnd:": 16, "NoNewPrivs:": 10, "Seccomp:": 10}
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            fields = [line.split() for line in file]
    except (FileNotFoundError, ProcessLookupError):
        return ()
    return tuple(int(field[1], wanted[field[0]]) for field in fields if field and field[0] in wanted)


def open_pidfd(pid: int, start: int) -> int | None:
    """A pidfd of exactly that process, also when it is a zombie; None when it is gone. The caller closes it."""
    if pid <= 0:
        return None
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    if start_time(pid) != start:
        os.close(pidfd)
        return None
    return pidfd


def is_running(pid: int, start: int) -> bool:
    """Neither gone nor a zombie."""
    found = stat(pid) if pid > 0 else None
    return found is not None and found.start == start and found.state not in "ZX"


def exit_status(pidfd: int, pid: int, start: int) -> int | None:
    """The wait status of an ended process that is not our child, from the kernel's memory of it or its zombie."""
    status = syscalls.pidfd_exit_status(pidfd)
    if status is not None:
        return status
    found = stat(pid)
    return found.exit_status if found and found.start == start and found.state == "Z" else None


def in_pid_namespace_of(pid: int) -> list[int]:
    """The processes that share its pid namespace, itself first; for where there is no cgroup to ask."""
    wanted = _namespace(pid)
    others = [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != pid]
    return [pid, *(other for other in others if wanted and _namespace(other) == wanted)]


def close_all_but(keep: list[int]) -> None:
    """In a forked child: nothing of the parent's stays open, no client, no lock, no other container's pipe, no terminal."""
    null = os.open("/dev/null", os.O_RDWR)
    for target in (0, 1, 2):
        os.dup2(null, target)
    first = 3
    for fd in sorted(keep):
        os.closerange(first, fd)
        first = fd + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))


def _namespace(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:  # it went away meanwhile
        return ""
