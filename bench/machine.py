"""The machine that figures belong to: its name, its programs' versions, and whether it is quiet enough to measure."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence

QUIET_IDLE_MIN = 0.85
QUIET_LOOK_S = 0.3
QUIET_WAIT_S = 20.0
QUIET_ROUND_S = 4.0
VERSIONS = {
    "crun": ("crun", "--version"),
    "nginx": ("nginx", "-v"),
    "wrk": ("wrk", "-v"),
}


class MissingError(Exception):
    """A program that the benchmark needs is not here; says what to do."""


def need(*programs: str) -> None:
    """Raises MissingError with the command that installs what is missing."""
    packages = {"nginx": "nginx-light"}
    missing = [packages.get(name, name) for name in programs if shutil.which(name) is None]
    if missing:
        raise MissingError(f"run: apt-get install -y --no-install-recommends {' '.join(missing)}")


def describe(haproxy: str) -> dict[str, str]:
    """`haproxy` is the path of the binary in use."""
    named = {**VERSIONS, "haproxy": (haproxy, "-v")}
    versions = {name: _first_line(argv) for name, argv in named.items() if shutil.which(argv[0])}
    return {
        "cpu": _cpu(),
        "cores": str(os.cpu_count()),
        "kernel": platform.release(),
        "python": sys.version.split()[0],
        **versions,
    }


def wait_until_quiet(limit_s: float = QUIET_ROUND_S) -> bool:
    """Returns when the cores are mostly idle, or says False after `limit_s` seconds. Before every round."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        idle, total = _jiffies()
        time.sleep(QUIET_LOOK_S)
        idle_after, total_after = _jiffies()
        if idle_after - idle >= QUIET_IDLE_MIN * (total_after - total):
            return True
    return False


def _jiffies() -> tuple[int, int]:
    with open("/proc/stat") as file:
        values = [int(word) for word in file.readline().split()[1:]]
    return values[3] + values[4], sum(values[:8])


def _cpu() -> str:
    with open("/proc/cpuinfo") as file:
        names = [line.partition(":")[2].strip() for line in file if line.startswith(("model name", "Model"))]
    return names[0] if names else platform.machine()


def _first_line(argv: Sequence[str]) -> str:
    """Some print it on stderr, and some with an exit code that is not 0."""
    said = subprocess.run(argv, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    words = said.partition("\n")[0].split()
    return next((word.removeprefix("nginx/") for word in words if any(char.isdigit() for char in word)), "?")
