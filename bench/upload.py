"""Uploads: a change of one line in a tree of many small files until it is accepted, that tree for the first time, and one
large file. Beside each, in the same rounds, `rsync -a` brings the same to another folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import machine
import stage
from report import Figure, Measured, Target
from stage import Stage

QUICK_ROUNDS = 2
FILES, QUICK_FILES = 20_000, 2_000
LARGE_MIB, QUICK_LARGE_MIB = 2048, 128
COMPANION = "rsync -a of the same"
MAIN = """
import http.server, threading
import homeport as modal
app = modal.App("uploaded")
@app.server(unauthenticated=True, cpu=0.05)
class Server:
    @modal.enter()
    def start(self):
        served = http.server.ThreadingHTTPServer(("", 8000), http.server.SimpleHTTPRequestHandler)
        threading.Thread(target=served.serve_forever, daemon=True).start()
"""
SETTLE_S = 1.5  # for the version before to go away


@dataclass
class Rounds:
    """Milliseconds, one of each per round."""

    changed: list[float] = field(default_factory=list)
    changed_rsync: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    first_rsync: list[float] = field(default_factory=list)
    large: list[float] = field(default_factory=list)
    large_rsync: list[float] = field(default_factory=list)


def measure(work: Path, rounds: int) -> Measured:
    """Three figures. Needs what a platform needs, and rsync."""
    if shutil.which("rsync") is None:
        raise machine.MissingError("rsync is not installed")
    quick = rounds <= QUICK_ROUNDS
    files, large_mib = (QUICK_FILES, QUICK_LARGE_MIB) if quick else (FILES, LARGE_MIB)
    done = Rounds()
    with stage.platform(work / "data") as here:
        here.env["XDG_CACHE_HOME"] = str(work / "cache")
        here.env["HOMEPORT_SOURCE_LIMIT_MIB"] = "4096"
        package = _package(work / "small", files, "a first one")
        _deploy(here, package)  # the image is built, and the package known
        _rsync(package, work / "copy")
        for number in range(rounds):
            time.sleep(SETTLE_S)
            machine.wait_until_quiet()
            _change(package, number)
            done.changed.append(_deploy(here, package))
            done.changed_rsync.append(_rsync(package, work / "copy"))
        for number in range(min(rounds, 3)):
            machine.wait_until_quiet()
            fresh = _package(work / f"fresh{number}", files, f"fresh {number}")
            done.first.append(_deploy(here, fresh))
            done.first_rsync.append(_rsync(fresh, work / f"copy{number}"))
            large = _large(work / f"large{number}", large_mib)
            done.large.append(_deploy(here, large))
            done.large_rsync.append(_rsync(large, work / f"large-copy{number}"))
            for left in (fresh, large, work / f"copy{number}", work / f"large-copy{number}"):
                shutil.rmtree(left)
    return Measured(_figures(done, files, large_mib))


def _figures(done: Rounds, files: int, large_mib: int) -> list[Figure]:
    title = f"deploy after a one-line change in {files} files until it is accepted"
    return [
        Figure.of((title, "ms", COMPANION), done.changed, done.changed_rsync, Target(1000, of="value")),
        Figure.of((f"deploy of {files} new files until it is accepted", "ms", COMPANION), done.first, done.first_rsync),
        Figure.of((f"deploy of a file of {large_mib} MiB", "ms", COMPANION), done.large, done.large_rsync),
    ]


def _package(top: Path, files: int, marked: str) -> Path:
    """So many small modules in a thousand folders."""
    package = top / "uploaded"
    for number in range(files):
        file = package / f"part{number % 20}" / f"sub{number // 20 % 50}" / f"module{number}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"# {marked}\n" + f"VALUE = {number}\n" * 20)
    (package / "main.py").write_text(MAIN)
    _settle(package)
    return package


def _large(top: Path, mib: int) -> Path:
    """Bytes that nothing can make smaller."""
    package = top / "uploaded"
    package.mkdir(parents=True)
    (package / "main.py").write_text(MAIN)
    with open(package / "model.bin", "wb") as file:
        for _ in range(mib):
            file.write(os.urandom(2**20))
    _settle(package)
    return package


def _settle(package: Path) -> None:
    """Written long ago, as far as the files say."""
    for file in package.rglob("*.*"):
        os.utime(file, (1_000_000_000, 1_000_000_000))
    os.sync()
    time.sleep(2.1)  # their time of change can't be set, and what changed just now is not remembered


def _change(package: Path, number: int) -> None:
    with open(package / "part3" / "sub7" / "module143.py", "a") as file:
        file.write(f"CHANGED = {number}\n")


def _deploy(here: Stage, package: Path) -> float:
    begun = time.perf_counter()
    command: list[str] = [str(stage.HOMEPORT), "deploy", "-m", "uploaded.main", "--no-wait"]
    done = subprocess.run(command, cwd=package.parent, env=here.env, check=False, capture_output=True, text=True)
    if done.returncode:
        raise stage.StageError(f"homeport deploy: {done.stderr.strip()}")
    return (time.perf_counter() - begun) * 1000


def _rsync(package: Path, target: Path) -> float:
    begun = time.perf_counter()
    subprocess.run(["rsync", "-a", f"{package}/", f"{target}/"], check=True)
    return (time.perf_counter() - begun) * 1000
