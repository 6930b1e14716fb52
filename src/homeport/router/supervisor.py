"""Keeps the data plane running: a small process of its own that outlives the control plane.

    python -m homeport.router.supervisor --run-dir DIR --binary PATH --socket-dir DIR

It starts HAProxy (and the side-car that keeps the session table) from the files in the run directory, and starts it again
when it ends, whoever ended it: at once, then with growing pauses while it keeps failing. SIGTERM: stop both, then leave.
A second supervisor on the same directory leaves with code 3. A supervisor that finds HAProxy running (because the one before
was killed) watches it instead of starting another.

Standard library only. It refuses to know what is in the files, and never talks to HAProxy.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import resource
import selectors
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from .process import ProcessId, session_members

ALREADY_RUNS = 3
STABLE_S = 5.0  # one that lived this long is started again at once
PAUSE_FIRST_S, PAUSE_MAX_S = 0.1, 5.0
STOP_GRACE_S = 5.0
LOG_BYTES_MAX = 8 << 20
HOUSEKEEPING_S = 60.0


@dataclass(slots=True)
class Child:
    """One watched process. `pidfd` is None while it does not run; `due` is when it may be started again (monotonic)."""

    name: str
    argv: tuple[str, ...]
    run_dir: Path
    who: ProcessId | None = None
    pidfd: int | None = None
    started_at: float = 0.0
    due: float = 0.0
    failures: int = 0
    restarts: int = field(default=0)

    @property
    def record(self) -> Path:
        return self.run_dir / f"{self.name}.json"

    def adopt(self) -> bool:
        """Watch the one an earlier supervisor left running; clear away workers whose master is gone."""
        found = ProcessId.load(self.record)
        if found is None:
            return False
        self.pidfd = found.open()
        if self.pidfd is not None:
            self.who, self.started_at = found, time.monotonic()
            return True
        self.restarts = 1
        self._end_orphans(found)
        return False

    def start(self, log: int) -> None:
        env = dict(os.environ, **({"HOMEPORT_RESTARTED": "1"} if self.restarts else {}))
        child = subprocess.Popen(
            self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, cwd="/", start_new_session=True
        )
        self.started_at = time.monotonic()
        self.pidfd = os.pidfd_open(child.pid)
        self.who = ProcessId.of(child.pid) or ProcessId(child.pid, 0)
        self.who.save(self.record)
        child.returncode = 0  # reaped by `ended`, not by Popen

    def ended(self) -> str:
        """Reap it and decide when it may start again. Returns how it ended, in words."""
        assert self.who is not None
        assert self.pidfd is not None
        os.close(self.pidfd)
        how = _reap(self.who.pid)
        self._end_orphans(self.who)
        lived_s = time.monotonic() - self.started_at
        self.failures = 0 if lived_s >= STABLE_S else self.failures + 1
        self.due = time.monotonic() + pause_s(self.failures)
        self.who, self.pidfd, self.restarts = None, None, self.restarts + 1
        return how

    def _end_orphans(self, master: ProcessId) -> None:
        """Workers end with their master by themselves; one that hangs would keep the sockets."""
        for worker in session_members(master.pid, "haproxy"):
            worker.end(0.2)


def pause_s(failures: int) -> float:
    """Seconds to wait before the next start: none after a good life or the first early death, then doubling, bounded."""
    return 0.0 if failures < 2 else min(PAUSE_MAX_S, PAUSE_FIRST_S * 2.0 ** (failures - 2))


class Supervisor:
    def __init__(self, run_dir: Path, children: list[Child]) -> None:
        self._children = children
        self._log_path = run_dir / "haproxy.log"
        self._log = os.open(self._log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._selector = selectors.DefaultSelector()
        self._stopping = False
        wake_read, wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._selector.register(wake_read, selectors.EVENT_READ, None)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def run(self) -> None:
        for child in self._children:
            if child.adopt():
                self._say(f"{child.name} {child.who and child.who.pid} runs already; watching it")
                self._watch(child)
        while not self._stopping:
            self._start_due()
            for key, _ in self._selector.select(self._wait_s()):
                if isinstance(key.data, Child):
                    self._selector.unregister(key.fileobj)
                    self._say(f"{key.data.name} ended: {key.data.ended()}")
            self._bound_log()
        for child in self._children:
            if child.who is not None:
                child.who.end(STOP_GRACE_S)
                child.ended()
            child.record.unlink(missing_ok=True)

    def _start_due(self) -> None:
        now = time.monotonic()
        for child in self._children:
            if child.pidfd is None and child.due <= now:
                try:
                    child.start(self._log)
                except OSError as error:
                    child.failures += 1
                    child.due = now + pause_s(child.failures + 1)
                    self._say(f"{child.name} could not be started: {error}")
                else:
                    self._watch(child)

    def _watch(self, child: Child) -> None:
        assert child.pidfd is not None
        self._selector.register(child.pidfd, selectors.EVENT_READ, child)

    def _wait_s(self) -> float:
        now = time.monotonic()
        return min([HOUSEKEEPING_S, *(max(0.0, c.due - now) for c in self._children if c.pidfd is None)])

    def _bound_log(self) -> None:
        if os.fstat(self._log).st_size > LOG_BYTES_MAX:
            os.ftruncate(self._log, 0)  # everybody appends, so nobody writes behind a hole

    def _say(self, text: str) -> None:
        os.write(self._log, f"[supervisor] {time.strftime('%Y-%m-%dT%H:%M:%S')} {text}\n".encode())

    def _stop(self, _number: int, _frame: object) -> None:
        self._stopping = True


def _reap(pid: int) -> str:
    try:
        _, status = os.waitpid(pid, 0)
    except ChildProcessError:
        return "it was adopted, so its exit code is not known"
    code = os.waitstatus_to_exitcode(status)
    return f"exit code {code}" if code >= 0 else f"signal {-code}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="homeport.router.supervisor")
    parser.add_argument("--run-dir", type=Path, required=True)
    parser.add_argument("--socket-dir", type=Path)
    parser.add_argument("--binary", required=True)
    args = parser.parse_args()
    run_dir: Path = args.run_dir
    sockets: Path = args.socket_dir or run_dir
    lock = os.open(run_dir / "supervisor.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"A supervisor already runs on {run_dir}.", file=sys.stderr)
        return ALREADY_RUNS
    if os.getsid(0) != os.getpid() and os.getpgid(0) != os.getpid():
        os.setsid()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    data_plane = (args.binary, "-W", "-S", f"{sockets}/master.sock,mode,600", "-f", f"{run_dir}/haproxy.cfg")
    side_car = (args.binary, "-db", "-f", f"{run_dir}/sidecar.cfg")
    me = ProcessId.of(os.getpid())
    assert me is not None
    me.save(run_dir / "supervisor.json")
    Supervisor(run_dir, [Child("haproxy", data_plane, run_dir), Child("sidecar", side_car, run_dir)]).run()
    (run_dir / "supervisor.json").unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
