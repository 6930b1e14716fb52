"""The ordered list of steps that make a container run, done by its shim in a mount namespace of its own.

    hosts and resolv files -> cgroups -> private mounts -> overlay -> config.json -> crun

Each is small, can be undone, and names itself when it fails. The network was taken by the spawner before the shim existed.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
from typing import Any, NamedTuple

from . import cgroup, cgroup_layout, command, network, ocispec, overlay, private, resolve, steps, syscalls
from .containerdir import ContainerDir
from .host import Host

_CRUN_MS_MAX = 30_000
_LAUNCH_FAILED = 125


class Start(NamedTuple):
    """Everything one start needs. `netns`, `stdout`, `stderr` are fds of this process."""

    host: Host
    directory: ContainerDir
    spec: dict[str, Any]
    address: str
    netns: int
    stdout: int
    stderr: int

    @property
    def cgroups(self) -> list[str]:
        return self.host.cgroups(self.directory.id)

    def steps(self) -> list[steps.Step]:
        return [
            steps.Step("write its hosts and resolv.conf", self._write_files),
            steps.Step("make its cgroups", self._make_cgroups, self._remove_cgroups),
            steps.Step("make its mount namespace", self._private_mounts),
            steps.Step("mount its image", self._mount_image, self._unmount_image),
            steps.Step("write its OCI configuration", self._write_config),
            steps.Step("run crun", self._run_crun, self._delete),
        ]

    def run(self) -> int:
        """The pid of its first process. Raises StepError with everything undone."""
        steps.run(self.steps())
        return self.directory.init_pid_by_crun()

    def _write_files(self) -> None:
        _write(self.directory.file("hosts"), resolve.hosts_text(self.address, self.spec["hostname"]))
        _write(self.directory.file("resolv.conf"), network.resolv_conf())

    def _make_cgroups(self) -> None:
        spec = self.spec
        limits = cgroup_layout.Limits(
            spec["cpu_milli"], spec["cpu_limit_milli"], spec["memory_mib"], spec["memory_limit_mib"]
        )
        layout, tag = self.host.layout, self.host.tag
        cgroup.make(self.cgroups, cgroup_layout.writes(layout, tag, self.directory.id, limits))

    def _remove_cgroups(self) -> None:
        cgroup.remove(self.cgroups)

    def _private_mounts(self) -> None:
        overlay.private_mounts(self.host.layout.detach)

    def _mount_image(self) -> None:
        for name in ("scratch", "rootfs"):
            os.makedirs(self.directory.file(name), 0o755, exist_ok=True)
        for layer in self.spec["layers"]:
            if not os.path.isdir(layer):
                raise OSError(f"the image's layer {layer} is not there: deploy again to build it")
        scratch, rootfs = self.directory.file("scratch"), self.directory.file("rootfs")
        overlay.mount(self.spec["layers"], scratch, rootfs, in_memory=self.host.upper_in_memory)

    def _unmount_image(self) -> None:
        remove_files(self.directory)

    def _write_config(self) -> None:
        file = self.directory.file
        place = ocispec.Place(
            rootfs=file("rootfs"),
            netns=f"/proc/{os.getpid()}/fd/{self.netns}",
            hosts=file("hosts"),
            resolv=file("resolv.conf"),
            open_files_max=self.host.open_files_max,
            machine=self.host.machine,
        )
        env = {**private.env(self.host.private, self.directory.id), **self.spec["env"]}
        text = json.dumps(ocispec.config({**self.spec, "env": env}, place))
        _write(self._config(), text, 0o600)  # it holds what is secret

    def _config(self) -> str:
        return private.file(self.host.private, self.directory.id, "config.json")

    def _run_crun(self) -> None:
        """crun starts in the container's cgroups, so that there is no moment in which a process is outside of them."""
        file = self.directory.file
        where = ("-b", self.directory.path, "-f", self._config())
        argv = self.host.crun_argv(file("crun.log"), "run", "-d", "--pid-file", file("pid"), *where, self.directory.id)
        launch = Launch(self.host, self.directory.id, argv, file("crun.log"), (-1, self.stdout, self.stderr))
        code = command.wait(launch.fork(), _CRUN_MS_MAX)
        if code is None:
            raise OSError(f"it did not end within {_CRUN_MS_MAX // 1000} s")
        if code:
            raise OSError(said_by_crun(file("crun.log")) or f"it ended with exit code {code}")

    def _delete(self) -> None:
        cgroup.kill_all(self.cgroups)
        delete(self.host, self.directory)


class Launch(NamedTuple):
    """A crun that is to run inside a container's cgroups. stdio: three fds, -1 for /dev/null."""

    host: Host
    container_id: str
    argv: list[str]
    log: str  # where a failure before crun itself is written
    stdio: tuple[int, int, int]

    def fork(self) -> int:
        pid = os.fork()
        if pid == 0:
            try:
                self._exec()
            except OSError as error:
                _write(self.log, f"{error}\n")
            finally:
                os._exit(_LAUNCH_FAILED)
        return pid

    def _exec(self) -> None:
        cgroup.enter(self.host.cgroups(self.container_id))
        null = os.open("/dev/null", os.O_RDWR)
        sources = [null if fd < 0 else os.dup(fd) for fd in self.stdio]
        for target, source in enumerate(sources):
            os.dup2(source, target)
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        image = self.host.crun_image
        os.execve(image if image >= 0 else self.argv[0], self.argv, os.environ)


def delete(host: Host, directory: ContainerDir) -> None:
    """What crun keeps of a container that ended, and what was secret of it. Raises OSError when crun cannot be run."""
    private.remove(host.private, directory.id)
    if os.path.isdir(f"{host.crun_root}/{directory.id}"):
        command.run(host.crun_argv("/dev/null", "delete", "-f", directory.id))


def remove_files(directory: ContainerDir) -> None:
    """Its overlay and what it wrote. Idempotent; what cannot be removed now goes with the directory."""
    for name in ("rootfs", "scratch"):
        with contextlib.suppress(OSError):  # not mounted in this mount namespace
            syscalls.umount(directory.file(name))
    shutil.rmtree(directory.file("scratch"), ignore_errors=True)
    with contextlib.suppress(OSError):
        os.rmdir(directory.file("rootfs"))


def said_by_crun(log: str) -> str:
    """Its error as one line; "" when it wrote none."""
    try:
        with open(log, encoding="utf-8", errors="replace") as file:
            return " ".join(file.read().split())
    except FileNotFoundError:
        return ""


def _write(path: str, text: str, mode: int = 0o644) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with open(fd, "w", encoding="utf-8") as file:
        file.write(text)
