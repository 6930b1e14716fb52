"""What can't be had is refused by name, and only that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from homeport.control.feasible import Machine, refusals
from homeport.control.gpus import Stock
from homeport.core.model import Gpus
from homeport.manifest.schema import AppManifest, Entry, Resources, ServerSpec

MACHINE = Machine(
    cpu_milli=2_000,
    memory_mib=4_096,
    disk_free_mib=10_000,
    routing_regions=("us-east", "eu-west"),
    compute_region="us-east",
)
SERVER = ServerSpec("Server", Entry("app", "Server", "app.py"))


def asked(server: ServerSpec) -> list[str]:
    return refusals(AppManifest("shop", (server,)), MACHINE)


def test_what_every_machine_has_is_not_refused() -> None:
    assert asked(SERVER) == []
    assert asked(replace(SERVER, enable_memory_snapshot=True, nonpreemptible=True, compute_region=("us-east",))) == []


@pytest.mark.parametrize(
    ("server", "words"),
    [
        (replace(SERVER, resources=Resources(gpu=("H100",))), "gpu=H100 can't be had: this machine has no GPU"),
        (replace(SERVER, resources=Resources(cpu_milli=3_000)), "cpu=3 is more than the 2 cores"),
        (replace(SERVER, resources=Resources(memory_mib=8_192)), "memory=8192 is more than the 4096 MiB"),
        (replace(SERVER, resources=Resources(ephemeral_disk_mib=20_000)), "ephemeral_disk=20000 is more than"),
        (replace(SERVER, routing_region="mars"), "routing_region='mars' is not one of this platform's: us-east, eu-west"),
        (replace(SERVER, compute_region=("eu-west",)), "compute_region='eu-west' can't be had"),
        (replace(SERVER, cloud="aws"), "cloud='aws' can't be had"),
        (replace(SERVER, serialized=True), "serialized=True is not available"),
    ],
)
def test_what_cannot_be_had_is_refused_by_name(server: ServerSpec, words: str) -> None:
    (said,) = asked(server)
    assert said.startswith("Server Server: ")
    assert words in said


def test_a_gpu_is_refused_only_where_there_is_none_that_would_do() -> None:
    machine = replace(MACHINE, gpus=Stock((Gpus("T4", 2),)))

    def on_it(*gpu: str) -> list[str]:
        return refusals(AppManifest("shop", (replace(SERVER, resources=Resources(gpu=gpu)),)), machine)

    assert on_it("H100", "T4:2") == []
    (said,) = on_it("H100", "T4:3")
    assert "gpu=H100 or T4:3 can't be had: this machine has 2 x T4. Deploy to a machine that has one" in said
