"""StartSpec to the config.json of an OCI runtime (runtime-spec 1.0.2). Pure: values in, a dictionary out.

cgroups are not in it: our own code makes and enters them, so that v1, v2 and both at once work alike.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from . import seccomp

CAPABILITIES = tuple(
    f"CAP_{name}"
    for name in (
        *("CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "SETGID", "SETUID", "SETPCAP"),
        *("NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "SETFCAP"),
    )
)
OOM_SCORE_ADJUST = 500  # when the machine itself runs out of memory, containers go before the platform
OPEN_FILES_MAX = 65_536

_MASKED = (
    *("/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list"),
    *("/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap"),
)
_READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
_NAMESPACES = ("pid", "mount", "ipc", "uts", "cgroup")
_ENV = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
_FIXED_MOUNTS = (
    ("/proc", "proc", "proc", "nosuid,noexec,nodev"),
    ("/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"),
    ("/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620"),
    ("/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777"),
    ("/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev"),
    ("/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro"),
    ("/tmp", "tmpfs", "tmpfs", "nosuid,nodev,mode=1777"),
    ("/run", "tmpfs", "tmpfs", "nosuid,nodev,mode=755"),
)


class Place(NamedTuple):
    """Where this container is put: what the spec of its owner does not say."""

    rootfs: str
    netns: str  # a path to the network namespace
    hosts: str  # the file shown as /etc/hosts
    resolv: str  # the file shown as /etc/resolv.conf
    open_files_max: int
    machine: str


def config(spec: dict[str, Any], place: Place) -> dict[str, Any]:
    """The whole config.json."""
    namespaces: list[dict[str, str]] = [{"type": kind} for kind in _NAMESPACES]
    return {
        "ociVersion": "1.0.2",
        "process": process(spec["argv"], spec["env"], spec["cwd"], place.open_files_max),
        "root": {"path": place.rootfs, "readonly": False},
        "hostname": spec["hostname"],
        "mounts": _mounts(spec["binds"], place),
        "linux": {
            "namespaces": [*namespaces, {"type": "network", "path": place.netns}],
            "maskedPaths": list(_MASKED),
            "readonlyPaths": list(_READ_ONLY),
            "seccomp": seccomp.profile(place.machine),
        },
    }


def process(argv: list[str], env: dict[str, str], cwd: str, open_files_max: int) -> dict[str, Any]:
    """One process with the rights that everything in a container has; also for `crun exec`."""
    most = min(OPEN_FILES_MAX, open_files_max)
    return {
        "terminal": False,
        "user": {"uid": 0, "gid": 0},
        "args": list(argv),
        "cwd": cwd,
        "env": [f"{name}={value}" for name, value in {**_ENV, **env}.items()],
        "noNewPrivileges": True,
        "oomScoreAdj": OOM_SCORE_ADJUST,
        "capabilities": {kind: list(CAPABILITIES) for kind in ("bounding", "effective", "permitted")},
        "rlimits": [{"type": "RLIMIT_NOFILE", "hard": most, "soft": most}],
    }


def _mounts(binds: list[tuple[str, str, bool]], place: Place) -> list[dict[str, Any]]:
    """Fixed ones first, then binds with parents before what lies in them."""
    fixed = [
        {"destination": target, "type": kind, "source": source, "options": options.split(",")}
        for target, kind, source, options in _FIXED_MOUNTS
    ]
    files = [(place.hosts, "/etc/hosts", False), (place.resolv, "/etc/resolv.conf", False)]
    ordered = sorted([*files, *binds], key=lambda bind: bind[1].rstrip("/").count("/"))
    return [*fixed, *(_bind(source, target, read_only) for source, target, read_only in ordered)]


def _bind(source: str, target: str, read_only: bool) -> dict[str, Any]:
    options = ["rbind", "rprivate", "nosuid", "nodev", "ro" if read_only else "rw"]
    return {"destination": target, "type": "bind", "source": source, "options": options}
