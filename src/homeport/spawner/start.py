"""The ordered list of steps that make a container run, done by its shim in a mount namespace of its own.

    hosts and resolv files -> cgroups -> private mounts -> overlay -> Volumes -> first process, from a template or by crun

Each is small, can be undone, and names itself when it fails. The network was taken by the spawner before the shim existed;
then a process from a template was told what to become, too, and makes its namespaces while the shim makes the rest.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from typing import Any, NamedTuple

from . import (
    cgroup,
    cgroup_layout,
    command,
    disk,
    gpus,
    network,
    ocispec,
    orders,
    overlay,
    private,
    process,
    removal,
    resolve,
    steps,
    syscalls,
    volumes,
)
from .containerdir import ContainerDir
from .forked import Forked
from .host import Host
from .joined import Joined, Room
from .network import Lease
from .origin import CRUN, FORK, SNAPSHOT, Origin

_NAMES = {FORK: "template", SNAPSHOT: "memory snapshot"}
_CRUN_MS_MAX = 30_000
_LINK_MS_MAX = 5_000
_LAUNCH_FAILED = 125


class Begun(NamedTuple):
    """A container's first process. `status` is called once it ended: its wait status, or None when nobody told us."""

    pid: int
    start: int  # time, as in `process`
    pidfd: int
    status: Callable[[], int | None]
    backend: str
    note: str = ""  # what is to be said about the way it was started
    template_hangs: bool = False


class Start(NamedTuple):
    """Everything one start needs. `stdout`, `stderr`, `control`, and those of lease and origin, are fds of this process."""

    host: Host
    directory: ContainerDir
    spec: dict[str, Any]
    lease: Lease
    stdout: int
    stderr: int
    origin: Origin
    control: int = -1  # for what is to be a memory snapshot itself: the socket on which it is asked for containers
    trial: bool = False  # of the template: it ends before any code of a user, and crun is no way out
    forked: Forked | None = None  # once its process was told what to become

    @property
    def cgroups(self) -> list[str]:
        return self.host.cgroups(self.directory.id)

    def ahead(self) -> Start:
        """What can be done before there is a shim: a process from a template is told what to become, and begins. Whatever
        does not work here, `run` meets again.
        """
        if self.origin.backend != FORK or self._volume_places():
            return self
        forked = Forked(self.origin.reply)
        try:
            self._order(forked)
        except (OSError, ValueError, KeyError):
            return self
        return self._replace(forked=forked)

    def run(self, write_down: Callable[[Begun | None], None]) -> Begun:
        """`write_down` is called before crun runs and before a process from elsewhere may go: a shim that dies then left
        word of it. Raises StepError with everything undone.
        """
        begun: list[Begun] = []
        note = steps.Step("write down who keeps it", lambda: write_down(None))
        if self.origin.backend == CRUN:
            run_crun = steps.Step("run crun", lambda: begun.append(self._run_crun()), self._delete)
            steps.run([note, *self._before(), *self._for_crun(), *self._for_volumes(), run_crun])
            write_down(begun[0])
            return begun[0]

        def go(forked: Forked | Joined) -> steps.Step:
            describe = "start its first process"
            return steps.Step(describe, lambda: begun.append(self._fork_or_run_crun(forked, write_down)), self._delete)

        apart = [steps.Step("make its mount namespace", self._private_mounts)] if self._volume_places() else []
        if self.origin.backend == SNAPSHOT:
            joined = Joined(self.origin.reply, self._room)
            steps.run([note, *apart, *self._for_volumes(), *self._before(), go(joined)])
            return begun[0]
        forked = self.forked or Forked(self.origin.reply, patient=self.trial)
        order = [] if self.forked else [steps.Step("say what it shall become", lambda: self._order(forked))]
        steps.run([*apart, *self._for_volumes(), *order, *self._before(), go(forked)])
        return begun[0]

    def _before(self) -> list[steps.Step]:
        return [
            steps.Step("write its hosts and resolv.conf", self._write_files),
            steps.Step("make its cgroups", self._make_cgroups, self._remove_cgroups),
            steps.Step("mount its image", self._check_image, self._remove_files),
        ]

    def _for_crun(self) -> list[steps.Step]:
        """What a process from a template does by itself, in its own mount namespace."""
        return [
            steps.Step("make its mount namespace", self._private_mounts),
            steps.Step("mount its image", self._mount_image, self._remove_files),
        ]

    def _for_volumes(self) -> list[steps.Step]:
        return [steps.Step("mount its Volumes", self._mount_volumes)] if self._volume_places() else []

    def _write_files(self) -> None:
        _write(self.directory.file("hosts"), resolve.hosts_text(self.lease.address, self.spec["hostname"]))
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

    def _check_image(self) -> None:
        for name in ("scratch", "rootfs"):
            os.makedirs(self.directory.file(name), 0o755, exist_ok=True)
        for layer in self.spec["layers"]:
            if not os.path.isdir(layer):
                raise OSError(f"the image's layer {layer} is not there: deploy again to build it")

    def _private_mounts(self) -> None:
        overlay.private_mounts(self.host.layout.detach)

    def _mount_image(self) -> None:
        scratch, rootfs = self.directory.file("scratch"), self.directory.file("rootfs")
        limit = self.spec.get("disk_mib")
        if limit:
            disk.mount(scratch, limit)
        overlay.mount(self.spec["layers"], scratch, rootfs, in_memory=self.host.upper_in_memory and not limit)

    def _remove_files(self) -> None:
        remove_files(self.directory)

    def _mount_volumes(self) -> None:
        """In this mount namespace only, so they go with it; nothing else ever looks at these places."""
        for source, place in self._volume_places().items():
            volumes.show(self.host.data_dir, volumes.relative(self.host.data_dir, source) or "", place)

    def _volume_places(self) -> dict[str, str]:
        """Where each Volume, or folder of one, is mounted to be handed on."""
        sources = [source for source, _, _ in self.spec["binds"]]
        ours = [source for source in sources if volumes.relative(self.host.data_dir, source) is not None]
        return {source: f"{self.host.run}/mounts/{number}" for number, source in enumerate(ours)}

    def _config(self, netns: int) -> dict[str, Any]:
        file = self.directory.file
        place = ocispec.Place(
            rootfs=file("rootfs"),
            netns=f"/proc/{os.getpid()}/fd/{netns}",
            hosts=file("hosts"),
            resolv=file("resolv.conf"),
            open_files_max=self.host.open_files_max,
            machine=self.host.machine,
        )
        places = self._volume_places()
        binds = [(places.get(source, source), target, read_only) for source, target, read_only in self.spec["binds"]]
        env = {**private.env(self.host.private, self.directory.id), **self.spec["env"]}
        config = ocispec.config({**self.spec, "binds": binds, "env": env}, place)
        given = self.spec.get("gpus_given")
        return gpus.give(config, given, self.host.cdi) if given else config

    def _order(self, forked: Forked) -> None:
        """From then on it unfolds its image, whatever else is being made."""
        request: dict[str, object] = {**self._orders(), "trial": self.trial}
        mounts = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        fds = (self.lease.netns, mounts, self.stdout, self.stderr, *([] if self.control < 0 else [self.control]))
        try:
            forked.order(request, fds)
        finally:
            os.close(mounts)

    def _orders(self) -> dict[str, Any]:
        """As `Room` has them."""
        config = self._config(self.lease.netns)
        filter_code = self.host.seccomp if self.control < 0 else self.host.seccomp_snapshot
        what = orders.orders(config, filter_code.hex(), self.host.machine)
        above = [self.origin.layer] if self.origin.layer else []
        layers, scratch = [*above, *self.spec["layers"]], self.directory.file("scratch")
        image = {"layers": layers, "scratch": scratch, "in_memory": self.host.upper_in_memory}
        env = orders.environment(config["process"])
        return {"orders": {**what, "cgroups": self.cgroups, "image": image}, "env": env}

    def _room(self) -> Room:
        """What is to be made around a process of a snapshot."""
        found = self._orders()
        return Room(found["orders"], found["env"], self.lease.wiring, (self.stdout, self.stderr))

    def _fork_or_run_crun(self, forked: Forked | Joined, write_down: Callable[[Begun | None], None]) -> Begun:
        begun: list[Begun] = []

        def note(pid: int) -> None:  # while it waits: later it may have ended, and be nobody's any more
            begun.append(Begun(pid, process.start_time(pid), os.pidfd_open(pid), forked.status, self.origin.backend))
            write_down(begun[0])

        try:
            forked.begin(note)
            return begun[0]
        except OSError as error:
            forked.give_up()
            cgroup.kill_all(self.cgroups)
            if self.trial or self.control >= 0:  # which crun could not hand on
                raise
            write_down(None)
            for step in self._for_crun():
                step.do()
            note_text = f"started by crun: its {_NAMES[self.origin.backend]} failed: {' '.join(str(error).split())}"
            found = self._run_crun()._replace(note=note_text, template_hangs=isinstance(error, TimeoutError))
            write_down(found)
            return found

    def _run_crun(self) -> Begun:
        """crun starts in the container's cgroups, so that there is no moment in which a process is outside of them."""
        file = self.directory.file
        config = private.file(self.host.private, self.directory.id, "config.json")
        netns = self.lease.netns if self.lease.netns >= 0 else self.lease.wiring.make_namespace(_LINK_MS_MAX)
        described = self._config(netns)
        _write(config, json.dumps(described), 0o600)  # it holds what is secret
        if "hooks" in described:  # they look for the root in the bundle, whatever -f says, and need nothing that is secret
            _write(file("config.json"), json.dumps({key: described[key] for key in ("ociVersion", "root")}))
        where = ("-b", self.directory.path, "-f", config)
        argv = self.host.crun_argv(file("crun.log"), "run", "-d", "--pid-file", file("pid"), *where, self.directory.id)
        launch = Launch(self.host, self.directory.id, argv, file("crun.log"), (-1, self.stdout, self.stderr))
        code = command.wait(launch.fork(), _CRUN_MS_MAX)
        if code is None:
            raise OSError(f"it did not end within {_CRUN_MS_MAX // 1000} s")
        if code:
            raise OSError(said_by_crun(file("crun.log")) or f"it ended with exit code {code}")
        pid = self.directory.init_pid_by_crun()
        return Begun(pid, process.start_time(pid), os.pidfd_open(pid), lambda: os.waitpid(pid, 0)[1], CRUN)

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
        syscalls.default_signals(self.host.machine)
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
    removal.remove(directory.file("scratch"))
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
