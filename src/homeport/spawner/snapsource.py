"""The process that a memory snapshot is: a container whose enter(snap=True) methods are done, and that then only forks.
Runs inside that container, with a container's rights, in the image's Python. Each fork becomes a container of its own.

    user's code -> GATE --unfit--> end
                     \\--> SERVING --control socket closed--> its children live on -> the last one ended -> end

    a fork: "here" -> moved into its cgroups, "go" -> new namespaces, its first process: "born" -> files, network, then the
    request -> gives all rights up: "ready" -> "go" -> the user's code goes on

It has no rights to make a container; the platform makes one around it (`joined`), and believes none of these words.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import socket
from typing import Any, NamedTuple

from . import renew, rights, seccomp, snapgate, syscalls

MESSAGE_BYTES_MAX = 1 << 20
HERE, BORN, READY, GO = b"here", b"born", b"ready", b"go"


class _Growing(NamedTuple):
    """A fork that is on its way to be a container: the read end on which it tells the pid of its first process."""

    pid: int
    reply: socket.socket


class Source:
    """`begin` is called before any code of the user, `keep` when the state is complete; it returns in each container."""

    def __init__(self, control: int) -> None:
        os.set_inheritable(control, False)
        self._control = control
        self._gate: snapgate.Gate | None = None
        self._env: dict[str, str] = {}
        self._poller = select.poll()
        self._growing: dict[int, _Growing] = {}  # by fd
        self._running: dict[int, tuple[int, socket.socket]] = {}  # by pidfd: (pid, its shim)

    def begin(self) -> None:
        self._gate = snapgate.Gate()
        self._env = dict(os.environ)

    def keep(self, wake_fd: int, problem: str = "") -> None:
        """`problem` is one that only the caller knows of. Returns as the first process of a new container."""
        gate = self._gate or snapgate.Gate()
        control = socket.socket(fileno=self._control)
        problem = problem or gate.problem()
        if problem:
            control.send(json.dumps({"unfit": problem}).encode())
            os._exit(0)
        files, folder = gate.files(), os.getcwd()
        gc.collect()
        gc.freeze()  # its pages stay shared with all children
        syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
        control.send(json.dumps({"ready": True}).encode())
        self._poller.register(control, select.POLLIN)
        self._poller.register(wake_fd, select.POLLIN)
        reply = self._serve(control, wake_fd)
        control.close()
        os.close(wake_fd)
        request = _become(reply, files, folder)
        renew.environment(self._env, request["env"])
        renew.modules()
        _await_go(reply)

    def _serve(self, control: socket.socket, wake_fd: int) -> socket.socket:
        """Until nobody needs it any more, which ends the process. Returns in each fork, with the way to its shim."""
        serving = True
        while serving or self._growing or self._running:
            ready = [fd for fd, _ in self._poller.poll()]
            if wake_fd in ready:
                os._exit(0)  # told to stop
            for fd in ready:
                if fd in self._growing:
                    self._grown(fd)
                elif fd in self._running:
                    self._ended(fd)
            if control.fileno() in ready:
                data, fds, _, _ = socket.recv_fds(control, MESSAGE_BYTES_MAX, 1)
                if not data:
                    serving = False
                    self._poller.unregister(control)
                elif (reply := self._fork(socket.socket(fileno=fds[0]))) is not None:
                    return reply
        os._exit(0)

    def _fork(self, reply: socket.socket) -> socket.socket | None:
        """Returns the way to the shim in the process that becomes a container."""
        read, write = os.pipe()
        try:
            pid = os.fork()
        except OSError as error:
            _tell(reply, f"error {error}")
            reply.close()
            os.close(read)
            os.close(write)
            return None
        if pid:
            os.close(write)
            self._growing[read] = _Growing(pid, reply)
            self._poller.register(read, select.POLLIN)
            return None
        try:
            os.close(read)
            self._forget_siblings()
            _leave(reply)
            first = os.fork()
            if first == 0:
                os.close(write)
                return reply
            os.write(write, b"%d" % first)
        except OSError as error:
            _tell(reply, f"error {error}")
        os._exit(0)

    def _forget_siblings(self) -> None:
        for fd, growing in self._growing.items():
            os.close(fd)
            growing.reply.close()
        for fd, (_, shim) in self._running.items():
            os.close(fd)
            shim.close()

    def _grown(self, fd: int) -> None:
        """The process between is done: its child, the first of a container, is ours now."""
        growing = self._growing.pop(fd)
        self._poller.unregister(fd)
        told = os.read(fd, 64)
        os.close(fd)
        os.waitpid(growing.pid, 0)
        try:
            pidfd = os.pidfd_open(int(told))
        except (OSError, ValueError):  # it never came to that, and has said why
            growing.reply.close()
            return
        self._running[pidfd] = int(told), growing.reply
        self._poller.register(pidfd, select.POLLIN)

    def _ended(self, pidfd: int) -> None:
        pid, shim = self._running.pop(pidfd)
        self._poller.unregister(pidfd)
        os.close(pidfd)
        _, status = os.waitpid(pid, 0)
        _tell(shim, f"status {status}")
        shim.close()


def _leave(reply: socket.socket) -> None:
    """Out of all namespaces, once the shim has put it into the container's cgroups."""
    reply.send(HERE)
    if reply.recv(64) != GO:
        os._exit(1)
    syscalls.unshare(seccomp.SNAPSHOT_FLAGS)


def _become(reply: socket.socket, files: list[int], folder: str) -> dict[str, Any]:
    """The first process of a container, around which the shim now makes the rest. `files`: what the user's code has open;
    `folder`: where it was. Returns the shim's request.
    """
    reply.send(BORN)
    data, fds, _, _ = socket.recv_fds(reply, MESSAGE_BYTES_MAX, 2)
    if not data:
        os._exit(1)  # the shim is gone, or could not do its part
    request: dict[str, Any] = json.loads(data)
    try:
        for target, source in zip((1, 2), fds, strict=True):
            os.dup2(source, target)
            os.close(source)
        os.setsid()
        os.chdir("/")
        renew.files(files)
        with contextlib.suppress(OSError):  # it was in a folder that only that container had
            os.chdir(folder)
        rights.limit(request["rights"])
        syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1)  # as for any process; new rights had made it a secret
    except (OSError, KeyError, ValueError) as error:
        _tell(reply, f"error {error}")
        os._exit(1)
    return request


def _await_go(reply: socket.socket) -> None:
    _tell(reply, READY.decode())
    if reply.recv(64) != GO:  # nobody would ever know of us
        os._exit(1)
    reply.close()


def _tell(reply: socket.socket, text: str) -> None:
    with contextlib.suppress(OSError):  # a shim that is gone hears nothing
        reply.send(text.encode())
