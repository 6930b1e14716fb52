"""A container with a disk of its own size: it is full for that container only, and gone with it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from spawner_harness import SpawnerHarness, wait_until

pytestmark = pytest.mark.host

FILL = """
import errno, json, os
room = os.statvfs("/")
written = 0
with open("/var/big", "wb", buffering=0) as file:
    try:
        while written < 200 << 20:
            written += file.write(bytes(1 << 20))
        full = False
    except OSError as error:
        full = error.errno == errno.ENOSPC
os.unlink("/var/big")
open("/var/again", "wb").write(bytes(1 << 20))
print(json.dumps([room.f_bavail * room.f_frsize >> 20, written >> 20, full]))
"""


def backing_files(data_dir: str) -> list[str]:
    """Of this instance's, what lies behind a loop device now."""
    found = []
    for device in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            found.append(device.read_text())
        except OSError:  # it went while we looked
            continue
    return [name for name in found if name.startswith(os.path.realpath(data_dir))]


@pytest.mark.parametrize("mib", [1, 64])
def test_more_than_its_size_is_not_written_and_all_of_it_goes_with_the_container(
    spawner: SpawnerHarness, rootfs: str, mib: int
) -> None:
    spawner.python("small", rootfs, FILL, disk_mib=mib + 1, backend="auto", base_layers=1)
    assert spawner.ending("small")["exit_code"] == 0, spawner.log("small")
    room, written, full = json.loads(spawner.log("small")[0][1])
    assert full, (room, written)
    assert mib < room <= mib + 6
    assert mib <= written <= room
    wait_until(lambda: not backing_files(spawner.data_dir), "the end of its disk")


def test_its_disk_outlives_nobody_even_when_everything_is_killed(spawner: SpawnerHarness, rootfs: str) -> None:
    spawner.python("held", rootfs, "import time\nprint('up')\ntime.sleep(600)", disk_mib=64)
    spawner.wait_for_line("held", "up")
    assert len(backing_files(spawner.data_dir)) == 1
    assert not list(Path(spawner.data_dir, "containers", "held").glob("*.img"))
    state = spawner.state("held")
    os.kill(state["shim_pid"], 9)
    os.kill(state["init_pid"], 9)
    wait_until(lambda: not backing_files(spawner.data_dir), "the end of its disk")


def test_its_log_says_why_it_is_neither_forked_nor_from_a_snapshot(spawner: SpawnerHarness, rootfs: str) -> None:
    spawner.guest("told", rootfs, "class Server: ...", "snapshot", disk_mib=64)
    why = "it has a disk of its own size"
    spawner.wait_for_line("told", f"started by crun, not from a template: {why}")
    assert spawner.state("told")["backend"] == "crun"
    spawner.wait_for_line("told", f"started without memory snapshot: {why}")
    assert not spawner.request(op="hello")["snapshots"]


@pytest.mark.parametrize("wrong", [0, -1, True, "64"])
def test_a_size_that_is_none_is_refused(spawner: SpawnerHarness, rootfs: str, wrong: object) -> None:
    reply = spawner.ask(op="start", spec=spawner.spec("wrong", rootfs, ["true"], disk_mib=wrong))
    assert (reply["ok"], reply["error"]) == (False, "the spec's disk_mib must be a whole number above 0")
