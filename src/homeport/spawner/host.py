"""What was found out about this machine when the spawner came up, and where the instance keeps things. A value."""

from __future__ import annotations

from typing import NamedTuple

from . import cgroup_layout
from .cgroup_layout import Layout


class Host(NamedTuple):
    data_dir: str  # real path
    memory: str  # a directory for what must be on no disk; on one only where the machine has no file system in memory
    tag: str
    crun: str  # full path, "" when it is not installed
    crun_image: int  # an fd of crun in sealed memory, to be executed instead of the file; -1 when there is none
    layout: Layout  # the cgroups that work here
    upper_in_memory: bool  # no overlay can be written on the data dir's file system
    open_files_max: int
    machine: str  # uname -m
    seccomp: bytes  # the program of `seccomp.profile`, or nothing: then no container can be forked from a template
    seccomp_snapshot: bytes = b""  # the same for what memory snapshots are made of
    cdi: tuple[str, ...] = ()  # the directories in which the machine's devices are described

    @property
    def containers(self) -> str:
        return f"{self.data_dir}/containers"

    @property
    def run(self) -> str:
        return f"{self.data_dir}/run"

    @property
    def trash(self) -> str:
        return f"{self.data_dir}/run/trash"

    @property
    def trials(self) -> str:
        return f"{self.data_dir}/run/trials"

    @property
    def snapshots(self) -> str:
        return f"{self.data_dir}/run/snapshots"

    @property
    def crun_root(self) -> str:
        """crun keeps a copy of each config.json, with all of the environment."""
        return f"{self.memory}/crun"

    @property
    def private(self) -> str:
        """A directory for each container, with what is secret of it."""
        return f"{self.memory}/private"

    def cgroups(self, container_id: str) -> list[str]:
        return cgroup_layout.directories(self.layout, self.tag, container_id)

    def cgroup_parents(self) -> list[str]:
        return cgroup_layout.parents(self.layout, self.tag)

    def crun_argv(self, log: str, *arguments: str) -> list[str]:
        """crun with our own cgroups; what goes wrong is also written to `log`."""
        return [self.crun, "--root", self.crun_root, "--cgroup-manager=disabled", f"--log={log}", *arguments]
