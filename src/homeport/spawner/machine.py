"""Finds out what this machine can do, once, with real tries; the answer is a `Host` and what is special or off."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
from typing import NamedTuple

from . import cgroup, command, gpus, ocispec, orders, overlay, private, rights, seccomp, seccompfilter, syscalls, wire
from .gpus import Gpu
from .host import Host
from .subnet import instance_tag

_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


class Findings(NamedTuple):
    host: Host
    problem: str  # why no container can be started, or ""
    fork_problem: str  # why none can be forked from a template, or ""
    snapshot_problem: str  # why none can come from a memory snapshot, or ""
    notes: dict[str, str]
    gpus: tuple[Gpu, ...]


def examine(data_dir: str, cdi: tuple[str, ...]) -> Findings:
    """Makes the directories of the instance and its cgroups. `cdi` as in `Host`.

    Raises OSError when the data directory cannot be written.
    """
    real = os.path.realpath(data_dir)
    for name in ("", "/run", "/containers"):
        os.makedirs(f"{real}{name}", 0o711 if not name else 0o700, exist_ok=True)
    tag = instance_tag(real)
    notes: dict[str, str] = {}
    memory = private.place(real, tag)
    private.make(memory)
    if memory.startswith(f"{real}/"):
        notes["secrets"] = "no file system in memory: what is secret of a container is on the disk while it lives"
    try:
        cgroup.favour_moves()
    except OSError as error:
        notes["favordynmods"] = f"entering a cgroup takes some ms: {error}"
    layout, problems = cgroup.prepare(cgroup.detect(), tag)
    if layout.missing:
        notes["cgroups"] = f"no limits of {', '.join(layout.missing)}: {'; '.join(problems)}"
    crun = command.find("crun")
    problem = _crun_problem(crun)
    on_disk = overlay.probe(f"{real}/run", in_memory=False)
    in_memory = bool(on_disk)
    if in_memory:
        notes["overlay"] = f"what containers write is kept in memory: {on_disk}"
        problem = problem or _overlay_problem(overlay.probe(f"{real}/run", in_memory=True))
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = files if files != resource.RLIM_INFINITY else 1 << 20
    image = -1 if problem else _sealed(crun)
    machine = os.uname().machine
    program, fork_problem = _seccomp_program(machine)
    looser, snapshot_problem = _seccomp_program(machine, snapshot=True)
    host = Host(real, memory, tag, crun, image, layout, in_memory, most, machine, program, looser, cdi)
    snapshot_problem = problem or fork_problem or snapshot_problem or _snapshot_problem(host)
    found = gpus.examine(cdi)
    if found.note:
        notes["gpus"] = found.note
    return Findings(host, problem, problem or fork_problem, snapshot_problem, notes, found.gpus)


def _crun_problem(crun: str) -> str:
    if os.geteuid() != 0:
        return "the spawner must run as root"
    if not crun:
        return "crun is not installed: apt-get install crun"
    try:
        result = command.run([crun, "--version"])
    except OSError as error:
        return f"{crun} cannot be run: {error}"
    return f"{crun} --version failed: {result.output}" if result.code else ""


def _seccomp_program(machine: str, *, snapshot: bool = False) -> tuple[bytes, str]:
    """And why there is none."""
    if machine not in syscalls.MACHINES:
        return b"", f"templates do not know the system calls of {machine}"
    try:
        return seccompfilter.compile_profile(seccomp.profile(machine, snapshot=snapshot)), ""
    except OSError as error:
        return b"", f"no seccomp filter for templates: {error}"


def _snapshot_problem(host: Host) -> str:
    """Tries what a process has to do that leaves a snapshot, with the rights that it has."""
    if host.upper_in_memory:
        return "what containers write is kept in memory here, out of the sight of each other"
    described = ocispec.process([], {}, "/", host.open_files_max)
    allowed = orders.rights(described, host.seccomp_snapshot.hex(), host.machine)
    pid = os.fork()
    if pid == 0:
        code = errno.EPERM
        try:
            rights.limit(allowed)
            syscalls.unshare(seccomp.SNAPSHOT_FLAGS)
            code = 0
        except OSError as error:
            code = error.errno or code
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return f"a container's process cannot get a user namespace of its own: {os.strerror(abs(code))}" if code else ""


def _sealed(program: str) -> int:
    """crun runs itself a second time from a copy that no container can write to, unless it is such a copy: 2 ms a start."""
    image = -1
    try:
        with open(program, "rb") as file:
            content = file.read()
        image = os.memfd_create("crun", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        wire.write_all(image, content)
        fcntl.fcntl(image, fcntl.F_ADD_SEALS, _SEALS)
        works = command.run([f"/proc/self/fd/{image}", "--version"]).code == 0
    except OSError:  # a kernel that forbids programs in memory: the file will do
        works = False
    if not works and image >= 0:
        os.close(image)
    return image if works else -1


def _overlay_problem(said: str) -> str:
    return f"overlayfs does not work here: {said}" if said else ""
