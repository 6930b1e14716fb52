"""Everything about the data plane as processes and places: the run directory, ports, limits, and who runs."""

from __future__ import annotations

import asyncio
import os
import re
import resource
import shutil
import subprocess
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from importlib import resources

from ..errors import PlatformError
from . import files, launch, loopback
from .events import Ring
from .process import ProcessId
from .render import Shape
from .settings import Ports, RouterSettings

_PLAIN_PATH = re.compile(r"[A-Za-z0-9_./@+-]+")


class Boot:
    def __init__(self, settings: RouterSettings) -> None:
        self._settings = settings
        self._binary = ""
        self._supervisor: subprocess.Popen[bytes] | None = None
        self.ports = Ports(0, 0, 0, 0)

    def prepare(self) -> None:
        """Directories, the Lua file, ports and the binary. Raises PlatformError saying what is in the way."""
        run_dir = self._settings.run_dir
        if not run_dir.is_absolute() or not _PLAIN_PATH.fullmatch(str(run_dir)):
            raise PlatformError(
                f"The router can't use {str(run_dir)!r}: choose a data directory of plain letters and digits."
            )
        self._binary = launch.find_binary(self._settings)
        files.private_directory(run_dir)
        files.private_directory(self._settings.socket_dir)
        lua = resources.files("homeport.router").joinpath("place.lua").read_text(encoding="utf-8")
        files.write_if_changed(self._settings.lua_file, lua)
        self.ports = loopback.load(self._settings)

    async def listen(self, name: str, ring: Ring) -> None:
        """Receive a ring on its port; on another one when somebody took a port that no setting names."""
        try:
            await ring.listen(getattr(self.ports, name))
        except PlatformError:
            if getattr(self._settings, f"{name}_port"):
                raise
            self.ports = replace(self.ports, **{name: next(loopback.free_ports(self._settings.run_dir))})
            await ring.listen(getattr(self.ports, name))

    def shape(self, slots: int, sessioned: bool) -> Shape:
        files_max = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        return Shape(self._settings, self.ports, slots, files_max, os.getuid() == 0, sessioned)

    def runs(self) -> bool:
        """Whether HAProxy runs on this directory, with or without a supervisor."""
        found = ProcessId.load(self._settings.run_dir / "haproxy.json")
        return found is not None and found.alive

    def pids(self) -> dict[str, object]:
        records = {"supervisor": "supervisor.json", "master": "haproxy.json", "sidecar": "sidecar.json"}
        found = {name: ProcessId.load(self._settings.run_dir / file) for name, file in records.items()}
        return {name: who.pid if who is not None and who.alive else 0 for name, who in found.items()}

    def check_ports(self) -> None:
        """Raises PlatformError when somebody else has a port that people know."""
        address, port = self._settings.http_bind, self._settings.http_port
        if not loopback.is_free(address, port):
            raise PlatformError(f"Port {port} on {address} is in use or not allowed; choose another one with --http-port.")
        secure = self._settings.https_port
        if self._settings.tls_cert and not loopback.is_free(address, secure):
            raise PlatformError(f"Port {secure} on {address} is in use or not allowed; set another https_port.")

    def ensure_supervisor(self) -> None:
        """Start one unless it runs; the one before is reaped if it was our child."""
        if self._supervisor is not None and self._supervisor.poll() is None:
            return
        self._supervisor = launch.ensure_supervisor(self._settings, self._binary)

    async def wait_until(self, true: Callable[[], Awaitable[bool]], timeout_s: float) -> None:
        """Raises PlatformError with the last lines of HAProxy's log when it is not true in time."""
        deadline = time.monotonic() + timeout_s
        while not await true():
            if time.monotonic() > deadline:
                said = files.tail(self._settings.run_dir / "haproxy.log", 5)
                raise PlatformError(f"HAProxy did not come up within {timeout_s:.0f} s. It said: {said}")
            await asyncio.sleep(0.02)

    async def end_all(self) -> None:
        await launch.end_all(self._settings)
        if self._settings.socket_dir != self._settings.run_dir:
            shutil.rmtree(self._settings.socket_dir, ignore_errors=True)
        if self._supervisor is not None:
            self._supervisor.poll()
            self._supervisor = None
