"""The secret environment of a container: it is in its processes, and on no disk; it goes when the container goes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from spawner_harness import SpawnerHarness, wait_until

pytestmark = pytest.mark.host

VALUE = "correct-horse-battery-staple"
SHOW = ["/usr/bin/python3", "-c", "import os; print(len(os.environ['PASSWORD']), os.environ['BOTH'])"]
WAIT = "import os, time; print(os.environ['BOTH'], flush=True); time.sleep(600)"


def holding(folder: Path, text: str) -> list[str]:
    """The files below `folder` with this text in them; what goes away meanwhile has it no more."""
    found = []
    for parent, _, names in os.walk(folder):
        for path in (Path(parent) / name for name in names):
            try:
                if path.is_file() and text.encode() in path.read_bytes():
                    found.append(str(path))
            except OSError:
                continue
    return found


def test_a_secret_is_in_the_container_and_in_its_commands_and_on_no_disk(spawner: SpawnerHarness, rootfs: str) -> None:
    if not spawner.memory.is_relative_to("/run") and not spawner.memory.is_relative_to("/dev/shm"):
        pytest.skip("this machine has no file system in memory")
    spec = spawner.spec("one", rootfs, ["/usr/bin/python3", "-c", WAIT])
    spec["env"]["BOTH"] = "plain"
    spawner.start_with_secrets(spec, {"PASSWORD": VALUE, "BOTH": "secret"})
    spawner.wait_for_line("one", "plain")
    assert spawner.exec("one", SHOW) == (0, f"{len(VALUE)} plain\n".encode(), b"")
    assert holding(Path(spawner.data_dir), VALUE) == []
    private = holding(spawner.memory, VALUE)
    assert private
    assert all(os.stat(path).st_uid == 0 and not os.stat(spawner.memory).st_mode & 0o077 for path in private)
    spawner.stop("one", 0)
    spawner.ending("one")
    wait_until(lambda: not holding(spawner.memory, VALUE), "the secret to go with its container")


def test_a_secret_survives_the_spawner_and_the_shim(spawner: SpawnerHarness, rootfs: str) -> None:
    spec = spawner.spec("one", rootfs, ["/usr/bin/python3", "-c", WAIT])
    spec["env"]["BOTH"] = "x"
    spawner.start_with_secrets(spec, {"PASSWORD": VALUE})
    spawner.wait_for_line("one", "x")
    spawner.kill_shim("one")
    spawner.kill()
    spawner.up()
    spawner.request(op="adopt", id="one")
    assert spawner.exec("one", SHOW)[1] == f"{len(VALUE)} x\n".encode()


def test_what_is_secret_of_a_container_that_is_no_more_is_swept(spawner: SpawnerHarness, rootfs: str) -> None:
    spec = spawner.spec("one", rootfs, ["/usr/bin/python3", "-c", WAIT])
    spec["env"]["BOTH"] = "x"
    spawner.start_with_secrets(spec, {"PASSWORD": VALUE})
    spawner.wait_for_line("one", "x")
    shutil.copytree(spawner.memory / "private" / "one", spawner.memory / "private" / "gone")
    spawner.kill()
    spawner.up()
    assert not (spawner.memory / "private" / "gone").exists()
    assert (spawner.memory / "private" / "one").exists()
