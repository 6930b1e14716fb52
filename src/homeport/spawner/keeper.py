"""Keeps one running container: carries its output to the log, stops it when asked, sees its end. Runs in a shim.

running --SIGTERM to the shim--> stopping --deadline--> killed
   \\------------ its first process ends -----------------> ended
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from . import cgroup, process
from .containerdir import ContainerDir
from .logpipe import LineSplitter, LogFile, now_ms

_READ_BYTES = 1 << 16
_SIGNAL_ROUNDS_MAX = 5
_EARLY_MS, _INSIST_MS = 2_000, 10  # how long and how often a first process may still be setting up its handlers
_DEAF_MS = 100  # how often it is asked later on
_OOM_RECENT_MS = 10_000  # one that was killed for its memory may take a while to end, on a slow machine
_CHILD_KILLED = 128 + signal.SIGKILL  # how the first process says that its child, which is the user's, was killed


class Init(NamedTuple):
    """A container's first process. `status` is called once it ended: its wait status, or None when nobody can know."""

    pid: int
    pidfd: int
    status: Callable[[], int | None]


class Keeper:
    def __init__(self, directory: ContainerDir, spec: dict[str, Any], cgroups: list[str], log: LogFile) -> None:
        self._directory = directory
        self._spec = spec
        self._cgroups = cgroups
        self._log = log
        self._streams: dict[int, LineSplitter] = {}
        self._poller = select.poll()
        self._oom_seen = cgroup.oom_kills(cgroups)
        self._oom_at_ms = 0
        self._kill_at_ms = 0
        self._stop_at_ms = 0
        self._insist_at_ms = 0
        self._company_at_ms = 0  # when its first process was last seen with others, after a stop
        self._killed = False

    def add_stream(self, fd: int, letter: bytes) -> None:
        """A read end of the container's output; closed at its end."""
        os.set_blocking(fd, False)
        self._streams[fd] = LineSplitter(letter)
        self._poller.register(fd, select.POLLIN)

    def run(self, init: Init, wakeup: int) -> dict[str, Any]:
        """Until it ended; returns what exit.json says. `wakeup` is an fd that gives the number of each signal as a byte."""
        self._poller.register(init.pidfd, select.POLLIN)
        self._poller.register(wakeup, select.POLLIN)
        oom = cgroup.watch_oom(self._cgroups)
        if oom:
            self._poller.register(oom.fd, oom.events)
        if self._directory.stop_deadline_ms() is not None:
            self._stop(init)
        while True:
            ready = [fd for fd, _ in self._poller.poll(self._timeout_ms())]
            for fd in ready:
                if fd in self._streams:
                    self._read(fd)
            signals = os.read(wakeup, 64) if wakeup in ready else b""
            if signal.SIGTERM in signals:
                self._stop(init)
            if signal.SIGCHLD in signals:
                _reap_others(init.pid)
            if oom and oom.fd in ready:
                oom.clear()
                self._note_oom()
            if init.pidfd in ready:
                return self._end(init)
            if self._insist_at_ms and monotonic_ms() >= self._insist_at_ms:
                self._tell_init(init)
            self._kill_if_due(init)

    def _timeout_ms(self) -> int | None:
        if not self._kill_at_ms or self._killed:
            return None
        return max(0, min(self._kill_at_ms, self._insist_at_ms or self._kill_at_ms) - monotonic_ms())

    def _read(self, fd: int) -> bool:
        """False when there is nothing more now."""
        try:
            data = os.read(fd, _READ_BYTES)
        except BlockingIOError:
            return False
        if data:
            self._log.write(self._streams[fd].feed(data, now_ms()))
            return True
        self._close(fd)
        return False

    def _close(self, fd: int) -> None:
        self._log.write(self._streams.pop(fd).finish(now_ms()))
        self._poller.unregister(fd)
        os.close(fd)

    def _stop(self, init: Init) -> None:
        """SIGTERM once, to all its processes; a later call can only bring SIGKILL nearer."""
        deadline = self._directory.stop_deadline_ms()
        if deadline is None:
            deadline = self._kill_at_ms or monotonic_ms() + int(self._spec["stop_after_ms"])
        self._kill_at_ms = max(1, min(deadline, self._kill_at_ms or deadline))
        if self._stop_at_ms or self._kill_at_ms <= monotonic_ms():
            return
        self._stop_at_ms = monotonic_ms()
        if not self._tell_init(init):
            self._tell_all(init)

    def _tell_init(self, init: Init) -> bool:
        """A first process that handles SIGTERM passes it on by itself (our guest does): it alone is told, and once.

        One that has no handler yet is asked about again for a while, because the kernel drops what it is sent until then.
        """
        if not process.catches(init.pid, signal.SIGTERM):
            early = monotonic_ms() - self._stop_at_ms < _EARLY_MS
            self._insist_at_ms = monotonic_ms() + (_INSIST_MS if early else _DEAF_MS)
            if not early:
                self._end_deaf(init)
            return False
        self._insist_at_ms = 0
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(init.pidfd, signal.SIGTERM)
        return True

    def _end_deaf(self, init: Init) -> None:
        """SIGTERM ends a process that has no handler for it; only for the first one of a pid namespace the kernel drops it.

        So it is ended here, as it would have been anywhere else, once all that it started is gone for a while: then a shell
        goes on with its next line.
        """
        if self._members(init) != [init.pid]:
            self._company_at_ms = monotonic_ms()
        elif monotonic_ms() - self._company_at_ms >= _EARLY_MS and not process.ignores(init.pid, signal.SIGTERM):
            self._killed = True
            self._log.say("ended: its first process has no handler for SIGTERM")
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(init.pidfd, signal.SIGKILL)

    def _tell_all(self, init: Init) -> None:
        done: set[int] = set()
        for _ in range(_SIGNAL_ROUNDS_MAX):
            new = [pid for pid in self._members(init) if pid not in done]
            if not new:
                return
            done.update(new)
            for pid in new:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)

    def _members(self, init: Init) -> list[int]:
        """Its first process first, so that a supervisor in there knows of the stop before its children die."""
        pids = cgroup.members(self._cgroups) or process.in_pid_namespace_of(init.pid)
        return sorted(pids, key=lambda pid: pid != init.pid)

    def _kill_if_due(self, init: Init) -> None:
        if self._killed or not self._kill_at_ms or monotonic_ms() < self._kill_at_ms:
            return
        self._killed = True
        if self._stop_at_ms:
            self._log.say(f"killed: it still ran {monotonic_ms() - self._stop_at_ms} ms after SIGTERM")
        with contextlib.suppress(ProcessLookupError):  # its pid namespace dies with it
            signal.pidfd_send_signal(init.pidfd, signal.SIGKILL)

    def _note_oom(self) -> None:
        count = cgroup.oom_kills(self._cgroups)
        if count > self._oom_seen:
            limit = self._spec["memory_limit_mib"]
            named = f" at its limit of {limit} MiB" if limit else ""
            self._log.say(f"out of memory{named}: the kernel killed {count - self._oom_seen} of its processes")
            self._oom_seen, self._oom_at_ms = count, monotonic_ms()

    def _end(self, init: Init) -> dict[str, Any]:
        self._note_oom()
        status = init.status()
        for fd in list(self._streams):
            while self._read(fd):
                pass
            if fd in self._streams:
                self._close(fd)
        code = None if status is None else os.waitstatus_to_exitcode(status)
        killed_by = -code if code is not None and code < 0 else None
        recent = bool(self._oom_at_ms) and monotonic_ms() - self._oom_at_ms < _OOM_RECENT_MS
        return {
            "exit_code": code if code is not None and code >= 0 else None,
            "signal": killed_by,
            "oom": (killed_by == signal.SIGKILL or code == _CHILD_KILLED) and recent and not self._killed,
        }


def _reap_others(init_pid: int) -> None:
    """Helpers of crun that came to us as their subreaper; as zombies they would count against the container's pids.max."""
    with contextlib.suppress(ChildProcessError):
        while True:
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if found is None or found.si_pid == init_pid:
                return
            os.waitpid(found.si_pid, 0)


def monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000
