"""Which GPUs this machine has, and which of them a container gets: whole ones that no other container has.

Owns what is NVIDIA's about them: the kind, the names, the models. The control plane counts them by model; here they are
told apart. What a container has is in its spec.json, so it is known as long as the container may live, whoever dies.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from . import cdi, command
from .cdi import Device

KIND = "nvidia.com/gpu"
ANY = "ANY"  # the model of one of which nobody says what it is
MIG = "MIG"  # of a part of one, which is not what its name promises
_LISTED = re.compile(r"GPU (\d+): (.+?) \(UUID: (GPU-[0-9a-fA-F-]+)\)")
_MEMORY = re.compile(r"(?<![0-9])(40|80) ?GB")
_KNOWN = ("GH200", "H100", "H200", "B200", "B300", "A100", "L40S", "A10", "L40", "L4", "T4")
_NOISE = ("NVIDIA", "TESLA", "GEFORCE", "BLACKWELL", "SERVER", "WORKSTATION", "EDITION")
_MODEL_LENGTH = 32
_CONTROL_NODE = "/dev/nvidiactl"  # there is one where the driver works
_QUERY_MS_MAX = 20_000


class Gpu(NamedTuple):
    """One that can be given away. `name` is that of CDI; `nodes` are its own device nodes, of which no other one has all."""

    name: str
    model: str
    nodes: tuple[str, ...]


class Inventory(NamedTuple):
    gpus: tuple[Gpu, ...] = ()
    note: str = ""  # what people should know of it: why there are none, or fewer


def examine(directories: Sequence[str]) -> Inventory:
    """Once, when the spawner comes up. Never raises: a machine whose GPUs can't be used has none, and says why."""
    try:
        found = cdi.read(directories, KIND)
    except OSError as error:
        return Inventory((), f"the descriptions of devices can't be read: {error}")
    problems = found.problems
    if not found.devices and not problems and os.path.exists(_CONTROL_NODE):
        problems = [f"nothing in {' or '.join(directories)} describes them: {cdi.RENEW}"]
    models = _models() if found.devices else {}
    return Inventory(inventory(found.devices.values(), models), "; ".join(problems))


def inventory(devices: Iterable[Device], models: dict[str, str]) -> tuple[Gpu, ...]:
    """Each once, whatever its names are, without "all" and without those that are cut into parts (MIG).

    `models` as `listed`.
    """
    named: dict[tuple[str, ...], list[str]] = {}
    for device in devices:
        if device.name != "all" and device.nodes:
            named.setdefault(device.nodes, []).append(device.name)
    parts = {nodes for nodes, names in named.items() if any(map(_is_part, names))}
    cut = {node for nodes in parts for node in nodes}
    found = []
    for nodes, names in named.items():
        several = any(set(other) < set(nodes) for other in named)
        if nodes not in parts and (several or not cut.isdisjoint(nodes)):
            continue
        names.sort(key=lambda name: (len(name), name))
        model = next((models[key] for name in names if (key := name.removeprefix("gpu")) in models), ANY)
        found.append(Gpu(names[0], MIG if nodes in parts else model, nodes))
    return tuple(sorted(found, key=lambda gpu: (len(gpu.name), gpu.name)))


def listed(text: str) -> dict[str, str]:
    """From what `nvidia-smi -L` says: the model by index and by UUID."""
    found = {}
    for line in text.splitlines():
        if match := _LISTED.match(line):
            found[match[1]] = found[match[3]] = model_of(match[2])
    return found


def model_of(product: str) -> str:
    """`NVIDIA A100-SXM4-80GB` to `A100-80GB`: the name that people ask for."""
    words = [word for word in re.split(r"[^A-Za-z0-9]+", product.upper()) if word and word not in _NOISE]
    known = next((name for name in _KNOWN if name in words or f"{name}G" in words), "")
    if known == "A100":
        memory = _MEMORY.search(product.upper())
        return f"A100-{memory[1]}GB" if memory else "A100-40GB"
    return known or "-".join(words)[:_MODEL_LENGTH].rstrip("-") or ANY


def choose(gpus: Sequence[Gpu], model: str, count: int, held: Collection[Any]) -> list[Gpu]:
    """So many of that model of which nobody has anything. Empty when there are not enough.

    `held` is what spec.json says of the GPUs of each container that has some.
    """
    names = {str(one["name"]) for one in held}
    nodes = {tuple(one["nodes"]) for one in held}
    free = [gpu for gpu in gpus if gpu.model == model and gpu.name not in names and gpu.nodes not in nodes]
    return free[:count] if len(free) >= count else []


def give(config: dict[str, Any], given: Sequence[dict[str, Any]], directories: Iterable[str]) -> dict[str, Any]:
    """The config.json of a container with these GPUs. The descriptions are read anew: drivers change while we live.

    Raises OSError where one is not described as it was, or a file of it is missing.
    """
    found = cdi.read(directories, KIND).devices
    devices = []
    for one in given:
        device = found.get(one["name"])
        if device is None or list(device.nodes) != list(one["nodes"]):
            raise OSError(f"GPU {one['name']} is not described as it was when homeport came up: start it again")
        devices.append(device)
    return cdi.apply(config, devices)


def _models() -> dict[str, str]:
    program = command.find("nvidia-smi")
    if not program:
        return {}
    try:
        result = command.run([program, "-L"], timeout_ms=_QUERY_MS_MAX)
    except OSError:  # TimeoutError too: a driver that hangs
        return {}
    return listed(result.output) if result.code == 0 else {}


def _is_part(name: str) -> bool:
    return ":" in name or name.startswith("MIG-")
