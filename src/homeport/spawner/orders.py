"""From the config.json that crun would get to what `isolate` has to do, as plain values that fit in a message. Pure.

There is one description of a container, `ocispec`; this translates it, so that both ways to start one follow the same text.
"""

from __future__ import annotations

from typing import Any

from . import syscalls

_CAPABILITIES = (  # linux/capability.h: the place is the number
    *("CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP"),
    *("LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER"),
    *("SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE"),
    *("SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP"),
)
_FLAGS = {
    "nosuid": syscalls.MS_NOSUID,
    "nodev": syscalls.MS_NODEV,
    "noexec": syscalls.MS_NOEXEC,
    "strictatime": syscalls.MS_STRICTATIME,
    "ro": syscalls.MS_RDONLY,
    "rw": 0,
    "rbind": 0,  # what makes it a bind, and who it is shared with, is the same for all of ours
    "rprivate": 0,
}


def orders(config: dict[str, Any], seccomp: str, machine: str) -> dict[str, Any]:
    """`seccomp` is the profile's program in hexadecimal, `machine` as in uname -m. Raises KeyError where `config` is new."""
    process = config["process"]
    mounts = [_mount(entry) for entry in config["mounts"]]
    return {
        "rootfs": config["root"]["path"],
        "hostname": config["hostname"],
        "binds": [entry for entry in mounts if entry["kind"] == "bind"],
        "mounts": [entry for entry in mounts if entry["kind"] != "bind"],
        "masked": config["linux"]["maskedPaths"],
        "read_only": config["linux"]["readonlyPaths"],
        "oom_score_adjust": process["oomScoreAdj"],
        "cwd": process["cwd"],
        "rights": rights(process, seccomp, machine),
    }


def rights(process: dict[str, Any], seccomp: str, machine: str) -> dict[str, Any]:
    """What `rights.limit` takes, from the `process` part of a config.json."""
    (files,) = process["rlimits"]
    return {
        "capabilities": _mask(process["capabilities"]["bounding"]),
        "open_files": [files["soft"], files["hard"]],
        "seccomp": seccomp,
        "machine": machine,
    }


def environment(process: dict[str, Any]) -> dict[str, str]:
    return dict(entry.split("=", 1) for entry in process["env"])


def _mount(entry: dict[str, Any]) -> dict[str, Any]:
    flags, data = 0, []
    for option in entry["options"]:
        if option in _FLAGS:
            flags |= _FLAGS[option]
        else:
            data.append(option)
    found = {"target": entry["destination"], "kind": entry["type"], "source": entry["source"]}
    return {**found, "flags": flags, "data": ",".join(data)}


def _mask(names: list[str]) -> int:
    return sum(1 << _CAPABILITIES.index(name.removeprefix("CAP_")) for name in names)
