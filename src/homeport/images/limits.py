"""What the steps of a build may take of this machine. Owns the cgroups in which they run: one for each workplace, beside
those of containers, so that a step that takes all the memory or forks without end ends alone.

Together, builds have a small weight where CPUs are short, and leave some memory to everything else. What the kernel here
can't limit is not limited, and that is said.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass

from ..spawner import cgroup, cgroup_layout
from ..spawner.cgroup_layout import Write

_LOW = {"cpu.shares": "128", "cpu.weight": "12"}  # v1, v2: an eighth of what the kernel gives without being asked
_USUAL_CPU_MILLI = 125

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StepLimits:
    """`tag` names the platform's builds among all cgroups of the machine; `memory_mib`: of each; 0 is half the machine's."""

    tag: str
    memory_mib: int = 0

    @property
    def memory_limit_mib(self) -> int:
        return self.memory_mib or _machine_mib() // 2

    @contextlib.asynccontextmanager
    async def cgroups(self, name: str) -> AsyncIterator[list[str]]:
        """The directories that a step has to enter, made; at the end whatever is in there is killed, and they go."""
        layout, notes = cgroup.prepare(cgroup.detect(), self.tag)
        for note in notes:
            log.warning("builds are not limited in all they take of this machine: %s", note)
        parents = cgroup_layout.parents(layout, self.tag)
        directories = cgroup_layout.directories(layout, self.tag, name)
        limits = cgroup_layout.Limits(_USUAL_CPU_MILLI, None, 0, self.memory_limit_mib)
        try:
            cgroup.make(directories, [*self._of_all(parents), *cgroup_layout.writes(layout, self.tag, name, limits)])
            yield directories
        finally:
            await asyncio.to_thread(_end, directories)
            _remove_empty(parents)

    def out_of_memory(self, directories: list[str]) -> str:
        """Says so if the kernel ended processes in there because the memory was not enough; else empty."""
        if not cgroup.oom_kills(directories):
            return ""
        return f"A build may use {self.memory_limit_mib} MiB of memory, and this needs more (setting build_memory_gib)."

    def _of_all(self, parents: list[str]) -> list[Write]:
        most = str(max(self.memory_limit_mib, _machine_mib() * 3 // 4) << 20)
        files = {**_LOW, "memory.limit_in_bytes": most, "memory.max": most}
        return [Write(each, *item) for each in parents for item in files.items() if os.path.exists(f"{each}/{item[0]}")]

    def sweep(self) -> None:
        """Ends and removes what a killed control plane left."""
        parents = [each for each in cgroup_layout.parents(cgroup.detect(), self.tag) if os.path.isdir(each)]
        for parent in parents:
            _end([entry.path for entry in os.scandir(parent) if entry.is_dir()])
        _remove_empty(parents)


def _machine_mib() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20


def _end(directories: list[str]) -> None:
    there = [directory for directory in directories if os.path.isdir(directory)]
    for directory in there:
        cgroup.kill_all([directory])
    for stuck in cgroup.remove(there):
        log.warning("the cgroup %s of a build can't be removed: something in it does not end", stuck)


def _remove_empty(parents: list[str]) -> None:
    for parent in parents:
        with contextlib.suppress(OSError):  # other builds are in there
            os.rmdir(parent)
