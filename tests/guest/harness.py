"""Runs the guest as a container would, but as a plain process: files in a temporary root, output and exit code back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import homeport

MAIN = Path(homeport.__file__).parent / "guest" / "main.py"
DEADLINE_S = 60.0  # a test that passes never waits for it; a slow machine may need it


def make_interpreter(folder: Path) -> str:
    """A Python without any installed package, so that what it imports is the same on every machine."""
    venv.create(folder, symlinks=True)
    return str(folder / "bin" / "python3")


class Guest:
    def __init__(self, root: Path, python: str) -> None:
        self.root = root
        self.python = python

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    @contextmanager
    def started(self, entry: tuple[str, str, str], **env: str) -> Iterator[subprocess.Popen[str]]:
        """`entry` is (module, path, class name). Ends the process at the end of the block if it still runs."""
        module, path, qualname = entry
        process = subprocess.Popen(
            [self.python, "-I", "-S", str(MAIN), "--root", str(self.root)],
            env={
                "PATH": os.environ["PATH"],
                "MODAL_IS_REMOTE": "1",
                "HOMEPORT_GUEST_MODULE": module,
                "HOMEPORT_GUEST_PATH": path,
                "HOMEPORT_GUEST_CLASS": qualname,
                **env,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(DEADLINE_S)
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()

    def run(self, code: str, qualname: str = "Server", **env: str) -> tuple[int, str, str]:
        """Runs `code` as the file app.py until it ends by itself: (exit code, stdout, stderr)."""
        self.write("app.py", code)
        with self.started(("app", "app.py", qualname), **env) as process:
            out, err = process.communicate(timeout=DEADLINE_S)
            return process.returncode, out, err

    def run_and_stop(self, code: str, until: str, times: int = 1) -> tuple[int, str, str]:
        """As `run`, with SIGTERM to PID 1 once a line `until` was printed."""
        self.write("app.py", code)
        with self.started(("app", "app.py", "Server")) as process:
            seen = read_until(process, until)
            for _ in range(times):
                process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=DEADLINE_S)
            return process.returncode, seen + out, err


def read_until(process: subprocess.Popen[str], line: str) -> str:
    """What was printed up to and with that line. Raises AssertionError when the output ends or hangs before it."""
    assert process.stdout is not None
    watchdog = threading.Timer(DEADLINE_S, process.kill)
    watchdog.start()
    try:
        seen = ""
        for piece in iter(process.stdout.readline, ""):
            seen += piece
            if piece.strip() == line:
                return seen
    finally:
        watchdog.cancel()
    raise AssertionError(f"no line {line!r} in {seen!r}")


def loads_last(out: str) -> object:
    return json.loads(out.strip().splitlines()[-1])
