"""Looking at this machine, by trying. Each function answers one question and leaves nothing behind; none of them judges."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

PROBE_TIMEOUT_S = 10
NAMESPACES = ("--mount", "--pid", "--ipc", "--uts", "--net", "--cgroup", "--fork")
CONTROLLERS = ("cpu", "memory", "pids")


def first_line(argv: Sequence[str]) -> str | None:
    """The first line a program says; None if it isn't installed or fails."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return next(iter((done.stdout or done.stderr).splitlines()), "")


def complaint(argv: Sequence[str]) -> str:
    """Why a program failed, in its last words; empty when it worked."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return "" if done.returncode == 0 else (lines or [f"exit status {done.returncode}"])[-1]


def namespaces_complaint() -> str:
    """Empty if all namespaces that a container gets can be made."""
    return complaint(["unshare", *NAMESPACES, "true"])


def overlay_complaint(directory: Path) -> str:
    """Empty if an overlay can be mounted on the disk that `directory` is on; mounted in a namespace of its own."""
    try:
        with tempfile.TemporaryDirectory(dir=existing(directory), prefix=".homeport-probe-") as work:
            for name in ("lower", "upper", "work", "merged"):
                (Path(work) / name).mkdir()
            options = f"lowerdir={work}/lower,upperdir={work}/upper,workdir={work}/work"
            mount = ["mount", "-t", "overlay", "overlay", "-o", options, f"{work}/merged"]
            return complaint(["unshare", "--mount", *mount])
    except OSError as error:
        return str(error)


def cgroup_complaint(mountinfo: str) -> str:
    """Empty if containers can be limited: the controllers are there and a group can be made below each."""
    roots = cgroup_roots(mountinfo)
    missing = [name for name in CONTROLLERS if name not in roots]
    if missing:
        return f"no cgroup controller for {', '.join(missing)}"
    for name in CONTROLLERS:
        group = Path(roots[name]) / f"homeport-probe-{os.getpid()}"
        try:
            group.mkdir()
            group.rmdir()
        except OSError as error:
            return f"{roots[name]}: {error.strerror}"
    return ""


def cgroup_roots(mountinfo: str) -> dict[str, str]:
    """Where each controller is mounted: version 1 by its mount options, else version 2 by `cgroup.controllers`."""
    found: dict[str, str] = {}
    unified = ""
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind == "cgroup":
            found.update(dict.fromkeys(options.split(","), before.split()[4]))
        elif kind == "cgroup2":
            unified = before.split()[4]
    if unified:
        with contextlib.suppress(OSError):
            for name in (Path(unified) / "cgroup.controllers").read_text().split():
                found.setdefault(name, unified)
    return found


def port_complaint(host: str, port: int) -> str:
    """Empty if a listener can be opened there (one that only waits for old connections to end doesn't matter)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except (OSError, OverflowError) as error:
            return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return ""


def answers(host: str, port: int, timeout_s: float) -> bool:
    """Whether somebody accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout_s):
            return True
    except OSError:
        return False


def free_bytes(directory: Path) -> int:
    return shutil.disk_usage(existing(directory)).free


def file_limit() -> int:
    """The most open files that one of our processes may ask for."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return 1 << 30 if hard == resource.RLIM_INFINITY else hard


def existing(directory: Path) -> Path:
    """The directory itself, or its nearest parent that is there."""
    return next(each for each in (directory.absolute(), *directory.absolute().parents) if each.is_dir())
