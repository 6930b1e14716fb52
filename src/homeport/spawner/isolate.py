"""Makes the calling process, the first of a new pid namespace, a container: `orders` carried out with system calls.

    unfold: mount namespace, image mounted
    isolate: cgroups, network -> binds taken -> the container's files become / -> mounts, devices, masks
    confine: working directory -> rights

Whatever has a path is resolved after the container's files have become `/`: a symbolic link in an image leads nowhere
else. From then on a file that Python imported would be the image's, read with our rights: nothing here imports late.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import Any

from . import cgroup, overlay, rights, syscalls
from .syscalls import MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_PRIVATE, MS_RDONLY, MS_REC, MS_REMOUNT

_DEVICES = (("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("tty", 5, 0), ("random", 1, 8), ("urandom", 1, 9))
_LINKS = (
    ("/proc/self/fd", "/dev/fd"),
    ("/proc/self/fd/0", "/dev/stdin"),
    ("/proc/self/fd/1", "/dev/stdout"),
    ("/proc/self/fd/2", "/dev/stderr"),
    ("/proc/kcore", "/dev/core"),
    ("pts/ptmx", "/dev/ptmx"),
)


def unfold(orders: dict[str, Any], mounts: int) -> None:
    """The part that needs nothing but the image. `mounts` is an fd of the machine's mount namespace. Raises OSError."""
    os.setsid()
    syscalls.setns(mounts, syscalls.CLONE_NEWNS)
    syscalls.unshare(syscalls.CLONE_NEWNS | syscalls.CLONE_NEWIPC | syscalls.CLONE_NEWUTS)
    syscalls.mount("", "/", "", MS_REC | MS_PRIVATE)
    syscalls.sethostname(orders["hostname"])
    syscalls.new_session_keyring(orders["rights"]["machine"])
    image = orders["image"]
    for folder in (image["scratch"], orders["rootfs"]):
        os.makedirs(folder, 0o755, exist_ok=True)
    overlay.mount(image["layers"], image["scratch"], orders["rootfs"], in_memory=image["in_memory"])


def isolate(orders: dict[str, Any], network: int) -> None:
    """The rest, once cgroups and files are there. `network` is an fd of its network namespace. Raises OSError."""
    cgroup.enter(orders["cgroups"])
    syscalls.unshare(syscalls.CLONE_NEWCGROUP)  # which begins where it is now
    syscalls.setns(network, syscalls.CLONE_NEWNET)
    furnish(orders)
    cgroup.write("/proc/self/oom_score_adj", str(orders["oom_score_adjust"]))


def furnish(orders: dict[str, Any]) -> None:
    """The files: its image, which is mounted, becomes `/` of the caller's mount namespace, with all that belongs in it."""
    binds = [(syscalls.open_tree(bind["source"]), bind) for bind in orders["binds"]]
    syscalls.pivot_root(orders["rootfs"])
    for entry in orders["mounts"]:
        os.makedirs(entry["target"], 0o755, exist_ok=True)
        syscalls.mount(entry["source"], entry["target"], entry["kind"], entry["flags"], entry["data"])
    _make_devices()
    for tree, bind in binds:
        _bind(tree, bind["target"], bind["flags"])
    for path in orders["read_only"]:
        _make_read_only(path)
    for path in orders["masked"]:
        _mask(path)


def confine(orders: dict[str, Any]) -> None:
    """The last step, when nothing more is needed that the container may not have. Raises OSError."""
    os.makedirs(orders["cwd"], 0o755, exist_ok=True)
    os.chdir(orders["cwd"])
    rights.limit(orders["rights"])


def _make_devices() -> None:
    before = os.umask(0)
    for name, major, minor in _DEVICES:
        os.mknod(f"/dev/{name}", stat.S_IFCHR | 0o666, os.makedev(major, minor))
    os.umask(before)
    for source, link in _LINKS:
        with contextlib.suppress(FileExistsError):
            os.symlink(source, link)


def _bind(tree: int, place: str, flags: int) -> None:
    target = os.path.realpath(place)  # a mount is never put on a link; resolv.conf often is one
    try:
        if stat.S_ISDIR(os.fstat(tree).st_mode):
            os.makedirs(target, 0o755, exist_ok=True)
        elif not os.path.exists(target):
            os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
        syscalls.move_mount(tree, target)
    finally:
        os.close(tree)
    syscalls.mount("", target, "", MS_REMOUNT | MS_BIND | flags)


def _make_read_only(path: str) -> None:
    if os.path.exists(path):
        syscalls.mount(path, path, "", MS_BIND | MS_REC)
        flags = MS_NOSUID | MS_NODEV | MS_NOEXEC  # those of the /proc below, which a remount would take away
        syscalls.mount("", path, "", MS_REMOUNT | MS_BIND | MS_RDONLY | flags)


def _mask(path: str) -> None:
    if os.path.isdir(path):
        syscalls.mount("tmpfs", path, "tmpfs", MS_RDONLY, "size=0k")
    elif os.path.exists(path):
        syscalls.mount("/dev/null", path, "", MS_BIND)
        syscalls.mount("", path, "", MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NOEXEC)
