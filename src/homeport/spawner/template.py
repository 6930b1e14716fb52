"""A Python that was warmed up once, and whose forks become containers. Runs in the image's Python, with the rights of root
but with nothing of any user's in it: what it runs is the platform's own base image and our code.

    IMPORTING -> SERVING --control socket closed--> its children live on -> the last one ended -> end

It has no threads. It is the parent of its containers, and tells each one's shim how it ended. In idle moments it forks a few
ahead, which wait until they are given to a shim.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
from typing import Any

from . import isolate, preload, syscalls

CONTROL, HOME = 3, 4  # fds it is born with: its socket, and the pid namespace that it lives in
MESSAGE_BYTES_MAX = 1 << 17
PREPARED, READY, GO = b"prepared", b"ready", b"go"
_ORDER_FDS = 5
_SPARES, _IDLE_MS = 2, 30


class Template:
    def __init__(self) -> None:
        self._control = socket.socket(fileno=CONTROL)
        self._replies: dict[int, int] = {}  # by pid, the fd on which its shim hears of it
        self._spares: dict[int, int] = {}  # by pid, the fd of a socket to one that waits
        self._wakeup = os.pipe()
        self._poller = select.poll()

    def run(self) -> Child:
        """Serves until it is not needed any more, which ends the process. Returns in each child, already isolated."""
        for fd in self._wakeup:
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(self._wakeup[1], warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        self._poller.register(self._wakeup[0], select.POLLIN)
        self._poller.register(self._control, select.POLLIN)
        self._control.send(json.dumps({"names": preload.names(), "files": _files()}).encode())
        serving = True
        while serving or self._replies:
            want_more = serving and len(self._spares) < _SPARES
            ready = [fd for fd, _ in self._poller.poll(_IDLE_MS if want_more else None)]
            if self._wakeup[0] in ready:
                self._reap()
            if CONTROL in ready:
                data, fds, _, _ = socket.recv_fds(self._control, MESSAGE_BYTES_MAX, 1)
                if not data:
                    serving = False
                    self._poller.unregister(CONTROL)
                    self._end_spares()
                elif not self._give_spare(fds[0]) and self._fork(fds[0]) == 0:
                    self._control.detach()  # its number will be that of another file soon
                    return _become(fds[0])
            elif not ready and (waiting := self._fork_ahead()) is not None:
                self._control.detach()
                return _become(_be_given(waiting))
        os._exit(0)

    def _fork(self, reply: int) -> int:
        """0 in the child, which is the first process of a new pid namespace; -1 when there is none."""
        try:
            pid = _fork_first()
        except OSError as error:
            _tell(reply, f"error {error}".encode())
            os.close(reply)
            return -1
        if pid:
            self._keep(pid, reply)
        return pid

    def _keep(self, pid: int, reply: int) -> None:
        self._replies[pid] = reply
        _tell(reply, b"pid %d" % pid)

    def _fork_ahead(self) -> socket.socket | None:
        """In the child, on what it will be given its shim."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            pid = _fork_first()
        except OSError:  # then it is made when it is needed, or that fails with a word about it
            ours.close()
            theirs.close()
            return None
        if pid == 0:
            return theirs
        theirs.close()
        self._spares[pid] = ours.detach()
        return None

    def _give_spare(self, reply: int) -> bool:
        """False when there is none."""
        while self._spares:
            pid, fd = self._spares.popitem()
            with socket.socket(fileno=fd) as waiting, contextlib.suppress(OSError):  # that one is dead
                socket.send_fds(waiting, [GO], [reply])
                self._keep(pid, reply)
                return True
        return False

    def _end_spares(self) -> None:
        while self._spares:
            os.close(self._spares.popitem()[1])

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wakeup[0], 4096)
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid in self._spares:
                    os.close(self._spares.pop(pid))
                reply = self._replies.pop(pid, -1)
                if reply >= 0:
                    _tell(reply, b"status %d" % status)
                    os.close(reply)


class Child:
    """The first process of a container, ready to go."""

    def __init__(self, reply: int, control: int) -> None:
        self._reply = reply
        self.control = control  # the socket of one that is to be a memory snapshot (`snapsource`); else -1

    def wait_until_told(self) -> None:
        """The shim writes down who we are first. When it is gone, nobody would ever know of us."""
        _tell(self._reply, READY)
        if os.read(self._reply, 64) != GO:
            os._exit(1)
        os.close(self._reply)


def _fork_first() -> int:
    """As fork(2); the child is the first process of a new pid namespace. Raises OSError."""
    syscalls.unshare(syscalls.CLONE_NEWPID)
    try:
        pid = syscalls.bare_fork()  # it forks once more, into PID 1 and the worker
    except OSError:
        syscalls.setns(HOME, syscalls.CLONE_NEWPID)
        raise
    if pid:
        syscalls.setns(HOME, syscalls.CLONE_NEWPID)
    return pid


def _be_given(waiting: socket.socket) -> int:
    """What one that was forked ahead waits for: the fd of a shim. It ends when nobody needs it any more."""
    signal.set_wakeup_fd(-1)
    _close_all_but([waiting.fileno()])
    with waiting:
        data, fds, _, _ = socket.recv_fds(waiting, MESSAGE_BYTES_MAX, 1)
    if not data:
        os._exit(0)
    return fds[0]


def _become(reply: int) -> Child:
    """Carries out the orders that come by the socket of its shim, with fds: network and mount namespace, stdout, stderr,
    and a control socket if it is to be a memory snapshot.
    """
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _close_all_but([reply])
    with socket.socket(fileno=os.dup(reply)) as shim:
        data, fds, _, _ = socket.recv_fds(shim, MESSAGE_BYTES_MAX, _ORDER_FDS)
    if not data:
        os._exit(1)  # the shim is gone, or could not do its part
    request = json.loads(data)
    control = fds.pop() if len(fds) == _ORDER_FDS else -1
    try:
        _isolate(request["orders"], fds, reply)
        _close_all_but([reply, control] if control >= 0 else [reply])
        isolate.confine(request["orders"])
    except (OSError, KeyError, ValueError) as error:
        _tell(reply, f"error {error}".encode())
        os._exit(1)
    coerced = {name: value for name, value in os.environ.items() if name == "LC_CTYPE"}  # set by Python itself (PEP 538)
    os.environ.clear()
    os.environ.update({**coerced, **request["env"]})
    child = Child(reply, control)
    if request["trial"]:
        child.wait_until_told()
        os._exit(0)
    return child


def _isolate(orders: dict[str, Any], fds: list[int], reply: int) -> None:
    network, mounts, out, err = fds
    isolate.unfold(orders, mounts)
    if os.read(reply, 64) != PREPARED:  # meanwhile the shim made cgroups and files
        os._exit(1)
    isolate.isolate(orders, network)
    for target, source in enumerate((os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC), out, err)):
        os.dup2(source, target)


def _close_all_but(keep: list[int]) -> None:
    first = 3
    for fd in sorted(keep):
        os.closerange(first, fd)
        first = fd + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))


def _tell(reply: int, text: bytes) -> None:
    """A shim that is gone hears nothing, and a container that nobody keeps does not start (`Child`)."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        os.write(reply, text)


def _files() -> list[str]:
    """What must be the same in an image whose containers are to be forked from here."""
    modules = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    return sorted(str(name) for name in modules if name and not name.startswith("/opt/homeport/"))
