"""Runs one more program inside a running container, with the same limits and rights as everything in it."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
from typing import Any, NamedTuple

from . import nsexec, ocispec, orders, overlay, private, process, start, wire
from .containerdir import ContainerDir
from .host import Host
from .nsexec import NOT_EXECUTABLE, NOT_FOUND
from .origin import FORK, SNAPSHOT


class Exec(NamedTuple):
    """`fds`: stdin, stdout, stderr, and the pipe that gets {"exit_code": n}."""

    host: Host
    directory: ContainerDir
    spec: dict[str, Any]
    request: dict[str, Any]  # {argv, env, cwd}; an empty cwd is the container's
    fds: tuple[int, int, int, int]

    def fork(self) -> int:
        """The pid of a process that waits for the program and reports its end."""
        pid = os.fork()
        if pid == 0:
            gc.disable()
            code = NOT_EXECUTABLE
            try:
                code = self._run()
            except (OSError, ValueError, KeyError, TypeError) as error:
                with contextlib.suppress(OSError):  # nobody reads its stderr
                    wire.write_all(self.fds[2], f"homeport: {error}\n".encode())
            finally:
                with contextlib.suppress(OSError):  # nobody waits for the exit code
                    wire.write_all(self.fds[3], json.dumps({"exit_code": code}).encode())
                os._exit(0)
        return pid

    def _run(self) -> int:
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        process.close_all_but([fd for fd in (*self.fds, self.host.crun_image) if fd >= 0])
        spec, request = self.spec, self.request
        env = {**private.env(self.host.private, self.directory.id), **spec["env"], **request.get("env", {})}
        described = ocispec.process(request["argv"], env, request.get("cwd") or spec["cwd"], self.host.open_files_max)
        backend = (self.directory.state() or {}).get("backend")
        if backend in (FORK, SNAPSHOT):
            return self._run_without_crun(described, own_users=backend == SNAPSHOT)
        path = private.file(self.host.private, self.directory.id, f"exec-{os.getpid()}.json")
        log = self.directory.file(f"exec-{os.getpid()}.log")
        wire.write_json(path, described, durable=False)
        try:
            overlay.private_mounts(self.host.layout.detach)
            argv = self.host.crun_argv(log, "exec", "--process", path, self.directory.id)
            launch = start.Launch(self.host, self.directory.id, argv, log, self.fds[:3])
            _, status = os.waitpid(launch.fork(), 0)
            return exit_code(os.waitstatus_to_exitcode(status), start.said_by_crun(log))
        finally:
            for used in (path, log):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(used)

    def _run_without_crun(self, described: dict[str, Any], *, own_users: bool) -> int:
        pidfd = process.open_pidfd(*self.directory.init())
        if pidfd is None:
            raise OSError(f"{self.directory.id} is not running")
        rights = orders.rights(described, self.host.seccomp.hex(), self.host.machine)
        env = orders.environment(described)
        program = nsexec.Program(described["args"], env, described["cwd"], rights, self.fds[:3], own_users)
        return nsexec.run(pidfd, self.host.cgroups(self.directory.id), program)


def exit_code(code: int, said: str) -> int:
    """A shell's exit code: crun ends with 1 or 255 for all its own failures and says (`said`) what they are.

    Where crun itself was killed by signal n, 128 + n.
    """
    if code < 0:
        return 128 - code
    if not code or not said:
        return code
    return NOT_FOUND if "not found" in said or "No such file" in said else NOT_EXECUTABLE
