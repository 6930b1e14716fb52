"""The directory of one container: the names of its files, its lock, its JSON. `wire` has the contract."""

from __future__ import annotations

import fcntl
import os
import re
from typing import Any

from . import logpipe, process, wire

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


def check_id(container_id: object) -> str:
    """It becomes part of paths and of crun's arguments. Raises ValueError."""
    if not isinstance(container_id, str) or not is_id(container_id):
        raise ValueError(f"{container_id!r} is not a container id: letters, digits, '_', '.', '-', at most 100")
    return container_id


def is_id(name: str) -> bool:
    return bool(_ID.fullmatch(name))


class ContainerDir:
    def __init__(self, containers: str, container_id: object) -> None:
        self.id = check_id(container_id)
        self.path = f"{containers}/{self.id}"

    def file(self, name: str) -> str:
        return f"{self.path}/{name}"

    def exists(self) -> bool:
        return os.path.isdir(self.path)

    def spec(self) -> dict[str, Any] | None:
        return self._read("spec.json")

    def state(self) -> dict[str, Any] | None:
        return self._read("state.json")

    def ending(self) -> dict[str, Any] | None:
        return self._read("exit.json")

    def stop_deadline_ms(self) -> int | None:
        """When SIGKILL follows, on the monotonic clock; None while no stop was asked for."""
        found = self._read("stop.json")
        return int(found["deadline_ms"]) if found else None

    def write(self, name: str, value: dict[str, Any], *, durable: bool = False) -> None:
        wire.write_json(self.file(name), value, durable=durable)

    def write_exit(self, ending: dict[str, Any]) -> None:
        """The keys that `ending` lacks get their neutral value. Raises OSError."""
        whole = {"exit_code": None, "signal": None, "oom": False, "error": "", "step": "", "ended_at_ms": logpipe.now_ms()}
        self.write("exit.json", {**whole, **ending}, durable=True)

    def lock(self) -> int | None:
        """An fd that holds the lock until its last copy is closed, or None: a shim has it."""
        fd = os.open(self.file("lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        return fd

    def has_shim(self) -> bool:
        fd = self.lock()
        if fd is not None:
            os.close(fd)
        return fd is None

    def init(self) -> tuple[int, int]:
        """(pid, start time) of its first process; (0, 0) when none was ever started.

        A shim that died while crun ran left crun's pid file. That process must be younger than the shim.
        """
        state = self.state() or {}
        if state.get("init_pid"):
            return int(state["init_pid"]), int(state["init_start"])
        pid = self.init_pid_by_crun()
        start = process.start_time(pid)
        return (pid, start) if start and start >= int(state.get("shim_start", 0)) and self._owns(pid) else (0, 0)

    def init_pid_by_crun(self) -> int:
        """0 when crun did not get that far."""
        try:
            with open(self.file("pid"), encoding="ascii") as file:
                text = file.read().strip()
        except FileNotFoundError:
            return 0
        return int(text) if text.isdigit() else 0

    def is_running(self) -> bool:
        return process.is_running(*self.init())

    def _owns(self, pid: int) -> bool:
        """Its cgroup carries our id, or there are no cgroups at all."""
        if not (self.state() or {}).get("cgroups"):
            return True
        try:
            with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="replace") as file:
                return f"/{self.id}" in file.read()
        except OSError:  # it went away meanwhile
            return False

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            return wire.read_json(self.file(name))
        except ValueError:  # cut off by a power failure: as if it had never been written
            return None
