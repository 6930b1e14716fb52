"""What the files of a container directory say, as values. Reads only; the spawner and its shims write (see spawner/wire)."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..spawner import wire
from .processes import ProcessId

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Exit:
    """How it ended. `error` and `step` are set when it never ran."""

    exit_code: int | None
    signal: int | None
    oom: bool
    error: str
    step: str
    ended_at_ms: int


@dataclass(frozen=True, slots=True)
class Record:
    """One container directory. Files that can't be understood count as missing."""

    container_id: str
    port: int
    log_path: str
    address: str  # without port; empty while none is known
    shim: ProcessId | None
    init: ProcessId | None
    stop_asked: bool
    exit: Exit | None


class ContainerFiles:
    """`<data dir>/containers`."""

    def __init__(self, data_dir: str) -> None:
        self._root = os.path.join(data_dir, "containers")
        self._said: set[str] = set()

    def ids(self) -> list[str]:
        """All containers that have a directory, sorted. Raises OSError."""
        try:
            return sorted(entry.name for entry in os.scandir(self._root) if entry.is_dir(follow_symlinks=False))
        except FileNotFoundError:
            return []

    def read(self, container_id: str) -> Record | None:
        """None when there is no such container, or it was never meant to start (no spec.json). Raises OSError."""
        directory = os.path.join(self._root, container_id)
        files: dict[str, Mapping[str, Any] | None] = {}
        damaged = False
        for name in ("exit", "spec", "state", "stop"):  # exit first: what is read after it can't be older
            try:
                files[name] = wire.read_json(os.path.join(directory, f"{name}.json"))
            except ValueError as error:
                files[name], damaged = None, True
                self._say(os.path.join(directory, f"{name}.json"), error)
        spec, state = files["spec"], files["state"] or {}
        if spec is None and not damaged:
            return None
        return Record(
            container_id=container_id,
            port=int((spec or {}).get("port", 0)),
            log_path=str((spec or {}).get("log_path", "")),
            address=str(state.get("address") or ""),
            shim=_process(state, "shim"),
            init=_process(state, "init"),
            stop_asked=files["stop"] is not None,
            exit=_exit(files["exit"]),
        )

    def _say(self, path: str, error: ValueError) -> None:
        if path not in self._said:  # they are read again and again
            log.warning("%s can't be understood (%s); it counts as missing", path, error)
        self._said.add(path)


def _process(state: Mapping[str, Any], name: str) -> ProcessId | None:
    pid = int(state.get(f"{name}_pid") or 0)
    return ProcessId(pid, int(state.get(f"{name}_start") or 0)) if pid else None


def _exit(value: Mapping[str, Any] | None) -> Exit | None:
    if value is None:
        return None
    return Exit(
        exit_code=value.get("exit_code"),
        signal=value.get("signal"),
        oom=bool(value.get("oom")),
        error=str(value.get("error") or ""),
        step=str(value.get("step") or ""),
        ended_at_ms=int(value.get("ended_at_ms") or 0),
    )
