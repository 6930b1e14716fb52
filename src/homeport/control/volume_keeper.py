"""What Volumes need while nobody asks: background commits while containers write to them, one when they end, and removal.

Owns when this is done. It looks at the directories of containers, which outlive every process, so a control plane that was
killed takes up where it left off. While no container has a Volume, it costs a look at a list every few seconds.
"""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from pathlib import Path

from ..core.states import ContainerState
from ..errors import Error
from .loop import ControlLoop
from .volumes import Volumes

log = logging.getLogger(__name__)

EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class Use:
    """What one container has of Volumes. `writes`: one of them is not read-only."""

    volumes: frozenset[str] = frozenset()
    writes: bool = False


class VolumeKeeper:
    def __init__(self, data_dir: Path, volumes: Volumes, loop: ControlLoop) -> None:
        self._containers = data_dir / "containers"
        self._volumes = volumes
        self._loop = loop
        self._uses: dict[str, Use] = {}
        self._one_at_a_time = asyncio.Lock()

    async def run(self) -> None:
        """Looks now, for what an earlier control plane left, and every few seconds, until it is cancelled."""
        await self.look()
        while True:
            await asyncio.sleep(EVERY_S)
            if self._uses or self._anything_runs():
                await self.look()
            for volume_id in self._volumes.forsaken():
                await self._forsake(volume_id)

    async def look(self) -> None:
        """Commits what containers wrote, and removes the files of deleted Volumes that nobody has any more."""
        async with self._one_at_a_time:
            before = self._uses
            try:
                self._uses = await asyncio.to_thread(self._found)
                ended = [use for container_id, use in before.items() if container_id not in self._uses]
                if any(use.writes for use in (*self._uses.values(), *ended)):
                    await asyncio.to_thread(self._volumes.folders.sync)
                await asyncio.to_thread(self._remove_deleted)
            except OSError as error:
                log.error("Volumes can't be kept: %s", error)

    def _anything_runs(self) -> bool:
        apps = self._loop.world.apps.values()
        return any(c.state is not ContainerState.PENDING for app in apps for c in app.containers)

    def _found(self) -> dict[str, Use]:
        """By id of the containers that have not ended and have a Volume. What a container has never changes."""
        found = {}
        for spec in self._containers.glob("*/spec.json"):
            if spec.with_name("exit.json").exists():
                continue
            use = self._uses.get(spec.parent.name) or self._read(spec)
            if use.volumes:
                found[spec.parent.name] = use
        return found

    def _read(self, spec: Path) -> Use:
        try:
            binds = json.loads(spec.read_bytes())["binds"]
        except FileNotFoundError:
            return Use()  # it has just been forgotten
        owned = [(self._volumes.folders.volume_of(source), read_only) for source, _, read_only in binds]
        mounted = [(volume_id, read_only) for volume_id, read_only in owned if volume_id]
        return Use(frozenset(volume_id for volume_id, _ in mounted), any(not read_only for _, read_only in mounted))

    def _remove_deleted(self) -> None:
        there = set(self._volumes.folders.stored())
        deleted = there & {row.volume_id for row in self._volumes.table.deleted()} if there else set()
        if not deleted:
            return
        used = frozenset[str]().union(*(use.volumes for use in self._found().values()))
        for volume_id in sorted(deleted - used):
            self._volumes.folders.drop(volume_id)
            log.info("the files of Volume %s are gone", volume_id)

    async def _forsake(self, volume_id: str) -> None:
        try:
            self._volumes.delete(volume_id, "")
            await self.look()
        except (Error, OSError) as error:
            log.warning("Volume %s, whose program is gone, can't be removed: %s", volume_id, error)
