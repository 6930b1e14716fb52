"""Runs a program in a container that crun knows nothing of: its namespaces are entered from outside, its rights are taken
over. The counterpart of `crun exec`.
"""

from __future__ import annotations

import errno
import os
from typing import Any, NamedTuple

from . import cgroup, rights, syscalls

NOT_FOUND, NOT_EXECUTABLE = 127, 126
_NAMESPACES = (
    *(syscalls.CLONE_NEWCGROUP, syscalls.CLONE_NEWIPC, syscalls.CLONE_NEWUTS, syscalls.CLONE_NEWNET),
    *(syscalls.CLONE_NEWPID, syscalls.CLONE_NEWNS),
)


class Program(NamedTuple):
    argv: list[str]
    env: dict[str, str]
    cwd: str
    rights: dict[str, Any]  # as `orders.rights` makes them
    stdio: tuple[int, int, int]
    own_users: bool = False  # the container has a user namespace


def run(pidfd: int, cgroups: list[str], program: Program) -> int:
    """Its exit code, 128 + n for signal n. `pidfd` is that of the container's first process. Raises OSError."""
    cgroup.enter(cgroups)
    for kind in (*_NAMESPACES, *([syscalls.CLONE_NEWUSER] if program.own_users else [])):
        syscalls.setns(pidfd, kind)
    # Until it becomes the program, what is forked here has our memory and file, and the rights of those in there who see it.
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)
    pid = os.fork()
    if pid == 0:
        _exec(program)
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _exec(program: Program) -> None:
    """Does not return. From here on a file that Python imported would be the container's: nothing does."""
    code = NOT_EXECUTABLE
    try:
        sources = [os.dup(fd) for fd in program.stdio]
        for target, source in enumerate(sources):
            os.dup2(source, target)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        os.setsid()
        syscalls.default_signals(program.rights["machine"])
        os.chdir(program.cwd)
        rights.limit(program.rights)
        _execute(program)
    except OSError as error:
        code = NOT_FOUND if error.errno in (errno.ENOENT, errno.ENOTDIR) else NOT_EXECUTABLE
        os.write(2, f"homeport: {program.argv[0]}: {os.strerror(error.errno or 0)}\n".encode())
    finally:
        os._exit(code)


def _execute(program: Program) -> None:
    """Not by `os.execvpe`, which imports."""
    name = program.argv[0]
    folders = [""] if "/" in name else [f"{folder}/" for folder in program.env.get("PATH", "").split(":") if folder]
    problem: OSError = FileNotFoundError(errno.ENOENT, "not found in PATH")
    for folder in folders:
        try:
            os.execve(f"{folder}{name}", program.argv, program.env)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                problem = error
    raise problem
