"""PID 1 of a container: starts the worker, reaps every orphan, passes SIGTERM on to all processes, ends as the worker ended.

It is a process of its own because a PID 1 that reaps everything would take the exit codes away that the user's
`subprocess.Popen` waits for. Outside of a pid namespace (tests) it signals its worker only.

    RUNNING --SIGTERM, SIGINT--> STOPPING       everything got SIGTERM; whoever started us sends SIGKILL later
    RUNNING --worker ended--> exit at once      the kernel ends what is left
    STOPPING --worker and all others ended--> exit
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # the builtin part: `signal` itself imports enum
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def run(work: Callable[[int], int]) -> int:
    """Forks; `work(wake_fd)` runs in the child, where a byte or the end of file on `wake_fd` means that it has to stop.

    Returns the exit code of the worker, 128 + n when signal n ended it. The worker never returns from here.
    """
    pid, wake_fd = _fork()
    if pid == 0:
        _be_the_worker(work, wake_fd)
    return _watch(pid, wake_fd)


def split() -> int:
    """As `run`, of a process that is in the midst of its work: returns in the child, with its wake_fd. This one stays as
    the first process, and ends.
    """
    pid, wake_fd = _fork()
    if pid:
        leave(_watch(pid, wake_fd))
    return wake_fd


def _fork() -> tuple[int, int]:
    """(pid, or 0 in the child; the end of the pipe that is ours)."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)  # until both sides have their handlers
    wake_read, wake_write = os.pipe()
    pid = os.fork()
    mine, theirs = (wake_write, wake_read) if pid else (wake_read, wake_write)
    os.close(theirs)
    return pid, mine


def _watch(pid: int, wake_fd: int) -> int:
    reaper = Reaper(pid, wake_fd)
    for number in STOP_SIGNALS:
        signal.signal(number, reaper.stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    return reaper.wait()


def leave(code: int) -> None:
    """Does not return."""
    os._exit(code)


def _be_the_worker(work: Callable[[int], int], wake_fd: int) -> None:
    code = 1
    try:
        code = work(wake_fd)
    except BaseException:  # a fault of ours; the user's errors were reported by the worker
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
    finally:
        os._exit(code)  # not a step back into PID 1's stack, whatever happened


class Reaper:
    def __init__(self, worker_pid: int, wake_fd: int) -> None:
        self._worker_pid = worker_pid
        self._wake_fd = wake_fd
        self._stopping = False

    def stop(self, _signum: int, _frame: object) -> None:
        """Signal handler. The byte reaches the worker also when the user's code replaced its SIGTERM handler."""
        if not self._stopping:
            self._stopping = True
            _tolerant(lambda: os.write(self._wake_fd, b"s"))
        _tolerant(lambda: os.kill(-1 if os.getpid() == 1 else self._worker_pid, signal.SIGTERM))

    def wait(self) -> int:
        code = 1
        while True:
            try:
                pid, status = os.waitpid(-1, 0)
            except ChildProcessError:
                return code
            if pid != self._worker_pid:
                continue
            exit_code = os.waitstatus_to_exitcode(status)
            code = exit_code if exit_code >= 0 else 128 - exit_code
            if not self._stopping:
                return code


def _tolerant(act: Callable[[], object]) -> None:
    try:
        act()
    except (ProcessLookupError, BrokenPipeError):
        return  # it has just ended by itself, which is what the signal was for
