"""The spawner's StartSpec for a container. Pure; the words are those of spawner/wire."""

from __future__ import annotations

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
        "stop_after_ms": STOP_AFTER_MS,
        "backend": "crun",
    }
