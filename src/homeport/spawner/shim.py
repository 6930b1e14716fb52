"""The process beside each container: starts it (or takes over one that lost its shim), keeps it, writes its end, cleans up.

Forked from the spawner, so that it costs a fork and no start of Python; it outlives the spawner. It stays out of the
container's cgroups: what it uses is not the container's, and no container's lack of memory may take it.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import os
import signal
import stat
import time
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from . import cgroup, process, start, syscalls
from .containerdir import ContainerDir
from .host import Host
from .keeper import Init, Keeper
from .logpipe import STDERR, STDOUT, LogFile, now_ms
from .network import Lease
from .origin import Origin
from .steps import StepError

_STATUS_MS_MAX = 1_000
_PIPE_BYTES = 1 << 20


class Pipes(NamedTuple):
    """The read ends of stdout and stderr, and the write ends while nobody has them yet; -1 for one that is missing."""

    out: int
    err: int
    out_write: int = -1
    err_write: int = -1


class Shim(NamedTuple):
    """What a shim is born with. `lock` is an fd that holds the directory's lock."""

    host: Host
    directory: ContainerDir
    spec: dict[str, Any]
    lock: int
    pipes: Pipes

    def fork_start(self, lease: Lease, origin: Origin, control: int = -1) -> int:
        """The pid of a shim that starts the container. `control` as in `start.Start`."""
        writes = self.pipes.out_write, self.pipes.err_write
        it = start.Start(self.host, self.directory, self.spec, lease, *writes, origin, control).ahead()
        return self._fork(lambda wakeup: self._start(it, wakeup), [lease.netns, origin.reply, control])

    def fork_adopt(self) -> int:
        """The pid of a shim for a container that has none; pipes that are -1 are reopened through the container."""
        return self._fork(self._adopt, [])

    def _fork(self, body: Callable[[int], None], keep: list[int]) -> int:
        """SIGTERM is held back until the child can take it."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        pid = os.fork()
        if pid == 0:
            self._main(body, keep)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return pid

    def _main(self, body: Callable[[int], None], keep: list[int]) -> NoReturn:
        gc.disable()
        try:
            os.setsid()
            wakeup = _signals_to_fd()
            mine = (*wakeup, self.lock, self.host.crun_image, *self.pipes, *keep)
            process.close_all_but([fd for fd in mine if fd >= 0])
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
            syscalls.set_process_name("homeport-shim")
            syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
            body(wakeup[0])
        except BaseException as error:  # the last frame of this process: what it knows must not be lost
            self._failed(f"the container's shim failed: {error!r}")
            os._exit(1)
        os._exit(0)

    def _failed(self, text: str) -> None:
        """A container that still runs can be adopted; one that does not has ended with this error."""
        with contextlib.suppress(OSError):
            LogFile(self.spec["log_path"]).say(text)
            if not self.directory.is_running() and self.directory.ending() is None:
                self.directory.write_exit({"error": text, "step": "run its shim"})

    def _start(self, it: start.Start, wakeup: int) -> None:
        state, log = self._described(it.lease), LogFile(self.spec["log_path"])

        def write_down(begun: start.Begun | None) -> None:
            running: dict[str, Any] = {}
            if begun:
                log.say(begun.note or it.origin.note)
                running = {"init_pid": begun.pid, "init_start": begun.start, "backend": begun.backend}
            self.directory.write("state.json", {**state, **running})

        try:
            begun = it.run(write_down)
        except StepError as error:
            log.say(f"could not start: {error}")
            self.directory.write_exit({"error": str(error), "step": error.step})
            return
        for fd in (it.stdout, it.stderr, it.lease.netns, it.control):
            if fd >= 0:
                os.close(fd)
        if begun.template_hangs:
            it.origin.kill_source()

        def status() -> int | None:
            told = begun.status()
            return _status_of_stranger(begun.pidfd, begun.pid, begun.start) if told is None else told

        self._keep(Init(begun.pid, begun.pidfd, status), log, wakeup)

    def _described(self, lease: Lease) -> dict[str, Any]:
        """As state.json has a container without a first process."""
        me = os.getpid()
        return {
            "id": self.directory.id,
            "shim_pid": me,
            "shim_start": process.start_time(me),
            "init_pid": 0,
            "init_start": 0,
            "address": lease.address,
            "netns": f"net:[{os.fstat(lease.netns).st_ino}]" if lease.netns >= 0 else "",
            "cgroups": self.host.cgroups(self.directory.id),
            "pipes": [os.fstat(fd).st_ino for fd in (self.pipes.out, self.pipes.err)],
            "started_at_ms": now_ms(),
        }

    def _adopt(self, wakeup: int) -> None:
        log = LogFile(self.spec["log_path"])
        pid, started = self.directory.init()
        me = os.getpid()
        state = {"id": self.directory.id, "address": "", "netns": "", "cgroups": [], "pipes": [], "started_at_ms": now_ms()}
        mine = {"shim_pid": me, "shim_start": process.start_time(me), "init_pid": pid, "init_start": started}
        self.directory.write("state.json", {**state, **(self.directory.state() or {}), **mine})
        pidfd = process.open_pidfd(pid, started)
        if pidfd is None:
            log.say("it ended while nothing watched it; its exit code is not known")
            self._finish({})
            return
        self._keep(Init(pid, pidfd, lambda: _status_of_stranger(pidfd, pid, started)), log, wakeup)

    def _keep(self, init: Init, log: LogFile, wakeup: int) -> None:
        keeper = Keeper(self.directory, self.spec, self.host.cgroups(self.directory.id), log)
        inodes = [int(inode) for inode in (self.directory.state() or {}).get("pipes", [])]
        for index, (fd, letter) in enumerate(((self.pipes.out, STDOUT), (self.pipes.err, STDERR))):
            end = fd if fd >= 0 else _reopen_pipe(init.pid, inodes[index] if index < len(inodes) else 0)
            if end >= 0:
                keeper.add_stream(end, letter)
        self._finish(keeper.run(init, wakeup))
        log.close()

    def _finish(self, ending: dict[str, Any]) -> None:
        """The news first, then the cleaning: whoever waits for the end is not made to wait for the rest."""
        self.directory.write_exit(ending)
        clean(self.host, self.directory)


def make_pipes() -> Pipes:
    (out, out_write), (err, err_write) = os.pipe(), os.pipe()
    for fd in (out, err):
        with contextlib.suppress(PermissionError):  # over the user's pipe budget: the default of 64 KiB will do
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return Pipes(out, err, out_write, err_write)


def clean(host: Host, directory: ContainerDir) -> None:
    """All that an ended container left outside of its directory, and what it wrote. Idempotent."""
    cgroups = host.cgroups(directory.id)
    cgroup.kill_all(cgroups)
    start.delete(host, directory)
    cgroup.remove(cgroups)
    start.remove_files(directory)


def _signals_to_fd() -> tuple[int, int]:
    """A pipe that gets the number of each SIGTERM and SIGCHLD; else what is polite to end a process is ignored."""
    read, write = os.pipe()
    for fd in (read, write):
        os.set_blocking(fd, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, lambda number, frame: None)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    return read, write


def _reopen_pipe(pid: int, inode: int) -> int:
    """The read end of the pipe `inode` through the process that writes to it; -1 when it has it no more."""
    with contextlib.suppress(OSError):  # the process ended meanwhile
        for name in os.listdir(f"/proc/{pid}/fd"):
            path = f"/proc/{pid}/fd/{name}"
            found = os.stat(path)
            if stat.S_ISFIFO(found.st_mode) and found.st_ino == inode:
                return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    return -1


def _status_of_stranger(pidfd: int, pid: int, started: int) -> int | None:
    """The kernel tells once its real parent has reaped it, or shows its zombie until then."""
    deadline = time.monotonic() + _STATUS_MS_MAX / 1000
    while True:
        status = process.exit_status(pidfd, pid, started)
        if status is not None or time.monotonic() > deadline or not process.start_time(pid):
            return status
        time.sleep(0.01)
