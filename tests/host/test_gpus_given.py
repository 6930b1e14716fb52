"""Containers with devices of their own, by a made-up description: its GPUs are /dev/zero and /dev/full."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from spawner_harness import SpawnerHarness

pytestmark = pytest.mark.host

SLEEP = "import time\nprint('up')\ntime.sleep(600)"
LOOK = """
import os, stat
for name in sorted(os.listdir('/dev')):
    if name.startswith('fake'):
        seen = os.stat('/dev/' + name)
        print(name, stat.S_ISCHR(seen.st_mode), os.major(seen.st_rdev), os.minor(seen.st_rdev))
print(open('/dev/fakegpu0', 'rb').read(3), os.environ['FAKE_DEVICES'], open('/usr/lib/libfake.so.1').read())
try:
    os.mknod('/tmp/other', 0o600 | stat.S_IFCHR, os.makedev(1, 7))
except PermissionError:
    print('no node of its own making')
"""
HOOK = """#!/bin/sh
bundle=$(sed -n 's/.*"bundle" *: *"\\([^"]*\\)".*/\\1/p')
cp "$bundle/config.json" "$1"
"""
ONE = {"model": "ANY", "count": 1}


@pytest.fixture
def described(spawner: SpawnerHarness) -> SpawnerHarness:
    """A spawner on a machine with two GPUs and a hook, which came up after they were described."""
    folder = Path(spawner.cdi_dir)
    folder.mkdir()
    (folder / "libfake.so.1").write_text("library")
    (folder / "hook").write_text(HOOK)
    (folder / "hook").chmod(0o755)
    hook = {"hookName": "createContainer", "path": f"{folder}/hook", "args": ["hook", f"{folder}/seen.json"]}
    common = {
        "env": ["FAKE_DEVICES=void"],
        "deviceNodes": [{"path": "/dev/fakectl", "hostPath": "/dev/null"}],
        "mounts": [{"hostPath": f"{folder}/libfake.so.1", "containerPath": "/usr/lib/libfake.so.1"}],
        "hooks": [hook],
    }
    devices = [
        {"name": str(n), "containerEdits": {"deviceNodes": [{"path": f"/dev/fakegpu{n}", "hostPath": node}]}}
        for n, node in enumerate(("/dev/zero", "/dev/full"))
    ]
    said = {"cdiVersion": "0.6.0", "kind": "nvidia.com/gpu", "containerEdits": common, "devices": devices}
    (folder / "nvidia.json").write_text(json.dumps(said))
    spawner.kill()
    spawner.up()
    return spawner


def given(spawner: SpawnerHarness, container_id: str) -> list[str]:
    spec = json.loads(Path(spawner.data_dir, "containers", container_id, "spec.json").read_text())
    return [one["name"] for one in spec["gpus_given"]]


def test_a_container_has_its_gpu_and_what_belongs_to_it(described: SpawnerHarness, rootfs: str) -> None:
    env = {"PYTHONUNBUFFERED": "1", "FAKE_DEVICES": "all"}
    described.python("one", rootfs, LOOK, gpus=ONE, env=env, backend="auto", base_layers=1)
    assert described.ending("one")["error"] == ""
    assert [text for letter, text in described.log("one") if letter == "o"] == [
        "fakectl True 1 3",
        "fakegpu0 True 1 5",
        "b'\\x00\\x00\\x00' void library",
        "no node of its own making",
    ]
    seen = json.loads(Path(described.cdi_dir, "seen.json").read_text())
    assert sorted(seen) == ["ociVersion", "root"]  # what a hook needs, and nothing that is secret
    assert seen["root"]["path"].endswith("/one/rootfs")


def test_gpus_are_nobodys_twice_also_after_kill_9_of_the_spawner(described: SpawnerHarness, rootfs: str) -> None:
    assert [gpu["model"] for gpu in described.request(op="hello")["gpus"]] == ["ANY", "ANY"]
    described.python("one", rootfs, SLEEP, gpus=ONE)
    described.wait_for_line("one", "up")
    described.kill()
    described.up()
    described.python("two", rootfs, SLEEP, gpus=ONE)
    assert (given(described, "one"), given(described, "two")) == (["0"], ["1"])
    refused = described.ask(op="start", spec=described.spec("three", rootfs, ["true"], gpus=ONE))
    assert refused["error"] == "1 x ANY is not free, of 2 GPUs in all"
    assert not os.path.exists(f"{described.data_dir}/containers/three")
    described.stop("one", 0)
    described.ending("one")
    described.python("three", rootfs, SLEEP, gpus=ONE)
    assert given(described, "three") == ["0"]


def test_a_container_without_gpus_has_nothing_of_them(described: SpawnerHarness, rootfs: str) -> None:
    described.python("plain", rootfs, "import os\nprint([name for name in os.listdir('/dev') if 'fake' in name])")
    described.ending("plain")
    assert described.log("plain") == [("o", "[]")]
