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
from urllib.parse import urlsplit

import bare

from homeport.client.config import Choice, find
from homeport.client.http import Client
from homeport.errors import Error

HOMEPORT = Path(sys.executable).with_name("homeport")
POLL_S = 0.002
SETTLE_S = 0.02
SURE_AFTER = 50
LOG_LINES = 60
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

    @contextlib.contextmanager
    def beginning(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """The command while it runs; the block ends with it. Raises StageError as `run` does."""
        argv = [str(HOMEPORT), *arguments]
        with subprocess.Popen(argv, env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
            try:
                yield process
                _, said = process.communicate(timeout=LIMIT_S)
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            raise StageError(f"homeport {' '.join(arguments)}: {said.strip()}")

    def ask(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json"))

    def client(self) -> Client:
        """A connection to the platform, for what would cost more as a command."""
        return Client(find(Choice(data_dir=Path(self.env["HOMEPORT_DATA_DIR"]))))

    def control_plane(self) -> int:
        """Its pid."""
        return int(self.ask("status")["control_plane"]["pid"])

    def host(self, app: str, server: str) -> str:
        """The host name under which the router knows this Server."""
        return urlsplit(str(self.ask("server", "info", f"{app}/{server}")["url"])).netloc

    def until_alone(self, app: str) -> None:
        """Until all of `app` that runs is one container that serves, so that rounds don't lean on each other."""
        self.until_containers(app, 1)

    def until_containers(self, app: str, count: int, limit_s: float = LIMIT_S) -> float:
        """When (`time.perf_counter`) all of its containers were that many, and ready. Raises StageError."""
        end = time.monotonic() + limit_s
        states: list[str] = []
        with self.client() as client:
            while time.monotonic() < end:
                states = [container["state"] for container in client.containers("main", app)]
                if states == ["ready"] * count:
                    return time.perf_counter()
                time.sleep(SETTLE_S)
        found = f"{states.count('ready')} ready of {len(states)}"
        raise StageError(f"{app} did not come to {count} containers within {limit_s:.0f} s: {found}")

    def until_answer(self, host: str, text: str, poll_s: float = POLL_S) -> float:
        """When (`time.perf_counter`) the Server at `host` first answered with `text`. Raises StageError."""
        for _, answered_s, said in self._answers(host, poll_s):
            if said == text:
                return answered_s
        raise StageError(f"{host} did not answer {text!r} within {LIMIT_S:.0f} s")

    def until_only(self, host: str, text: str, command: subprocess.Popen[str]) -> float:
        """When the first request was sent from which on all are answered with `text`. Asks on after the command's end.

        Raises StageError when it never was so.
        """
        since_s, in_a_row = 0.0, 0
        for asked_s, _, said in self._answers(host):
            since_s, in_a_row = (since_s or asked_s, in_a_row + 1) if said == text else (0.0, 0)
            if command.poll() is None:
                in_a_row = 0
            elif in_a_row >= SURE_AFTER:
                return since_s
        raise StageError(f"{host} did not answer {text!r} alone within {LIMIT_S:.0f} s")

    def _answers(self, host: str, poll_s: float = POLL_S) -> Iterator[tuple[float, float, str]]:
        """One request after the other, for as long as somebody wants to know: when it was sent, when answered, and how."""
        end = time.monotonic() + LIMIT_S
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=LIMIT_S)
        with contextlib.closing(connection):
            while time.monotonic() < end:
                asked_s = time.perf_counter()
                try:
                    connection.request("GET", "/", headers={"Host": host})
                    said = connection.getresponse().read().decode(errors="replace").strip()
                except (OSError, http.client.HTTPException) as error:
                    connection.close()
                    said = str(error)
                yield asked_s, time.perf_counter(), said
                time.sleep(poll_s)


@contextlib.contextmanager
def platform(data_dir: Path, settings: str = "") -> Iterator[Stage]:
    """Up for as long as the block runs; `settings` is the text of its settings.toml. Raises StageError when it can't be."""
    data_dir.mkdir(parents=True, exist_ok=True)
    (data_dir / "settings.toml").write_text(settings)
    api_port, http_port = bare.free_ports(2)
    env = {**os.environ, "HOMEPORT_DATA_DIR": str(data_dir)}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    stage = Stage(http_port, env)
    try:
        stage.run("up", "--api-port", str(api_port), "--http-port", str(http_port), "--detach")
        yield stage
    except (Error, StageError):
        print(_last_lines(data_dir / "logs" / "control-plane.log"), file=sys.stderr)  # it goes with the directory
        raise
    finally:
        stage.run("down")


def _last_lines(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:]) if log.exists() else f"no {log}"
