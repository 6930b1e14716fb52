"""The spawner's StartSpec for a container, and what goes beside it; the words are those of spawner/wire."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

from ..ports import ContainerSpec
from ..spawner import wire

STOP_AFTER_MS = 30_000  # between SIGTERM and SIGKILL when a stop does not say otherwise (semantics 2.3.5 d)


def start_spec(spec: ContainerSpec) -> wire.Message:
    return {
        "id": spec.container_id,
        "layers": list(spec.image_layers),
        "argv": list(spec.command),
        "env": dict(spec.env),
        "cwd": spec.cwd,
        "binds": [[bind.source, bind.target, bind.read_only] for bind in spec.binds],
        "hostname": spec.hostname,
        "log_path": spec.log_path,
        "port": spec.port,
        "cpu_milli": spec.resources.cpu_milli,
        "cpu_limit_milli": spec.resources.cpu_limit_milli,
        "memory_mib": spec.resources.memory_mib,
        "memory_limit_mib": spec.resources.memory_limit_mib,
        "disk_mib": spec.resources.ephemeral_disk_mib,
        "stop_after_ms": STOP_AFTER_MS,
        "backend": "auto" if spec.may_fork else "crun",
        "base_layers": spec.base_layers,
        "snapshot": spec.snapshot,
        "gpus": {"model": spec.gpus.model, "count": spec.gpus.count} if spec.gpus else None,
    }


@contextmanager
def secrets_fd(spec: ContainerSpec) -> Iterator[int]:
    """The environment that must not be in the StartSpec, as JSON in memory that only holders of the fd can read.

    Raises OSError.
    """
    fd = os.memfd_create("secrets", os.MFD_CLOEXEC)
    try:
        wire.write_all(fd, json.dumps(dict(spec.secret_env)).encode())
        yield fd
    finally:
        os.close(fd)
