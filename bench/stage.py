"""A real platform for one benchmark, as anybody would start it: `homeport up` on a directory and ports of its own."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bare

HOMEPORT = Path(sys.executable).with_name("homeport")
POLL_S = 0.002
LIMIT_S = 120.0


class StageError(Exception):
    """A command of the platform failed, or did not have its effect in time."""


@dataclass(frozen=True, slots=True)
class Stage:
    """`env` selects the platform for every command; bytecode is cached, as it is for everybody."""

    http_port: int
    env: dict[str, str]

    def run(self, *arguments: str) -> str:
        """stdout. Raises StageError with what it said."""
        done = subprocess.run([HOMEPORT, *arguments], env=self.env, check=False, capture_output=True, text=True)
        if done.returncode:
            raise StageError(f"homeport {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def begin(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([HOMEPORT, *arguments], env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ask(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json"))

    def until_answer(self, host: str, text: str) -> float:
        """When (`time.perf_counter`) the Server at `host` first answered with `text`. Raises StageError."""
        end = time.monotonic() + LIMIT_S
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=LIMIT_S)
        with contextlib.closing(connection):
            while time.monotonic() < end:
                with contextlib.suppress(OSError, http.client.HTTPException):
                    connection.request("GET", "/", headers={"Host": host})
                    if connection.getresponse().read().decode(errors="replace").strip() == text:
                        return time.perf_counter()
                    time.sleep(POLL_S)
        raise StageError(f"{host} did not answer {text!r} within {LIMIT_S:.0f} s")


@contextlib.contextmanager
def platform(data_dir: Path) -> Iterator[Stage]:
    """Up for as long as the block runs. Raises StageError when it can't be."""
    api_port, http_port = bare.free_ports(2)
    env = {**os.environ, "HOMEPORT_DATA_DIR": str(data_dir)}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    stage = Stage(http_port, env)
    try:
        stage.run("up", "--api-port", str(api_port), "--http-port", str(http_port), "--detach")
        yield stage
    finally:
        stage.run("down")
