"""The process that runs the user's code: import, construct, enter methods, wait, exit methods. Owns SIGTERM in it.

    LOADING -> ENTERING -> WAITING --SIGTERM or a byte from PID 1--> EXITING -> end

SIGTERM raises `Stopped` in the main thread, wherever that is; later ones are ignored. Readiness is none of its business:
the port tells (semantics 2.3.2).
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # the builtin part: `signal` itself imports enum
import os
import sys

from . import lifecycle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task
    from collections.abc import Coroutine
    from typing import Any, Protocol

    from .entry import Entry

    class Snapshot(Protocol):
        def begin(self) -> None: ...

        def keep(self, wake_fd: int, problem: str = "") -> None: ...


# Set by the platform in a process that is to become a memory snapshot: `keep` then returns in each container made of it.
snapshot: Snapshot | None = None


class Stopped(SystemExit):
    """Unwinds the main thread. A SystemExit because asyncio lets those through and `except Exception` does not hold it."""


def run(entry: Entry, wake_fd: int) -> int:
    """The whole life of the user's code; returns the exit code: n for `sys.exit(n)`, 1 after an error, 0 if stopped."""
    worker = Worker(wake_fd)
    signal.signal(signal.SIGTERM, worker.on_sigterm)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        code = worker.run(entry)
    finally:
        worker.stopping = True  # nothing is to be raised in what follows
    _finish()
    return _commit() or code


class Worker:
    def __init__(self, wake_fd: int) -> None:
        self.stopping = False
        self._pid = os.getpid()
        self._wake_fd = wake_fd
        self._user: object = None
        self._loop: AbstractEventLoop | None = None
        self._task: Task[Any] | None = None
        self._loop_waits = False

    def run(self, entry: Entry) -> int:
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGINT))
            entry.prepare()
            if snapshot is not None:
                snapshot.begin()
            self._enter(entry.load())
            self._wait()
        except Stopped:
            pass
        except BaseException as error:
            self.stopping = True
            return _report(error, entry)
        self.stopping = True
        return self._exit(entry)

    def on_sigterm(self, _signum: int, _frame: object) -> None:
        if os.getpid() != self._pid:  # a fork of the user's code: it is no worker, and ends as any process would
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)
        elif not self.stopping:
            self.stopping = True
            if self._loop_waits and self._loop is not None:
                self._loop.call_soon_threadsafe(self._loop.stop)
            else:
                raise Stopped(0)

    def _enter(self, cls: type) -> None:
        self._user = cls()
        self._call_all(lifecycle.methods(cls, "enter_snap"))
        if snapshot is not None:
            self._split(snapshot)
        self._call_all(lifecycle.methods(cls, "enter"))

    def _call_all(self, names: list[str]) -> None:
        for name in names:
            self._call(name)
            if self.stopping:  # the user's code caught `Stopped`
                raise Stopped(0)

    def _split(self, source: Snapshot) -> None:
        """This process stays what it is, for good; what goes on is the worker of one of the containers made of it."""
        from . import reaper

        signal.pthread_sigmask(signal.SIG_BLOCK, reaper.STOP_SIGNALS)
        self.stopping = True
        source.keep(self._wake_fd, self._end_loop())
        self._wake_fd = reaper.split()
        self._pid = os.getpid()
        self.stopping = False
        signal.pthread_sigmask(signal.SIG_UNBLOCK, reaper.STOP_SIGNALS)

    def _end_loop(self) -> str:
        """An event loop does not fork; the containers make their own. Why that can't be, or ""."""
        if self._loop is None:
            return ""
        import asyncio

        if asyncio.all_tasks(self._loop):
            return "has an asyncio task that goes on"
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()
        asyncio.set_event_loop(None)
        self._loop = self._task = None
        return ""

    def _wait(self) -> None:
        if self._loop is None:
            os.read(self._wake_fd, 1)
            return
        self._loop.add_reader(self._wake_fd, self._loop.stop)
        self._loop_waits = True  # tasks that an enter method left behind go on meanwhile
        self._loop.run_forever()
        self.stopping = True
        self._loop.remove_reader(self._wake_fd)
        self._loop.call_soon(self._loop.stop)  # a second `stop` may be queued, and would end an async exit method early
        self._loop.run_forever()

    def _exit(self, entry: Entry) -> int:
        code = 0
        if self._user is None:
            return code
        if self._task is not None and not self._task.done():
            self._task.cancel()
        for name in lifecycle.methods(type(self._user), "exit"):
            try:
                self._call(name)
            except BaseException as error:
                code = _report(error, entry) or code
        return code

    def _call(self, name: str) -> None:
        result = getattr(self._user, name)()
        if hasattr(result, "__await__"):
            self._complete(result)

    def _complete(self, coroutine: Coroutine[Any, Any, object]) -> None:
        import asyncio

        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
        self._task = self._loop.create_task(coroutine)
        self._loop.run_until_complete(self._task)


def _commit() -> int:
    """The end of everything: what this container wrote to its Volumes outlives the machine's power (semantics 7.15)."""
    if not os.environ.get("HOMEPORT_VOLUMES"):
        return 0
    from . import volumes

    try:
        volumes.commit_all()
    except RuntimeError as error:
        print(error, file=sys.stderr, flush=True)
        return 1
    return 0


def _report(error: BaseException, entry: Entry) -> int:
    if isinstance(error, SystemExit) and (error.code is None or isinstance(error.code, int)):
        return error.code or 0
    if isinstance(error, SystemExit):
        print(error.code, file=sys.stderr)
        return 1
    from . import report

    sys.stderr.write(report.text(error, entry.lib))
    return 1


def _finish() -> None:
    """What the interpreter does at its end, but for waiting for threads: they end with the container."""
    if atexit := sys.modules.get("atexit"):
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue  # closed by the user's code
