"""Load and what it costs: one run of wrk, read as a value, and the CPU time of a process meanwhile."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

LONGEST_S = 20
PATIENCE_S = 60
_UNITS_US = {"us": 1.0, "ms": 1e3, "s": 1e6, "m": 60e6}
_LATENCY = re.compile(r"^\s+(50|99)%\s+([\d.]+)(us|ms|s|m) *$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Result:
    """`requests` answered in `seconds`; latencies in microseconds; `cpu_us`: of the watched process, per request."""

    requests: int
    seconds: float
    p50_us: float
    p99_us: float
    cpu_us: float = 0.0

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    def costing(self, spent_s: float) -> Result:
        """The same with this CPU time, in seconds, that the watched process spent on it."""
        return replace(self, cpu_us=spent_s * 1e6 / max(1, self.requests))


class NoAnswersError(RuntimeError):
    """Nothing was answered in the time of a run: it was too short for what it met."""


@dataclass(frozen=True, slots=True)
class Wrk:
    """One client thread on `core` (None: anywhere), for `seconds` per run."""

    seconds: int
    core: int | None

    def run(self, url: str, connections: int, headers: Sequence[str] = (), watched: int = 0) -> Result:
        """`watched`: the pid whose CPU time is counted. A run in which nothing was answered is made again, and longer.

        Raises RuntimeError when not every answer was a good one, and NoAnswersError when there is none in `LONGEST_S`.
        """
        argv = ["wrk", "-t1", f"-c{connections}", f"--timeout={PATIENCE_S}s", "--latency"]
        argv += [*(f"-H{header}" for header in headers), url]
        seconds = self.seconds
        while True:
            try:
                return self._once([*argv, f"-d{seconds}s"], watched)
            except NoAnswersError:
                if seconds >= LONGEST_S:
                    raise
                seconds = min(LONGEST_S, 4 * seconds)

    def _once(self, argv: Sequence[str], watched: int) -> Result:
        before = cpu_s(watched) if watched else 0.0
        said = subprocess.run(pinned(argv, self.core), check=True, stdout=subprocess.PIPE, text=True).stdout
        spent_s = cpu_s(watched) - before if watched else 0.0
        return parse(said, spent_s)


def parse(said: str, spent_s: float) -> Result:
    """What wrk printed. `spent_s` is CPU time in seconds.

    Raises RuntimeError for answers other than 2xx and 3xx, and NoAnswersError for none at all.
    """
    total = re.search(r"(\d+) requests in ([\d.]+)(ms|s|m)", said)
    if total is None or "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(f"wrk met errors:\n{said}")
    requests, seconds = int(total[1]), float(total[2]) * _UNITS_US[total[3]] / 1e6
    at = {percent: float(number) * _UNITS_US[unit] for percent, number, unit in _LATENCY.findall(said)}
    if not requests or len(at) < 2:
        raise NoAnswersError(f"wrk got no answers:\n{said}")
    return Result(requests, seconds, at["50"], at["99"]).costing(spent_s)


def pinned(argv: Sequence[str], core: int | None) -> list[str]:
    return list(argv) if core is None else ["taskset", "-c", str(core), *argv]


def pin(pids: Iterable[int], core: int | None) -> None:
    """All threads of running processes. Raises OSError."""
    if core is None:
        return
    for pid in pids:
        for thread in os.listdir(f"/proc/{pid}/task"):
            os.sched_setaffinity(int(thread), {core})


def cpu_s(pid: int) -> float:
    """User and system time of a process so far, in seconds. Raises OSError."""
    with open(f"/proc/{pid}/stat") as file:
        user, system = file.read().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
