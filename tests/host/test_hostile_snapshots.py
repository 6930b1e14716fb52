"""What the platform does beside a process that is the user's: what that one must not see, keep or stop."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from homeport.spawner import cgroup, joined, nsexec, process, rights, syscalls

pytestmark = pytest.mark.host

PR_GET_DUMPABLE = 3


def in_child(act: Callable[[], bytes]) -> bytes:
    """What `act` gives in a process of its own."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(write, act())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as file:
        said = file.read()
    os.waitpid(pid, 0)
    return said


def dumpable() -> int:
    return ctypes.CDLL(None).prctl(PR_GET_DUMPABLE, 0, 0, 0, 0)


def test_who_sees_a_program_begin_cannot_look_into_it(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    monkeypatch.setattr(syscalls, "setns", lambda fd, kind: None)
    monkeypatch.setattr(cgroup, "enter", lambda cgroups: None)
    monkeypatch.setattr(rights, "limit", lambda limits: os.write(1, b"%d" % dumpable()))
    program = nsexec.Program(["/bin/echo", " then"], {}, "/", {"machine": os.uname().machine}, (write, write, write))
    in_child(lambda: b"%d" % nsexec.run(-1, [], program))
    os.close(write)
    with os.fdopen(read) as file:
        assert file.read() == "0 then\n"


def test_nor_into_what_makes_its_files(monkeypatch: pytest.MonkeyPatch) -> None:
    def look(pidfd: int, orders: dict[str, Any]) -> None:
        raise OSError(f"dumpable {dumpable()}")

    monkeypatch.setattr(syscalls, "setns", lambda fd, kind: None)
    monkeypatch.setattr(joined, "_mount_all", look)
    with pytest.raises(OSError, match="dumpable 0"):
        joined._furnish(-1, {}, time.monotonic() + 20)


def test_one_that_stops_what_makes_its_files_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syscalls, "setns", lambda fd, kind: None)
    monkeypatch.setattr(joined, "_mount_all", lambda pidfd, orders: os.kill(os.getpid(), signal.SIGSTOP))
    before = children()
    with pytest.raises(OSError, match="its files were not there in time"):
        joined._furnish(-1, {}, time.monotonic() + 0.05)
    assert children() <= before, "it was killed, and reaped"


def children() -> set[str]:
    """Pids, zombies too. Other tests of this process may have left some."""
    return set(Path("/proc/thread-self/children").read_text().split())


def in_a_network_of_its_own(keep: Callable[[], object]) -> tuple[int, int]:
    """A process there that has kept something: its pid, and the inode of the network namespace."""
    ready, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        syscalls.unshare(syscalls.CLONE_NEWNET)
        kept = keep()
        os.write(told, b"x")
        signal.pause()
        os._exit(int(kept is None))
    os.read(ready, 1)
    return pid, os.stat(f"/proc/{pid}/ns/net").st_ino


@pytest.mark.parametrize(
    ("kind", "keep"),
    [
        ("", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)),
        ("packet", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))),
        ("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)),
    ],
)
def test_a_socket_with_which_one_could_be_another_is_found(kind: str, keep: Callable[[], object]) -> None:
    pid, network = in_a_network_of_its_own(keep)
    try:
        with pytest.raises(OSError, match=f"kept a {kind} socket" if kind else "in another network"):
            joined._check_sockets(pid, network if kind else 1)
        if not kind:
            joined._check_sockets(pid, network)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_a_second_thread_could_have_kept_all_rights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "rights", lambda pid: (0, 0, 0, 1, 2))
    monkeypatch.setattr(os, "listdir", lambda path: ["7", "8"])
    with pytest.raises(OSError, match="has not given its rights up"):
        joined._check_rights(7, 0, [])
    monkeypatch.setattr(os, "listdir", lambda path: ["7"])
    joined._check_rights(7, 0, [])
