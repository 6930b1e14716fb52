"""`down`: end everything of one platform on this machine, in the order in which nothing is cut that need not be.

control plane -> router -> containers -> spawner. What was deployed is started again by the next `up`.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from ..errors import PlatformError
from ..router.haproxy import HAProxyRouter
from ..runtime.containers import ContainerFiles, Record
from ..runtime.processes import ProcessId, alive
from ..runtime.spawner_link import SpawnerLink
from ..settings import Settings
from ..store.lock import holder
from .compose import place_file, router_settings

PLANE_LIMIT_S = 15.0
KILL_AFTER_MS = 30_000
CONTAINERS_LIMIT_S = 40.0
POLL_S = 0.02


def down(settings: Settings) -> int:
    """Returns the exit code. Raises PlatformError naming what does not end. Ending what is not there is no error."""
    if not (settings.data_dir / "homeport.json").exists():
        print(f"There is no platform in {settings.data_dir}.")
        return 0
    asyncio.run(_down(settings))
    print(f"✓ homeport is down. Its data stays in {settings.data_dir}; what is deployed comes back with `homeport up`.")
    return 0


async def _down(settings: Settings) -> None:
    await _end_control_plane(settings.data_dir)
    await HAProxyRouter(router_settings(settings)).stop()
    link = SpawnerLink(str(settings.data_dir))
    try:
        await _end_containers(settings.data_dir, link)
        if link.process.running() is not None:
            await link.request("shutdown")
            await _until(lambda: link.process.running() is None, PLANE_LIMIT_S, "the spawner")
    finally:
        await link.close()


async def _end_control_plane(data_dir: Path) -> None:
    process = _control_plane(data_dir)
    if process is None:
        return
    os.kill(process.pid, signal.SIGTERM)
    await _until(lambda: not alive(process), PLANE_LIMIT_S, f"the control plane (pid {process.pid})")


def _control_plane(data_dir: Path) -> ProcessId | None:
    first = holder(data_dir / "lock")
    if first is not None:
        return ProcessId(first.pid, first.start)
    try:
        said = json.loads(place_file(data_dir).read_bytes())
        process = ProcessId(int(said["pid"]), int(said["start"]))
    except (OSError, ValueError, KeyError):
        return None
    return process if alive(process) else None


async def _end_containers(data_dir: Path, link: SpawnerLink) -> None:
    files = ContainerFiles(str(data_dir))

    def living() -> list[Record]:
        """Ended ones whose shim still cleans up are among them: the spawner does not leave before they are done."""
        records = [files.read(container_id) for container_id in files.ids()]
        return [r for r in records if r is not None and _lives(r)]

    for record in living():
        if record.exit is None:
            print(f"Ending container {record.container_id}")
            await link.request("stop", id=record.container_id, kill_after_ms=KILL_AFTER_MS)
    await _until(lambda: not living(), CONTAINERS_LIMIT_S, "a container")


def _lives(record: Record) -> bool:
    return any(process is not None and alive(process) for process in (record.shim, record.init))


async def _until(done: Callable[[], bool], limit_s: float, what: str) -> None:
    end = time.monotonic() + limit_s
    while not done():
        if time.monotonic() > end:
            raise PlatformError(f"{what} did not end within {limit_s:.0f} s; run `homeport down` again.")
        await asyncio.sleep(POLL_S)
