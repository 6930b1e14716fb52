"""The platform's side of a process that leaves a memory snapshot and becomes a container. The counterpart of `snapsource`,
which runs the user's code: nothing that it says is believed, all is looked up.

    "here" -> into the container's cgroups, "go" -> it has new namespaces and a user namespace; "born" is its first process
    -> ids mapped, files made in a mount namespace of ours and put in place as a whole, network connected -> request
    -> "ready": it has to have given up its rights -> pid written down -> "go" -> ... "status N"
"""

from __future__ import annotations

import contextlib
import errno
import gc
import json
import os
import re
import select
import signal
import socket
import struct
import time
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from . import cgroup, isolate, overlay, process, snapsource, syscalls
from .network import Wiring

_ANSWER_MS_MAX = 10_000
_STATUS_MS_MAX = 1_000
_REAPING_S_MAX = 2
_WORDS_BYTES_MAX = 1024
_USER_NAMESPACES = "/proc/sys/user/max_user_namespaces"  # of the user namespace that looks
_WHOLE_RANGE = "0 0 4294967295"  # ids are the same inside and outside, as in containers without a user namespace
_PLACE = "/run"  # a mount point in every container: nothing in there can have put a link in its place
_NAMESPACES = (syscalls.CLONE_NEWIPC, syscalls.CLONE_NEWUTS, syscalls.CLONE_NEWNET, syscalls.CLONE_NEWPID)
_STATUS = re.compile("[0-9]{1,5}")
_CREDENTIALS = struct.Struct("=iII")  # struct ucred


class Room(NamedTuple):
    """What is made around the process. `orders` and `env` as for a template's (`orders`); `output`: stdout and stderr."""

    orders: dict[str, Any]
    env: dict[str, str]
    wiring: Wiring
    output: tuple[int, int]


class Joined:
    """`reply` is an fd from `forked.ask` with credentials."""

    def __init__(self, reply: int, room: Callable[[], Room]) -> None:
        self._socket = socket.socket(fileno=reply)
        self._make_room = room

    def begin(self, note_pid: Callable[[int], None]) -> None:
        """Now that cgroups and files are there. `note_pid` is called before the process may go.

        Raises OSError with what went wrong; TimeoutError when nobody answers.
        """
        room = self._make_room()
        deadline = time.monotonic() + _ANSWER_MS_MAX / 1000
        between = self._next(deadline, snapsource.HERE)
        for directory in room.orders["cgroups"]:
            cgroup.put(directory, between)
        self._socket.send(snapsource.GO)
        pid = self._next(deadline, snapsource.BORN)
        pidfd = os.pidfd_open(pid)
        try:
            _check_place(pid, room.orders["cgroups"])
            for name in ("uid_map", "gid_map"):
                cgroup.write(f"/proc/{pid}/{name}", _WHOLE_RANGE)
            netns = room.wiring.connect(pidfd)
            network = os.fstat(netns).st_ino
            try:
                _furnish(pidfd, room.orders, deadline)
            finally:
                os.close(netns)
        finally:
            os.close(pidfd)
        limits = room.orders["rights"]
        request = {"rights": limits, "env": room.env}
        socket.send_fds(self._socket, [json.dumps(request).encode()], room.output)
        if self._next(deadline, snapsource.READY) != pid:
            raise OSError("another process answered")
        _check_rights(pid, limits["capabilities"], room.orders["cgroups"])
        _check_sockets(pid, network)
        note_pid(pid)
        self._socket.send(snapsource.GO)

    def status(self) -> int | None:
        """The wait status, once the process ended; None when the snapshot died before it."""
        try:
            said, _ = self._receive(time.monotonic() + _STATUS_MS_MAX / 1000)
        except OSError:
            return None
        word, _, rest = said.partition(" ")
        status = int(rest) if word == "status" and _STATUS.fullmatch(rest) else -1
        return status if status >= 0 and (os.WIFEXITED(status) or os.WIFSIGNALED(status)) else None

    def give_up(self) -> None:
        """A process that was not let go yet ends by this."""
        self._socket.close()

    def _next(self, deadline: float, expected: bytes) -> int:
        """The pid of the process that says it."""
        said, pid = self._receive(deadline)
        if said != expected.decode():
            raise OSError(said.removeprefix("error "))
        return pid

    def _receive(self, deadline: float) -> tuple[str, int]:
        poller = select.poll()
        poller.register(self._socket, select.POLLIN)
        if not poller.poll(max(0, deadline - time.monotonic()) * 1000):
            raise TimeoutError("it does not answer")
        said, ancillary, _, _ = self._socket.recvmsg(4096, socket.CMSG_SPACE(_CREDENTIALS.size))
        if not said:
            raise OSError("it ended")
        pids = [_CREDENTIALS.unpack(data)[0] for _, kind, data in ancillary if kind == socket.SCM_CREDENTIALS]
        return said.decode(errors="replace"), pids[0] if pids else 0


def _check_place(pid: int, cgroups: list[str]) -> None:
    """It is in the container's cgroups, so it is the process that was put there, or a child of it."""
    if cgroups and pid not in cgroup.members(cgroups):
        raise OSError(errno.ESRCH, "its process is not where it was put")


def _check_rights(pid: int, capabilities: int, cgroups: list[str]) -> None:
    """It is alone and has given up what the user namespace gave it: from here on it is a container like any other."""
    alone = (not cgroups or cgroup.members(cgroups) == [pid]) and os.listdir(f"/proc/{pid}/task") == [str(pid)]
    if process.rights(pid) != (capabilities,) * 3 + (1, 2) or not alone:  # no_new_privs, and a filter
        raise OSError(errno.EPERM, "its process has not given its rights up")


def _check_sockets(pid: int, network: int) -> None:
    """None that was opened with those rights is left in its network namespace (by inode) for it to be somebody else with."""
    for kind in ("packet", "raw", "raw6"):
        with contextlib.suppress(FileNotFoundError), open(f"/proc/{pid}/net/{kind}", encoding="ascii") as file:
            if len(file.readlines()) > 1:
                raise OSError(errno.EPERM, f"it has kept a {kind} socket")
    if os.stat(f"/proc/{pid}/ns/net").st_ino != network:
        raise OSError(errno.EPERM, "its process is in another network than its own")


def _furnish(pidfd: int, orders: dict[str, Any], deadline: float) -> None:
    """Makes all its files in a mount namespace where no process of the user is, and puts them in place as one."""
    _in_child(lambda: _enter_and_furnish(pidfd, orders, deadline), deadline + _REAPING_S_MAX)


def _enter_and_furnish(pidfd: int, orders: dict[str, Any], deadline: float) -> None:
    for kind in _NAMESPACES:  # the namespace of pids is entered by children only
        syscalls.setns(pidfd, kind)
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)  # so the user's processes, who will see the child, can't look into it
    _in_child(lambda: _mount_all(pidfd, orders), deadline)
    syscalls.setns(pidfd, syscalls.CLONE_NEWUSER)
    cgroup.write(_USER_NAMESPACES, "0")  # which no process in there can change: it sees /proc/sys read-only


def _mount_all(pidfd: int, orders: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # the next process in there gets our number, as if we had not been
        cgroup.write("/proc/sys/kernel/ns_last_pid", str(os.getpid() - 1))
    syscalls.sethostname(orders["hostname"])
    overlay.private_mounts("")
    syscalls.mount("", "/", "", syscalls.MS_REC | syscalls.MS_PRIVATE)
    image = orders["image"]
    overlay.mount(image["layers"], image["scratch"], orders["rootfs"], in_memory=False)
    isolate.furnish(orders)
    files = syscalls.open_tree("/")
    syscalls.setns(pidfd, syscalls.CLONE_NEWNS)
    syscalls.move_mount(files, _PLACE)
    syscalls.pivot_root(_PLACE)  # of all processes in there


def _in_child(act: Callable[[], None], deadline: float) -> None:
    """A process of its own, because it goes where there is no way back from, and where others may stop it.

    Raises OSError with what went wrong; TimeoutError.
    """
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        _act(act, write)
    os.close(write)
    poller = select.poll()
    poller.register(read, select.POLLIN)
    in_time = poller.poll(max(0, deadline - time.monotonic()) * 1000)
    said = os.read(read, _WORDS_BYTES_MAX) if in_time else b""
    os.close(read)
    if not in_time:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if not in_time:
        raise TimeoutError("its files were not there in time")
    if status:
        raise OSError(said.decode(errors="replace") or "its files could not be mounted")


def _act(act: Callable[[], None], write: int) -> NoReturn:
    gc.disable()
    code = 1
    try:
        act()
        code = 0
    except OSError as error:
        os.write(write, str(error).encode()[:_WORDS_BYTES_MAX])
    finally:
        os._exit(code)
