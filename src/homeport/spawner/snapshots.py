"""The memory snapshots of one spawner: one for each version of a Server that wants them. Made in an idle moment, by starting
a container of that version which stops before the methods that are not part of the snapshot.

    WANTED -> MAKING -> READY -> let go (its last container ends it) or dead
                \\--> broken, with a reason, until its version is over

It is a container like any other, with cgroups, log and shim, but in a directory of its own: only the spawner knows of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import sys
import time
from typing import Any

from . import cgroup, forkable, forked, private, process, removal, sweep
from .containerdir import ContainerDir
from .forkable import Unfit
from .host import Host
from .keeper import monotonic_ms
from .network import Network
from .origin import FORK, SNAPSHOT, Origin
from .shim import Shim, make_pipes
from .templatelaunch import Key
from .templates import NOT_YET, Templates

COUNT_MAX = 8
_MAKING_MS_MAX = 600_000
_ENDING_MS_MAX = 5_000
_MESSAGE_BYTES_MAX = 4096
_SPARE_MIB = 64


class _Snapshot:
    """One that is wanted or lives. `control` is -1 until it is being made."""

    def __init__(self, name: str, spec: dict[str, Any], basis: Key, directory: ContainerDir) -> None:
        self.name = name
        self.spec = spec
        self.basis = basis
        self.directory = directory
        self.control = -1
        self.shim_pid = 0
        self.begun_ms = 0
        self.ready = False
        self.lost = False  # it ended by itself


class Snapshots:
    """`problem` is why there are none on this machine."""

    def __init__(self, host: Host, net: Network, templates: Templates, poller: select.poll) -> None:
        self.problem = ""
        self._host = host
        self._network = net
        self._templates = templates
        self._poller = poller
        self._live: dict[str, _Snapshot] = {}  # by name; the one used last comes last
        self._leaving: dict[int, _Snapshot] = {}  # by pid of its shim
        self._broken: dict[str, str] = {}

    def choose(self, spec: dict[str, Any]) -> Origin:
        """For a container that is to be started now. Asks for a snapshot that there is not; never waits."""
        name = spec.get("snapshot", "")
        if not name or spec.get("backend") != "auto":
            return self._templates.choose(spec)
        try:
            found = self._ready(name, spec)
            reply = forked.ask(found.control, credentials=True)
        except (Unfit, OSError) as reason:
            origin = self._templates.choose(spec)
            notes = f"started without memory snapshot: {str(reason) or 'it is not possible here'}", origin.note
            return origin._replace(note="; ".join(note for note in notes if note))
        self._live[name] = self._live.pop(name)
        note = "started from its memory snapshot"
        return Origin(SNAPSHOT, reply, note, found.directory.init(), found.directory.file("scratch/upper"))

    def names(self) -> list[str]:
        """Those that live, are wanted or broken."""
        return [*self._live, *self._broken]

    def drop(self, names: list[str]) -> None:
        """Their versions are over. Idempotent."""
        for name in names:
            self._broken.pop(name, None)
            if name in self._live:
                self._let_go(self._live[name])

    def seen(self) -> list[dict[str, Any]]:
        """For people: those that live."""
        return [{"name": each.name, "pid": each.directory.init()[0], "ready": each.ready} for each in self._live.values()]

    def work(self) -> None:
        """Begins to make those that are wanted and can be made now. For idle moments."""
        for found in list(self._live.values()):
            if found.control < 0:
                try:
                    self._make(found)
                except (OSError, Unfit) as error:
                    self._fail(found, str(error))

    def handle(self, fd: int) -> None:
        """One of our fds is readable: what a snapshot says of itself, once, and then its end."""
        found = next((each for each in self._live.values() if each.control == fd), None)
        if found is None:
            return
        message = _message(fd)
        if message.get("ready") is True:
            found.ready = True
        elif "unfit" in message:
            self._fail(found, f"after its enter(snap=True) methods it {message['unfit']}")
        else:
            found.lost = True
            self._let_go(found)

    def ended(self, pid: int) -> None:
        """A child of the spawner was reaped. What a failed one said is in its log until then."""
        known = [*self._live.values(), *self._leaving.values()]
        found = next((each for each in known if each.shim_pid == pid), None)
        if found is None:
            return
        if found.control >= 0 and _readable(found.control):
            self.handle(found.control)  # what it said before it ended
        lost = found.lost or self._live.get(found.name) is found
        if lost and not found.ready and found.name not in self._broken:
            self._fail(found, f"it could not be made: {_last_words(found.directory)}")
        self._let_go(found)
        self._leaving.pop(pid, None)
        os.makedirs(self._host.trash, 0o700, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.rename(found.directory.path, f"{self._host.trash}/{found.directory.id}")
        sweep.empty_trash(self._host)

    def end(self) -> None:
        """All of them, when no container runs; waits until their shims have cleaned up. One that does not end is killed."""
        for found in list(self._live.values()):
            self._let_go(found)
        deadline = monotonic_ms() + _ENDING_MS_MAX
        for pid, found in self._leaving.items():
            pidfd = process.open_pidfd(pid, process.start_time(pid))
            if pidfd is not None:
                poller = select.poll()
                poller.register(pidfd, select.POLLIN)
                if not poller.poll(max(0, deadline - monotonic_ms())):
                    cgroup.kill_all(self._host.cgroups(found.directory.id))
                    poller.poll(_ENDING_MS_MAX)
                os.close(pidfd)
        removal.remove(self._host.snapshots)

    def _ready(self, name: str, spec: dict[str, Any]) -> _Snapshot:
        if self.problem:
            raise Unfit(self.problem)
        if name in self._broken:
            raise Unfit(self._broken[name])
        basis = forkable.key(spec)
        found = self._live.get(name)
        if found is not None and found.basis != basis:  # made under an older release of ours
            self._let_go(found)
            found = None
        if found is None:
            self._want(name, spec, basis)
            raise Unfit("it is being made")
        if not found.ready:
            if found.begun_ms and monotonic_ms() - found.begun_ms > _MAKING_MS_MAX:
                cgroup.kill_all(self._host.cgroups(found.directory.id))
                self._fail(found, f"it was not ready within {_MAKING_MS_MAX // 1000} s")
            raise Unfit(self._broken.get(name, "it is still being made"))
        return found

    def _want(self, name: str, spec: dict[str, Any], basis: Key) -> None:
        """From the container that starts now it has all but its name; what is secret of it is in memory only, here too."""
        while len(self._live) >= COUNT_MAX:
            self._let_go(next(iter(self._live.values())))
        directory = ContainerDir(self._host.snapshots, f"snapshot-{time.monotonic_ns()}")
        private.put(self._host.private, directory.id, private.env(self._host.private, spec["id"]))
        mine = {"id": directory.id, "log_path": directory.file("log"), "stop_after_ms": 0, "snapshot": ""}
        self._live[name] = _Snapshot(name, {**spec, **mine}, basis, directory)

    def _make(self, found: _Snapshot) -> None:
        """Raises OSError; Unfit where it can't be made of a template."""
        free = _available_mib()
        if free < found.spec["memory_mib"] + _SPARE_MIB:
            raise Unfit(f"the machine has only {free} MiB of memory left for it")
        origin = self._templates.choose(found.spec)
        if NOT_YET in origin.note:
            return
        if origin.backend != FORK:
            raise Unfit(origin.note)
        with contextlib.ExitStack() as mine:  # all of this goes to the shim
            mine.callback(os.close, origin.reply)
            directory = found.directory
            os.makedirs(directory.path, 0o700)
            directory.write("spec.json", found.spec)
            lock = directory.lock()
            assert lock is not None, "nobody knows of this directory"
            mine.callback(os.close, lock)
            lease = self._network.take()
            mine.callback(os.close, lease.netns)
            pipes = make_pipes()
            for fd in pipes:
                mine.callback(os.close, fd)
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            mine.callback(theirs.close)
            found.shim_pid = Shim(self._host, directory, found.spec, lock, pipes).fork_start(lease, origin, theirs.fileno())
        found.control, found.begun_ms = ours.detach(), monotonic_ms()
        self._poller.register(found.control, select.POLLIN)

    def _fail(self, found: _Snapshot, problem: str) -> None:
        """It is not tried again for this version."""
        self._broken[found.name] = " ".join(problem.split())
        print(f"homeport spawner: no memory snapshot {found.name}: {problem}", file=sys.stderr, flush=True)
        self._let_go(found)

    def _let_go(self, found: _Snapshot) -> None:
        """It ends with its last container. Idempotent."""
        if self._live.get(found.name) is found:
            del self._live[found.name]
        if found.control >= 0:
            self._poller.unregister(found.control)
            os.close(found.control)
            found.control = -1
        if found.shim_pid:
            self._leaving[found.shim_pid] = found
        else:
            private.remove(self._host.private, found.directory.id)


def _message(fd: int) -> dict[str, Any]:
    """Empty at its end, and for what is none: its sender is the user's process, whatever it says."""
    try:
        said = json.loads(os.read(fd, _MESSAGE_BYTES_MAX))
    except (OSError, ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _readable(fd: int) -> bool:
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    return bool(poller.poll(0))


def _last_words(directory: ContainerDir) -> str:
    """The end of what it wrote to stderr, else why it was not started."""
    said = ""
    with contextlib.suppress(OSError), open(directory.file("log"), encoding="utf-8", errors="replace") as file:
        for line in file:
            _, letter, text = line.rstrip("\n").split(" ", 2)
            said = text if letter in "es" and text.strip() else said
    return said or str((directory.ending() or {}).get("error", "")) or "it ended"


def _available_mib() -> int:
    with open("/proc/meminfo", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("MemAvailable:")) >> 10
