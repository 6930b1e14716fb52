"""What this platform cannot honour, said before anything is built. Pure: a manifest and a machine in, sentences out.

A parameter is either carried out or refused here; none is ignored in silence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..manifest.schema import AppManifest, ServerSpec
from . import gpus
from .gpus import NO_GPUS, Stock


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is to promise."""

    cpu_milli: int
    memory_mib: int
    disk_free_mib: int
    gpus: Stock = NO_GPUS
    routing_regions: tuple[str, ...] = ()
    compute_region: str = ""


def refusals(manifest: AppManifest, machine: Machine) -> list[str]:
    """One sentence for each thing that was asked for and can't be had here; empty when all can."""
    return [f"Server {server.name}: {words}" for server in manifest.servers for words in _of(server, machine)]


def _of(server: ServerSpec, machine: Machine) -> Iterator[str]:
    yield from _resources(server, machine)
    yield from _places(server, machine)
    unsupported = {
        "serialized=True": server.serialized,
        "proxy=": server.proxy is not None,
        "i6pn=True": server.i6pn,
        "experimental_options=": bool(server.experimental_options),
    }
    for what, asked in unsupported.items():
        if asked:
            yield f"{what} is not available in this version of homeport; leave it out."


def _resources(server: ServerSpec, machine: Machine) -> Iterator[str]:
    wanted = server.resources
    if wanted.gpu and not gpus.choices(wanted.gpu, machine.gpus):
        have = gpus.in_words(machine.gpus)
        yield f"gpu={' or '.join(wanted.gpu)} can't be had: {have}. Deploy to a machine that has one, or leave gpu= out."
    if wanted.cpu_milli > machine.cpu_milli:
        yield f"cpu={wanted.cpu_milli / 1000:g} is more than the {machine.cpu_milli / 1000:g} cores of this platform."
    if wanted.memory_mib > machine.memory_mib:
        yield f"memory={wanted.memory_mib} is more than the {machine.memory_mib} MiB of this platform."
    if (wanted.ephemeral_disk_mib or 0) > machine.disk_free_mib:
        yield f"ephemeral_disk={wanted.ephemeral_disk_mib} is more than the {machine.disk_free_mib} MiB that are free here."


def _places(server: ServerSpec, machine: Machine) -> Iterator[str]:
    if server.routing_region not in machine.routing_regions:
        there = ", ".join(machine.routing_regions)
        yield f"routing_region={server.routing_region!r} is not one of this platform's: {there}."
    if server.compute_region and machine.compute_region not in server.compute_region:
        asked = ", ".join(server.compute_region)
        yield f"compute_region={asked!r} can't be had: this platform runs containers in {machine.compute_region}."
    if server.cloud is not None:
        yield f"cloud={server.cloud!r} can't be had: this platform is its own machine; leave cloud= out."
