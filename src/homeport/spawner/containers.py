"""What the spawner does for its clients, one method per word of `wire`. Everything true of a container is in its directory;
in memory there are only the read ends of pipes, kept so that a container outlives the death of its shim.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
from typing import Any, NamedTuple

from . import cgroup, gpus, private, process, sweep, wire
from .containerdir import ContainerDir, is_id
from .execin import Exec
from .gpus import Gpu
from .host import Host
from .keeper import monotonic_ms
from .network import Network
from .origin import CRUN, SNAPSHOT
from .shim import Pipes, Shim, make_pipes
from .snapshots import Snapshots
from .templates import Templates
from .traffic import traffic

_CLEANING_MS_MAX = 5_000
_SPEC_TYPES: dict[str, Any] = {
    "layers": list,
    "argv": list,
    "env": dict,
    "cwd": str,
    "binds": list,
    "hostname": str,
    "log_path": str,
    "cpu_milli": int,
    "cpu_limit_milli": (int, type(None)),
    "memory_mib": int,
    "memory_limit_mib": (int, type(None)),
    "stop_after_ms": int,
}


class RequestError(Exception):
    """It cannot be done; `step` is what was being done."""

    def __init__(self, text: str, step: str = "") -> None:
        super().__init__(text)
        self.step = step


class _Child(NamedTuple):
    container_id: str
    address: str


class Containers:
    def __init__(self, host: Host, net: Network, templates: Templates, snapshots: Snapshots) -> None:
        self._host = host
        self._network = net
        self._templates = templates
        self._snapshots = snapshots
        self.gpus: tuple[Gpu, ...] = ()  # of this machine
        self._pipes: dict[str, Pipes] = {}
        self._shims: dict[int, _Child] = {}

    def start(self, message: wire.Message, fds: list[int]) -> wire.Message:
        spec = check_spec(message.get("spec"))
        directory = self._directory(spec["id"])
        existing = self._existing(directory)
        if existing is not None:
            return existing
        if spec.get("gpus"):
            spec = {**spec, "backend": CRUN, "snapshot": "", "gpus_given": self._give_gpus(**spec["gpus"])}
        secret = private.received(fds[0]) if fds else {}
        os.mkdir(directory.path, 0o700)
        try:
            private.put(self._host.private, directory.id, secret)
            return self._start(directory, spec)
        except OSError as error:
            self._close_pipes(directory.id)
            private.remove(self._host.private, directory.id)
            shutil.rmtree(directory.path, ignore_errors=True)
            raise RequestError(f"{directory.id} could not be started: {error}", "take a network for it") from error

    def _start(self, directory: ContainerDir, spec: dict[str, Any]) -> wire.Message:
        with contextlib.ExitStack() as mine:  # all of this goes to the shim, but the read ends of the pipes stay here too
            origin = self._snapshots.choose(spec)
            if origin.reply >= 0:
                mine.callback(os.close, origin.reply)
            directory.write("spec.json", spec)
            lock = directory.lock()
            if lock is None:
                raise OSError(f"another process holds {directory.path}/lock")
            mine.callback(os.close, lock)
            lease = self._network.reserve() if origin.backend == SNAPSHOT else self._network.take()
            if lease.netns >= 0:
                mine.callback(os.close, lease.netns)
            pipes = make_pipes()
            mine.callback(os.close, pipes.out_write)
            mine.callback(os.close, pipes.err_write)
            self._pipes[directory.id] = Pipes(pipes.out, pipes.err)
            pid = Shim(self._host, directory, spec, lock, pipes).fork_start(lease, origin)
        self._shims[pid] = _Child(directory.id, lease.address)
        return {"address": lease.address, "shim_pid": pid, "existed": False}

    def _existing(self, directory: ContainerDir) -> wire.Message | None:
        """The reply for an id that was started before; what only got half way (no shim ever wrote a word) is removed."""
        if not directory.exists():
            return None
        for pid, child in self._shims.items():
            if child.container_id == directory.id:
                return {"address": child.address, "shim_pid": pid, "existed": True}
        state = directory.state()
        if state is None and directory.ending() is None and not directory.has_shim():
            shutil.rmtree(directory.path)
            return None
        state = state or {}
        return {"address": state.get("address", ""), "shim_pid": state.get("shim_pid", 0), "existed": True}

    def _give_gpus(self, model: str, count: int) -> list[dict[str, Any]]:
        """As spec.json has them. Those of a container that ended are free when nothing of it is left that could use them."""
        holders = [(directory, held) for directory in self._directories() if (held := _gpus_of(directory))]
        for cleaned in (False, True):
            if cleaned:  # none is left; maybe soon
                for directory, _ in holders:
                    if directory.ending() is not None:
                        self._await_shim(directory)
            held = [one for directory, mine in holders if self._holds(directory) for one in mine]
            if found := gpus.choose(self.gpus, model, count, held):
                return [{"name": gpu.name, "nodes": list(gpu.nodes)} for gpu in found]
        raise RequestError(f"{count} x {model} is not free, of {len(self.gpus)} GPUs in all", "give it its GPUs")

    def _holds(self, directory: ContainerDir) -> bool:
        """Until it ended and its cgroups are empty: a process that does not die keeps what it opened."""
        over = directory.ending() is not None and not directory.has_shim() and not directory.is_running()
        return not over or bool(cgroup.members(self._host.cgroups(directory.id)))

    def stop(self, message: wire.Message) -> wire.Message:
        """Idempotent; an ended or unknown container is no error. One without shim gets one, that carries the stop out."""
        directory = self._directory(message.get("id"))
        if not directory.exists() or directory.ending() is not None:
            return {}
        after_ms = message.get("kill_after_ms")
        if not isinstance(after_ms, int) or after_ms < 0:
            raise RequestError("kill_after_ms must be a number of milliseconds, 0 or more")
        deadline = monotonic_ms() + after_ms
        earlier = directory.stop_deadline_ms()
        directory.write("stop.json", {"deadline_ms": deadline if earlier is None else min(earlier, deadline)})
        if not directory.has_shim():
            self.adopt({"id": directory.id})
            return {}
        pid, start = self._shim_of(directory)
        pidfd = process.open_pidfd(pid, start)
        if pidfd is not None:
            try:
                with contextlib.suppress(ProcessLookupError):  # it ended, and so did its container
                    signal.pidfd_send_signal(pidfd, signal.SIGTERM)
            finally:
                os.close(pidfd)
        return {}

    def adopt(self, message: wire.Message) -> wire.Message:
        """Idempotent. shim_pid is 0 for a container that ended."""
        directory = self._must_exist(message)
        spec = directory.spec()
        if directory.ending() is not None or spec is None:
            return {"shim_pid": 0}
        lock = directory.lock()
        if lock is None:
            return {"shim_pid": self._shim_of(directory)[0]}
        try:
            pipes = self._pipes.get(directory.id, Pipes(-1, -1))
            pid = Shim(self._host, directory, spec, lock, pipes).fork_adopt()
        finally:
            os.close(lock)
        self._shims[pid] = _Child(directory.id, (directory.state() or {}).get("address", ""))
        return {"shim_pid": pid}

    def forget(self, message: wire.Message) -> wire.Message:
        """Idempotent. Waits a moment for a shim that still cleans; the files go in the background."""
        directory = self._directory(message.get("id"))
        if not directory.exists():
            return {}
        if directory.ending() is None and (directory.has_shim() or directory.is_running()):
            raise RequestError(f"{directory.id} is running: stop it first")
        self._await_shim(directory)
        self._close_pipes(directory.id)
        os.makedirs(self._host.trash, 0o700, exist_ok=True)
        os.rename(directory.path, f"{self._host.trash}/{directory.id}.{monotonic_ms()}")
        sweep.empty_trash(self._host)
        return {}

    def exec(self, message: wire.Message, fds: list[int]) -> wire.Message:
        directory = self._must_exist(message)
        spec = directory.spec()
        argv = message.get("argv")
        if len(fds) != 4:
            raise RequestError(f"exec needs 4 file descriptors with it, not {len(fds)}")
        if not isinstance(argv, list) or not argv or not all(isinstance(word, str) for word in argv):
            raise RequestError("exec needs argv, a list of strings that is not empty")
        if spec is None or not directory.is_running():
            raise RequestError(f"{directory.id} is not running")
        return {"pid": Exec(self._host, directory, spec, message, (fds[0], fds[1], fds[2], fds[3])).fork()}

    def usage(self, message: wire.Message) -> wire.Message:
        directory = self._must_exist(message)
        return dict(cgroup.usage(self._host.cgroups(directory.id)))

    def usages(self, message: wire.Message) -> wire.Message:
        ids = message.get("ids")
        if not isinstance(ids, list):
            raise RequestError("usages needs ids, a list")
        found: dict[str, dict[str, int]] = {}
        for directory in map(self._directory, ids):
            pid, _ = directory.init()
            if pid and directory.is_running():
                found[directory.id] = {**cgroup.usage(self._host.cgroups(directory.id)), **traffic(pid)}
        return {"usages": found}

    def running(self) -> list[str]:
        """Ids of containers that live or that have a shim that still works."""
        return [found.id for found in self._directories() if found.has_shim() or found.is_running()]

    def reap(self) -> None:
        """After SIGCHLD. The pipes of a container that ended are closed; those of one that lost its shim are kept."""
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._templates.ended(pid)
            self._snapshots.ended(pid)
            child = self._shims.pop(pid, None)
            if child and self._directory(child.container_id).ending() is not None:
                self._close_pipes(child.container_id)

    def _close_pipes(self, container_id: str) -> None:
        pipes = self._pipes.pop(container_id, None)
        if pipes:
            os.close(pipes.out)
            os.close(pipes.err)

    def _shim_of(self, directory: ContainerDir) -> tuple[int, int]:
        """(pid, start time); also in the moment before the shim has written them down."""
        for pid, child in self._shims.items():
            if child.container_id == directory.id:
                return pid, process.start_time(pid)
        state = directory.state() or {}
        return int(state.get("shim_pid", 0)), int(state.get("shim_start", 0))

    def _await_shim(self, directory: ContainerDir) -> None:
        pidfd = process.open_pidfd(*self._shim_of(directory))
        if pidfd is None:
            return
        try:
            poller = select.poll()
            poller.register(pidfd, select.POLLIN)
            if not poller.poll(_CLEANING_MS_MAX):
                raise RequestError(f"{directory.id} ended, but its remains cannot be removed yet: try again")
        finally:
            os.close(pidfd)

    def _directories(self) -> list[ContainerDir]:
        try:
            names = sorted(os.listdir(self._host.containers))
        except FileNotFoundError:
            return []
        return [ContainerDir(self._host.containers, name) for name in names if is_id(name)]

    def _directory(self, container_id: object) -> ContainerDir:
        try:
            return ContainerDir(self._host.containers, container_id)
        except ValueError as error:
            raise RequestError(str(error)) from None

    def _must_exist(self, message: wire.Message) -> ContainerDir:
        directory = self._directory(message.get("id"))
        if not directory.exists():
            raise RequestError(f"there is no container {directory.id}")
        return directory


def check_spec(spec: object) -> dict[str, Any]:
    """Raises RequestError naming the first thing that is wrong."""
    if not isinstance(spec, dict):
        raise RequestError("start needs a spec", "read its spec")
    for name, kind in _SPEC_TYPES.items():
        if name not in spec or not isinstance(spec[name], kind):
            raise RequestError(f"the spec's {name} is missing or has the wrong type", "read its spec")
    if not spec["argv"] or not spec["layers"]:
        raise RequestError("the spec needs an argv and at least one layer", "read its spec")
    for name, kind in (("base_layers", int), ("snapshot", str)):
        if name in spec and not isinstance(spec[name], kind):
            raise RequestError(f"the spec's {name} has the wrong type", "read its spec")
    if spec.get("gpus") is not None and not _are_gpus(spec["gpus"]):
        raise RequestError("the spec's gpus need a model and a count above 0, and nothing else", "read its spec")
    if spec.get("disk_mib") is not None and (type(spec["disk_mib"]) is not int or spec["disk_mib"] < 1):
        raise RequestError("the spec's disk_mib must be a whole number above 0", "read its spec")
    spec.pop("gpus_given", None)
    return spec


def _are_gpus(said: object) -> bool:
    if not isinstance(said, dict) or said.keys() != {"model", "count"}:
        return False
    return isinstance(said["model"], str) and type(said["count"]) is int and said["count"] > 0


def _gpus_of(directory: ContainerDir) -> list[dict[str, Any]]:
    """What it was given, if anything."""
    return list((directory.spec() or {}).get("gpus_given", ()))
