"""At start: settle what ended unseen and remove what no container of this instance owns. Never touches what lives."""

from __future__ import annotations

import contextlib
import os

from . import cgroup, private, process, removal, shim
from .containerdir import ContainerDir
from .host import Host


def sweep(host: Host) -> list[str]:
    """One line for each thing that was settled or removed. Raises OSError when the data directory cannot be read."""
    lines = []
    known = _directories(host.containers)
    for name in known:
        with contextlib.suppress(ValueError):  # a directory that is not ours
            lines += _settle(host, ContainerDir(host.containers, name))
    known += _snapshots(host)
    lines += _stray_cgroups(host, set(known))
    for name in set(_directories(host.crun_root)) - set(known):
        if not name.startswith("."):
            removal.remove(f"{host.crun_root}/{name}")
            lines.append(f"removed what crun kept of {name}")
    removal.remove(host.trials)
    for name in set(_directories(host.private)) - set(known):
        private.remove(host.private, name)
    empty_trash(host)
    return lines


def empty_trash(host: Host) -> None:
    """What `forget` put aside, in a process of its own: it may be many files."""
    names = _directories(host.trash)
    if names and os.fork() == 0:
        try:
            process.close_all_but([])
            for name in names:
                removal.remove(f"{host.trash}/{name}")
        finally:
            os._exit(0)


def _settle(host: Host, directory: ContainerDir) -> list[str]:
    """A container without shim and without life gets its exit.json, if it has none, and is cleaned."""
    lock = directory.lock()
    if lock is None:
        return []
    try:
        if directory.is_running():
            return []
        lines = []
        if directory.spec() is None:
            removal.remove(directory.path)
            return [f"removed {directory.id}: it was never started"]
        if directory.ending() is None:
            directory.write_exit({})
            lines.append(f"{directory.id} ended unseen")
        shim.clean(host, directory)
        return lines
    finally:
        os.close(lock)


def _snapshots(host: Host) -> list[str]:
    """Those of an earlier spawner serve nobody any more, but containers that came from them may live on. The rest goes."""
    kept = []
    for name in _directories(host.snapshots):
        directory = ContainerDir(host.snapshots, name)
        if directory.has_shim() or directory.is_running():
            kept.append(name)
        else:
            shim.clean(host, directory)
            removal.remove(directory.path)
    return kept


def _stray_cgroups(host: Host, known: set[str]) -> list[str]:
    """Whoever is in there belongs to nothing: its directory was deleted by hand."""
    stray = {name for parent in host.cgroup_parents() for name in _directories(parent) if name not in known}
    for name in sorted(stray):
        cgroups = host.cgroups(name)
        cgroup.kill_all(cgroups)
        cgroup.remove(cgroups)
    return [f"removed the cgroups of {name}" for name in sorted(stray)]


def _directories(path: str) -> list[str]:
    try:
        return sorted(entry.name for entry in os.scandir(path) if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []
