"""Starts a template's Python: on the layers of a base image, read-only, with the guest's library and our own package in
view and nothing else; a network namespace without any link. Knows nothing of when and why.
"""

from __future__ import annotations

import gc
import os
import socket
from typing import NamedTuple, NoReturn

from . import overlay, syscalls, template, template_main
from .host import Host

_HERE = os.path.dirname(os.path.abspath(__file__))
_FIRST_FREE_FD = 6
_FAILED = 125


class Key(NamedTuple):
    """Containers for which all of this is the same can be forked from one template."""

    layers: tuple[str, ...]  # of the base image, uppermost first
    program: str  # the interpreter in there
    argv: tuple[str, ...]
    library: str  # the directory with the guest
    library_at: str  # where containers see it
    env: tuple[tuple[str, str], ...]  # what an interpreter reads at its start


class Launched(NamedTuple):
    pid: int
    control: int  # fd of its socket


def launch(host: Host, key: Key) -> Launched:
    """Raises OSError when it cannot even be forked; what goes wrong later closes the socket."""
    place = f"{host.run}/template"
    os.makedirs(place, 0o700, exist_ok=True)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        _main(host, key, place, theirs.detach())
    theirs.close()
    return Launched(pid, ours.detach())


def _main(host: Host, key: Key, place: str, control: int) -> NoReturn:
    gc.disable()
    try:
        os.setsid()
        _set_fds(control, os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC))
        _show_files(host, key, place)
        syscalls.pivot_root(f"{place}/rootfs")
        syscalls.default_signals(host.machine)
        os.execve(key.program, key.argv, dict(key.env))
    except OSError as error:
        os.write(template.CONTROL, f"error {error}".encode())
    finally:
        os._exit(_FAILED)


def _show_files(host: Host, key: Key, place: str) -> None:
    """Whatever a template could write would be in memory; then nothing can be written any more."""
    root, ours = f"{place}/rootfs", f"{place}/rootfs{template_main.PLACE}"
    overlay.private_mounts(host.layout.detach)
    syscalls.unshare(syscalls.CLONE_NEWNET | syscalls.CLONE_NEWIPC | syscalls.CLONE_NEWUTS)
    syscalls.mount("tmpfs", place, "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, "mode=700")
    for path in (f"{place}/scratch", root):
        os.mkdir(path, 0o755)
    overlay.mount(list(key.layers), f"{place}/scratch", root, in_memory=False)
    for path in (f"{root}{key.library_at}", f"{ours}/spawner"):
        os.makedirs(path, 0o755, exist_ok=True)
    _bind_read_only(key.library, f"{root}{key.library_at}")
    _bind_read_only(_HERE, f"{ours}/spawner")
    os.close(os.open(f"{root}{template_main.GUEST_MAIN}", os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
    _bind_read_only(f"{root}{key.argv[-1]}", f"{root}{template_main.GUEST_MAIN}")
    _bind_read_only(f"{_HERE}/template_main.py", f"{root}{key.argv[-1]}")
    flags = syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_RDONLY
    syscalls.mount("", root, "", syscalls.MS_REMOUNT | syscalls.MS_BIND | flags)


def _bind_read_only(source: str, target: str) -> None:
    flags = syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_RDONLY
    syscalls.mount(source, target, "", syscalls.MS_BIND)
    syscalls.mount("", target, "", syscalls.MS_REMOUNT | syscalls.MS_BIND | flags)


def _set_fds(control: int, home: int) -> None:
    """Output goes into a pipe that nobody reads: children inherit streams made for a pipe, as those of crun are."""
    read, write = os.pipe()
    moved = [os.dup(fd) for fd in (os.open("/dev/null", os.O_RDONLY), write, write, control, home, read)]
    safe = [os.dup2(fd, 100 + index) for index, fd in enumerate(moved)]
    for target, source in enumerate(safe):
        os.dup2(source, target)
    os.closerange(_FIRST_FREE_FD, os.sysconf("SC_OPEN_MAX"))
