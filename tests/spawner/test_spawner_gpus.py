"""GPUs as the spawner knows them: made-up CDI descriptions whose devices are /dev/null and its like."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.spawner import cdi, gpus
from homeport.spawner.cdi import Device
from homeport.spawner.containers import RequestError, check_spec
from homeport.spawner.gpus import Gpu

LISTED = """GPU 0: NVIDIA A100-SXM4-80GB (UUID: GPU-aaaa-1)
GPU 1: Tesla T4 (UUID: GPU-bbbb-2)
  MIG 1g.5gb      Device  0: (UUID: MIG-cccc-3)
"""
CONFIG: dict[str, Any] = {
    "process": {"env": ["A=1", "NVIDIA_VISIBLE_DEVICES=all"], "user": {"uid": 0, "gid": 0}},
    "linux": {"namespaces": []},
    "mounts": [{"destination": "/dev"}],
}
SPEC = {
    "layers": ["/l"],
    "argv": ["true"],
    "env": {},
    "cwd": "/",
    "binds": [],
    "hostname": "h",
    "log_path": "/log",
    "cpu_milli": 125,
    "cpu_limit_milli": None,
    "memory_mib": 64,
    "memory_limit_mib": None,
    "stop_after_ms": 1,
}


def device(name: str, *nodes: str) -> dict[str, Any]:
    return {"name": name, "containerEdits": {"deviceNodes": [{"path": f"/dev/fake{name}", "hostPath": n} for n in nodes]}}


def describe(directory: Path, *devices: dict[str, Any], file: str = "nvidia.json", **common: Any) -> str:
    directory.mkdir(exist_ok=True)
    said = {"cdiVersion": "0.6.0", "kind": gpus.KIND, "devices": list(devices), "containerEdits": common}
    (directory / file).write_text(json.dumps(said))
    return str(directory)


def known(*devices: dict[str, Any]) -> list[Device]:
    return cdi.parse(json.dumps({"kind": gpus.KIND, "devices": list(devices)}), "f", gpus.KIND)


# Descriptions


def test_a_later_directory_wins_and_one_name_twice_in_one_is_nobodys(tmp_path: Path) -> None:
    one = describe(tmp_path / "etc", device("0", "/dev/null"), device("1", "/dev/zero"))
    two = describe(tmp_path / "run", device("0", "/dev/full"))
    describe(tmp_path / "etc", device("1", "/dev/zero"), file="other.json")
    found = cdi.read((one, two, str(tmp_path / "none")), gpus.KIND)
    assert {name: each.nodes for name, each in found.devices.items()} == {"0": ("/dev/full",)}
    assert found.problems == [f"{one} describes nvidia.com/gpu=1 twice"]


def test_what_is_of_another_kind_or_cannot_be_read_gives_no_device(tmp_path: Path) -> None:
    directory = describe(tmp_path / "cdi", device("0", "/dev/null"))
    (tmp_path / "cdi/other.json").write_text(json.dumps({"kind": "vendor.com/nic", "devices": [{"name": "0"}]}))
    (tmp_path / "cdi/torn.json").write_text("{")
    found = cdi.read((directory,), gpus.KIND)
    assert list(found.devices) == ["0"]
    assert len(found.problems) == 1
    assert found.problems[0].startswith(f"{directory}/torn.json can't be read: ")


def test_yaml_alone_is_refused_with_the_command_that_makes_json(tmp_path: Path) -> None:
    (tmp_path / "nvidia.yaml").write_text("kind: nvidia.com/gpu\n")
    found = gpus.examine((str(tmp_path),))
    assert found.gpus == ()
    assert "--format=json" in found.note


@pytest.mark.parametrize(
    "edits",
    [
        {"hooks": [{"hookName": "whenever", "path": "/bin/true"}]},
        {"deviceNodes": [{"hostPath": "/dev/null"}]},
        {"mounts": [{"containerPath": "/x"}]},
        {"env": ["NAME"]},
        {"intelRdt": {"closID": "x"}},
        [],
    ],
)
def test_edits_that_cannot_be_carried_out_are_refused(edits: Any) -> None:
    if edits == []:
        edits = ["x"]
    with pytest.raises(ValueError):
        known({"name": "0", "containerEdits": edits})


# What they do to a container


def test_the_edits_of_a_file_come_once_and_those_of_each_device(tmp_path: Path) -> None:
    library = tmp_path / "libfake.so.1"
    library.touch()
    directory = describe(
        tmp_path / "cdi",
        device("0", "/dev/zero"),
        device("1", "/dev/full"),
        env=["NVIDIA_VISIBLE_DEVICES=void"],
        deviceNodes=[{"path": "/dev/fakectl", "hostPath": "/dev/null", "fileMode": 0o660}],
        mounts=[{"hostPath": str(library), "containerPath": "/usr/lib/libfake.so.1", "options": ["ro"]}],
        hooks=[{"hookName": "createContainer", "path": "/bin/true", "args": ["true", "update-ldcache"]}],
        additionalGids=[44, 0],
    )
    found = cdi.read((directory,), gpus.KIND).devices
    config = cdi.apply(CONFIG, [found["0"], found["1"]])
    nodes = {node["path"]: (node["type"], node["major"], node["minor"]) for node in config["linux"]["devices"]}
    assert nodes == {"/dev/fakectl": ("c", 1, 3), "/dev/fake0": ("c", 1, 5), "/dev/fake1": ("c", 1, 7)}
    assert config["linux"]["devices"][0]["fileMode"] == 0o660
    assert config["process"]["env"] == ["A=1", "NVIDIA_VISIBLE_DEVICES=void"]
    assert config["process"]["user"]["additionalGids"] == [44]
    assert config["mounts"][1:] == [
        {
            "destination": "/usr/lib/libfake.so.1",
            "type": "bind",
            "source": str(library),
            "options": ["ro", "rbind"],
        }
    ]
    assert config["hooks"] == {"createContainer": [{"path": "/bin/true", "args": ["true", "update-ldcache"]}]}
    assert "devices" not in CONFIG["linux"]  # the one that was given is as it was


def test_what_the_machine_lost_is_said_with_what_to_do() -> None:
    with pytest.raises(OSError, match=r"/dev/no-such-gpu is not there.*nvidia-ctk cdi generate"):
        cdi.apply(CONFIG, known(device("0", "/dev/no-such-gpu")))
    with pytest.raises(OSError, match="is no device"):
        cdi.apply(CONFIG, known(device("0", __file__)))


def test_a_gpu_that_is_described_otherwise_by_now_is_not_given(tmp_path: Path) -> None:
    directory = describe(tmp_path / "cdi", device("0", "/dev/zero"))
    with pytest.raises(OSError, match="GPU 0 is not described as it was"):
        gpus.give(CONFIG, [{"name": "0", "nodes": ["/dev/full"]}], (directory,))
    with pytest.raises(OSError, match="GPU 1 is not described as it was"):
        gpus.give(CONFIG, [{"name": "1", "nodes": ["/dev/full"]}], (directory,))


# Which there are


def test_a_gpu_is_one_whatever_its_names_are_and_all_is_none() -> None:
    devices = known(
        *(device("all", "/dev/g0", "/dev/g1"), device("GPU-bbbb-2", "/dev/g1"), device("GPU-aaaa-1", "/dev/g0")),
        *(device("0", "/dev/g0"), device("everything", "/dev/g0", "/dev/g1")),
    )
    assert gpus.inventory(devices, gpus.listed(LISTED)) == (
        Gpu("0", "A100-80GB", ("/dev/g0",)),
        Gpu("GPU-bbbb-2", "T4", ("/dev/g1",)),
    )


def test_what_is_cut_into_parts_is_its_parts() -> None:
    devices = known(device("0", "/dev/g0"), device("0:0", "/dev/g0", "/dev/cap1"), device("0:1", "/dev/g0", "/dev/cap2"))
    assert [(gpu.name, gpu.model) for gpu in gpus.inventory(devices, {})] == [("0:0", "MIG"), ("0:1", "MIG")]


def test_without_anybody_who_knows_the_model_it_is_any() -> None:
    assert gpus.inventory(known(device("gpu0", "/dev/g0")), {}) == (Gpu("gpu0", "ANY", ("/dev/g0",)),)
    assert gpus.inventory(known(device("gpu0", "/dev/g0")), {"0": "T4"})[0].model == "T4"


@pytest.mark.parametrize(
    ("product", "model"),
    [
        ("NVIDIA A100-SXM4-80GB", "A100-80GB"),
        ("NVIDIA A100 80GB PCIe", "A100-80GB"),
        ("NVIDIA A100-PCIE-40GB", "A100-40GB"),
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA H200", "H200"),
        ("NVIDIA A10G", "A10"),
        ("NVIDIA L40S", "L40S"),
        ("Tesla T4", "T4"),
        ("NVIDIA GeForce RTX 4090", "RTX-4090"),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", "RTX-PRO-6000"),
    ],
)
def test_models_have_the_names_that_people_ask_for(product: str, model: str) -> None:
    assert gpus.model_of(product) == model


# Who has which

MODELS = ("H100", "T4")
machines = st.lists(st.sampled_from(MODELS), max_size=6).map(
    lambda models: tuple(Gpu(str(n), model, (f"/dev/g{n}",)) for n, model in enumerate(models))
)
wishes = st.lists(st.tuples(st.sampled_from(MODELS), st.integers(1, 3), st.booleans()), max_size=15)


@given(machines, wishes)
def test_no_gpu_is_ever_two_containers(machine: tuple[Gpu, ...], story: list[tuple[str, int, bool]]) -> None:
    containers: list[list[dict[str, Any]]] = []
    for model, count, ends in story:
        if ends and containers:
            containers.pop(0)
        held = [one for mine in containers for one in mine]
        free = [gpu for gpu in machine if gpu.model == model and gpu.name not in {one["name"] for one in held}]
        found = gpus.choose(machine, model, count, held)
        assert len(found) == (count if len(free) >= count else 0)
        assert all(gpu in free for gpu in found)
        containers.append([{"name": gpu.name, "nodes": list(gpu.nodes)} for gpu in found])
    names = [one["name"] for mine in containers for one in mine]
    assert len(names) == len(set(names))


def test_one_that_goes_by_another_name_now_is_held_all_the_same() -> None:
    held = [{"name": "0", "nodes": ["/dev/g0"]}]
    assert gpus.choose((Gpu("GPU-aaaa-1", "T4", ("/dev/g0",)),), "T4", 1, held) == []


@pytest.mark.parametrize("said", [{"model": "T4"}, {"model": "T4", "count": 0}, {"model": 1, "count": 1}, ["T4"], True])
def test_a_spec_with_a_wrong_word_on_gpus_is_refused(said: Any) -> None:
    with pytest.raises(RequestError, match="gpus need a model and a count"):
        check_spec({**SPEC, "gpus": said})


def test_who_has_which_is_not_for_the_client_to_say() -> None:
    assert "gpus_given" not in check_spec({**SPEC, "gpus_given": [{"name": "0", "nodes": []}]})
