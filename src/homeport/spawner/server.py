"""The spawner's socket: one thread, one poll loop, one packet per request and per reply. Between requests it keeps ready
network namespaces in stock. Decides nothing about containers.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import sys

from . import subnet, wire
from .containers import Containers, RequestError
from .keeper import monotonic_ms
from .machine import Findings
from .network import Network
from .snapshots import Snapshots
from .templates import Templates

_BACKLOG = 64
_FDS_MAX = 4
_IDLE_MS = 20  # after the last request, before the stock is refilled
_BUSY_MS_MAX = 300  # when requests do not stop coming


class Server:
    def __init__(self, findings: Findings, socket_path: str) -> None:
        self._findings = findings
        self._path = socket_path
        self._network = Network(findings.host.tag, f"{findings.host.run}/network.json")
        self._network_problem = "not tried yet"
        self._clients: dict[int, socket.socket] = {}
        self._poller = select.poll()
        self._templates = Templates(findings.host, self._network, self._poller, findings.fork_problem)
        self._snapshots = Snapshots(findings.host, self._network, self._templates, self._poller)
        self._snapshots.problem = findings.snapshot_problem
        self._containers = Containers(findings.host, self._network, self._templates, self._snapshots)
        self._containers.gpus = findings.gpus
        self._wakeup = os.pipe()
        self._ending = False
        self._stocked = False
        self._refilled_at_ms = 0

    def run(self) -> None:
        """Until SIGTERM or a `shutdown` that was granted. Raises OSError when the socket cannot be opened."""
        self._ensure_network()
        listener = _listen(self._path)
        self._install_signals()
        self._poller.register(listener, select.POLLIN)
        self._poller.register(self._wakeup[0], select.POLLIN)
        while not self._ending:
            ready = [fd for fd, _ in self._poller.poll(None if self._stocked else _IDLE_MS)]
            if not ready or (not self._stocked and monotonic_ms() - self._refilled_at_ms > _BUSY_MS_MAX):
                self._refill()
            if self._wakeup[0] in ready:
                os.read(self._wakeup[0], 4096)
                self._containers.reap()
            if listener.fileno() in ready:
                self._accept(listener)
            for fd in ready:
                if fd in self._clients:
                    self._serve(fd)
                else:
                    self._templates.handle(fd)
                    self._snapshots.handle(fd)
                    self._stocked = False  # what is ready now, something else may have waited for

    def _install_signals(self) -> None:
        """Containers and shims go on whatever ends us; a terminal's Ctrl-C and hang-up are not for us."""
        for fd in self._wakeup:
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(self._wakeup[1], warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.signal(signal.SIGTERM, lambda number, frame: self._end())
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    def _end(self) -> None:
        self._ending = True

    def _ensure_network(self) -> None:
        try:
            self._network.ensure()
            self._network_problem = ""
        except OSError as error:
            self._network_problem = f"the containers' network cannot be set up: {error}"

    def _refill(self) -> None:
        self._refilled_at_ms = monotonic_ms()
        try:
            self._stocked = True
            if not self._network_problem:
                self._snapshots.work()
                more = self._templates.work()
                self._stocked = not (self._network.refill() or more)
        except OSError as error:
            self._stocked = True  # until the next start, which will meet the same error and report it
            print(f"homeport spawner: no network namespace could be made ready: {error}", file=sys.stderr, flush=True)

    def _accept(self, listener: socket.socket) -> None:
        try:
            client, _ = listener.accept()
        except OSError as error:  # it went away, or we have no file descriptor left
            print(f"homeport spawner: a client was not accepted: {error}", file=sys.stderr, flush=True)
            return
        client.setblocking(False)
        self._clients[client.fileno()] = client
        self._poller.register(client, select.POLLIN)

    def _serve(self, fd: int) -> None:
        client = self._clients[fd]
        try:
            data, fds, _, _ = socket.recv_fds(client, wire.MESSAGE_BYTES_MAX, _FDS_MAX)
        except BlockingIOError:
            return
        except OSError:
            data, fds = b"", []
        try:
            if data:
                client.send(wire.encode(self._answer(data, fds)))
            else:
                self._drop(fd)
        except OSError:  # it does not read its replies, or is gone
            self._drop(fd)
        finally:
            for received in fds:
                os.close(received)

    def _drop(self, fd: int) -> None:
        self._poller.unregister(fd)
        self._clients.pop(fd).close()

    def _answer(self, data: bytes, fds: list[int]) -> wire.Message:
        try:
            message = wire.decode(data)
            return {"ok": True, **self._do(message, fds)}
        except RequestError as error:
            return {"ok": False, "error": str(error), "step": error.step}
        except (OSError, ValueError) as error:
            return {"ok": False, "error": f"{error}", "step": ""}

    def _do(self, message: wire.Message, fds: list[int]) -> wire.Message:
        containers = self._containers
        match message.get("op"):
            case "hello":
                return self._hello()
            case "start":
                self._refuse_when_off()
                self._stocked = False
                return containers.start(message, fds)
            case "stop":
                return containers.stop(message)
            case "adopt":
                return containers.adopt(message)
            case "forget":
                return containers.forget(message)
            case "exec":
                return containers.exec(message, fds)
            case "usage":
                return containers.usage(message)
            case "usages":
                return containers.usages(message)
            case "snapshots":
                self._snapshots.drop([str(name) for name in message.get("drop", [])])
                return {"names": self._snapshots.names()}
            case "shutdown":
                return self._shutdown()
            case other:
                raise RequestError(f"there is no op {other!r}")

    def _hello(self) -> wire.Message:
        if self._network_problem:
            self._ensure_network()
        return {
            "pid": os.getpid(),
            "version": wire.VERSION,
            "instance": self._findings.host.tag,
            "backends": {
                "crun": self._problem(),
                "fork": self._templates.problem,
                "snapshot": self._snapshots.problem,
            },
            "templates": self._templates.seen(),
            "snapshots": self._snapshots.seen(),
            "gpus": [{"name": gpu.name, "model": gpu.model} for gpu in self._findings.gpus],
            "notes": {**self._findings.notes, "network": f"{self._network.network}/{subnet.PREFIX}"},
        }

    def _refuse_when_off(self) -> None:
        if self._network_problem:
            self._ensure_network()
        if self._problem():
            raise RequestError(self._problem(), "check this machine")

    def _problem(self) -> str:
        return self._findings.problem or self._network_problem

    def _shutdown(self) -> wire.Message:
        running = self._containers.running()
        if running:
            raise RequestError(f"{len(running)} containers run, {running[0]} among them: stop them first")
        self._snapshots.end()
        self._network.remove()
        shutil.rmtree(self._findings.host.memory, ignore_errors=True)
        for parent in self._findings.host.cgroup_parents():
            with contextlib.suppress(OSError):  # something else made a group in there
                os.rmdir(parent)
        self._ending = True
        return {}


def _listen(path: str) -> socket.socket:
    """Only root may connect; the name appears when it can be connected to."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    before = os.umask(0o177)
    try:
        wire.with_short_path(path, listener.bind)
    finally:
        os.umask(before)
    listener.listen(_BACKLOG)
    return listener
