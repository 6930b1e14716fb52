"""Where the cgroups of an instance are and what is written into them, for v1, v2 and both mounted side by side. Pure.

v1      <mount of controller>/homeport-<tag>/<id>    one directory per controller
v2      <mount>/homeport-<tag>/<id>                  one directory
hybrid  v1 for the controllers that v1 has, v2 for the rest
none    no directory: containers run without limits, and the spawner says so
"""

from __future__ import annotations

from typing import NamedTuple

WANTED = ("memory", "cpu", "pids")
_V1_ALSO = ("cpuacct", "freezer")
PIDS_MAX = 4096
_PERIOD_US = 100_000
_QUOTA_US_MIN = 1_000
_USUAL_CPU_MILLI = 125  # what a Server asks for when it says nothing: it gets the kernel's own default weight


class Weights(NamedTuple):
    lowest: int
    usual: int
    highest: int


_V1_SHARES = Weights(2, 1024, 262_144)
_V2_WEIGHTS = Weights(1, 100, 10_000)


class Layout(NamedTuple):
    v1: tuple[tuple[str, str], ...]  # (controller, mount point)
    v2_mount: str  # "" when v2 gives us nothing
    v2_controllers: tuple[str, ...]
    detach: str  # a v2 mount that crun refuses beside v1 and that has to be hidden from it, or ""

    @property
    def controllers(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*(name for name, _ in self.v1), *self.v2_controllers)))

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(name for name in WANTED if name not in self.controllers)


class Limits(NamedTuple):
    cpu_milli: int
    cpu_limit_milli: int | None
    memory_mib: int
    memory_limit_mib: int | None


class Write(NamedTuple):
    directory: str
    file: str
    value: str
    optional: bool = False  # this kernel may lack the file


def v2_mount(mountinfo: str) -> str:
    """The first cgroup2 mount point, or ""."""
    return next((mount.point for mount in _mounts(mountinfo) if mount.kind == "cgroup2"), "")


def decide(mountinfo: str, v2_controllers: str) -> Layout:
    """From /proc/self/mountinfo and the text of cgroup.controllers at the v2 mount ("" without one)."""
    v1: dict[str, str] = {}
    for mount in _mounts(mountinfo):
        for name in mount.options if mount.kind == "cgroup" else ():
            if name in (*WANTED, *_V1_ALSO):
                v1.setdefault(name, mount.point)
    v2 = v2_mount(mountinfo)
    mine = tuple(name for name in WANTED if name in v2_controllers.split() and name not in v1)
    return Layout(tuple(sorted(v1.items())), v2 if mine else "", mine, v2 if v1 else "")


def parents(layout: Layout, tag: str) -> list[str]:
    """The directories that hold this instance's containers, without doubles."""
    mounts = [mount for _, mount in layout.v1] + ([layout.v2_mount] if layout.v2_mount else [])
    return [f"{mount}/homeport-{tag}" for mount in dict.fromkeys(mounts)]


def directories(layout: Layout, tag: str, container_id: str) -> list[str]:
    return [f"{parent}/{container_id}" for parent in parents(layout, tag)]


def writes(layout: Layout, tag: str, container_id: str, limits: Limits) -> list[Write]:
    """What a container's cgroups get before anything enters them, in order."""
    found: list[Write] = []
    for controller, mount in layout.v1:
        directory = f"{mount}/homeport-{tag}/{container_id}"
        found += [Write(directory, *item) for item in _V1_FILES.get(controller, _nothing)(limits)]
    for controller in layout.v2_controllers:
        directory = f"{layout.v2_mount}/homeport-{tag}/{container_id}"
        found += [Write(directory, *item) for item in _V2_FILES[controller](limits)]
    return found


def remount_flags(super_options: str) -> list[str]:
    """The options that keep a cgroup2 mount as it is and add favordynmods; [] when it has it already."""
    present = [option for option in super_options.split(",") if option not in ("rw", "ro", "")]
    return [] if "favordynmods" in present else [*present, "favordynmods"]


def super_options(mountinfo: str, point: str) -> str:
    return next((",".join(mount.options) for mount in _mounts(mountinfo) if mount.point == point), "")


Item = tuple[str, str, bool]


def _nothing(limits: Limits) -> list[Item]:
    return []


def _v1_memory(limits: Limits) -> list[Item]:
    found = [("memory.soft_limit_in_bytes", str(limits.memory_mib << 20), True)]
    if limits.memory_limit_mib:
        most = str(limits.memory_limit_mib << 20)
        found += [("memory.limit_in_bytes", most, False), ("memory.memsw.limit_in_bytes", most, True)]
    return found


def _v1_cpu(limits: Limits) -> list[Item]:
    found = [("cpu.shares", str(_proportional(limits.cpu_milli, _V1_SHARES)), False)]
    if limits.cpu_limit_milli:
        found.append(("cpu.cfs_period_us", str(_PERIOD_US), False))
        found.append(("cpu.cfs_quota_us", str(_quota(limits.cpu_limit_milli)), False))
    return found


def _v2_memory(limits: Limits) -> list[Item]:
    found = [("memory.low", str(limits.memory_mib << 20), True)]
    if limits.memory_limit_mib:
        found += [("memory.max", str(limits.memory_limit_mib << 20), False), ("memory.swap.max", "0", True)]
    return found


def _v2_cpu(limits: Limits) -> list[Item]:
    found = [("cpu.weight", str(_proportional(limits.cpu_milli, _V2_WEIGHTS)), False)]
    if limits.cpu_limit_milli:
        found.append(("cpu.max", f"{_quota(limits.cpu_limit_milli)} {_PERIOD_US}", False))
    return found


def _pids(limits: Limits) -> list[Item]:
    return [("pids.max", str(PIDS_MAX), False)]


_V1_FILES = {"memory": _v1_memory, "cpu": _v1_cpu, "pids": _pids}
_V2_FILES = {"memory": _v2_memory, "cpu": _v2_cpu, "pids": _pids}


def _proportional(cpu_milli: int, weights: Weights) -> int:
    """Weights count among our own containers only, so just their proportions matter. But the kernel spreads tasks of tiny
    weight badly over the cores: with the usual 128 shares for an eighth of a CPU, a container started 12 ms later.
    """
    return min(weights.highest, max(weights.lowest, cpu_milli * weights.usual // _USUAL_CPU_MILLI))


def _quota(cpu_limit_milli: int) -> int:
    return max(_QUOTA_US_MIN, cpu_limit_milli * _PERIOD_US // 1000)


class _Mount(NamedTuple):
    point: str
    kind: str
    options: tuple[str, ...]


def _mounts(mountinfo: str) -> list[_Mount]:
    """proc_pid_mountinfo(5): fields, " - ", then kind, source, options of the file system."""
    found = []
    for line in mountinfo.splitlines():
        left, dash, right = line.partition(" - ")
        if dash:
            kind, _, options = right.split(" ", 2)
            found.append(_Mount(left.split()[4].replace("\\040", " "), kind, tuple(options.split(","))))
    return found
