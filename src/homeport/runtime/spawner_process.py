"""The spawner as a process: is it there, start it, wait until it answers. It is not our child, and it outlives us."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

from ..errors import PlatformError
from ..spawner import wire
from .processes import ProcessId, alive

MAIN = Path(wire.__file__).with_name("__main__.py")
ANSWER_LIMIT_S = 15.0
POLL_S = 0.01
LOG_LINES_SHOWN = 3


class SpawnerProcess:
    """The one spawner of a data directory."""

    def __init__(self, data_dir: str) -> None:
        self._data_dir = data_dir
        self.socket_path = os.path.join(data_dir, "run", "spawner.sock")
        self.log_path = os.path.join(data_dir, "logs", "spawner.log")

    def running(self) -> ProcessId | None:
        """Who it is, if it runs. Raises OSError."""
        try:
            said = wire.read_json(os.path.join(self._data_dir, "run", "spawner.json"))
        except ValueError:
            return None
        if said is None:
            return None
        process = ProcessId(int(said.get("pid") or 0), int(said.get("start") or 0))
        return process if process.pid and alive(process) else None

    async def ensure(self) -> None:
        """Starts it unless it runs, and returns when it answers. Two at once are harmless: the second one leaves by itself.

        Raises PlatformError with the last lines of its log when it does not come up.
        """
        there = self.running()
        if there is None:
            await self._start()
        end = time.monotonic() + ANSWER_LIMIT_S
        while True:
            try:
                wire.connect(self.socket_path).close()
                return
            except OSError as error:
                if there is not None and not alive(there):  # it was dying when we looked
                    there = None
                    await self._start()
                if time.monotonic() > end:
                    said = await asyncio.to_thread(self._last_words)
                    raise PlatformError(
                        f"the spawner does not come up ({error}); {self.log_path} ends with: {said}"
                    ) from error
            await asyncio.sleep(POLL_S)

    async def _start(self) -> None:
        for path in (self.log_path, self.socket_path):
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        log = os.open(self.log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # The shell leaves at once, so that the spawner belongs to init and never becomes a zombie of ours.
            shell = await asyncio.create_subprocess_exec(
                *("/bin/sh", "-c", '"$@" &', "sh"),
                *(sys.executable, "-I", "-S", str(MAIN), "--data-dir", self._data_dir),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )
            await shell.wait()
        finally:
            os.close(log)

    def _last_words(self) -> str:
        try:
            lines = Path(self.log_path).read_text(errors="replace").splitlines()
        except OSError as error:
            return str(error)
        return " / ".join(lines[-LOG_LINES_SHOWN:]) or "nothing"
