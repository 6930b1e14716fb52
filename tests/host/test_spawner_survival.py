"""Any of its processes is killed with -9: containers go on, exit codes and lines are not lost, nothing is left."""

from __future__ import annotations

import os
import re
import subprocess
import urllib.request
from pathlib import Path

import pytest
from spawner_harness import SpawnerHarness, connects, gone, wait_until

pytestmark = pytest.mark.host

COUNT = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
for number in range(100000):
    print(number)
    time.sleep(0.002)
"""
QUIET = "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(9))\nprint('up')\ntime.sleep(600)"


def numbers(spawner: SpawnerHarness, name: str) -> list[int]:
    return [int(text) for stream, text in spawner.log(name) if stream == "o"]


def test_a_new_shim_takes_over_without_losing_a_line_or_the_exit_code(spawner: SpawnerHarness, rootfs: str) -> None:
    spawner.python("count", rootfs, COUNT)
    spawner.wait_for_line("count", "20")
    old = spawner.kill_shim("count")
    new = spawner.request(op="adopt", id="count")["shim_pid"]
    assert new != old
    before = len(numbers(spawner, "count"))
    wait_until(lambda: len(numbers(spawner, "count")) > before + 20, "more lines")
    assert wait_until(lambda: spawner.state("count")["shim_pid"] == new, "the new shim in state.json")
    spawner.stop("count", 60_000)
    assert spawner.ending("count")["exit_code"] == 3
    seen = numbers(spawner, "count")
    assert seen == list(range(len(seen)))


def test_adopting_a_container_that_has_a_shim_changes_nothing(spawner: SpawnerHarness, rootfs: str) -> None:
    spawner.python("kept", rootfs, QUIET)
    pid = spawner.state("kept")["shim_pid"]
    assert spawner.request(op="adopt", id="kept")["shim_pid"] == pid


def test_a_container_that_died_after_its_shim_is_settled_by_adopt(spawner: SpawnerHarness, rootfs: str) -> None:
    spawner.python("both", rootfs, QUIET)
    state = spawner.state("both")
    spawner.kill_shim("both")
    os.kill(state["init_pid"], 9)
    wait_until(lambda: gone(state["init_pid"]), "its death")
    spawner.request(op="adopt", id="both")
    assert spawner.ending("both")["exit_code"] is None


def test_stop_works_on_a_container_that_lost_its_shim(spawner: SpawnerHarness, rootfs: str) -> None:
    spawner.python("lost", rootfs, QUIET)
    spawner.wait_for_line("lost", "up")
    spawner.kill_shim("lost")
    spawner.stop("lost", 60_000)
    assert spawner.ending("lost")["exit_code"] == 9


def test_a_killed_spawner_takes_nothing_with_it_and_a_new_one_serves_what_runs(spawner: SpawnerHarness, rootfs: str) -> None:
    address = spawner.start("web", rootfs, ["python3", "-m", "http.server", "8000"])
    spawner.python("quiet", rootfs, QUIET)
    wait_until(lambda: connects(address), "the port")
    spawner.wait_for_line("quiet", "up")
    state = spawner.state("web")
    spawner.kill()
    with urllib.request.urlopen(f"http://{address}:8000/", timeout=60) as answer:
        assert answer.status == 200
    spawner.up()
    again = spawner.request(op="start", spec=spawner.spec("web", rootfs, ["true"]))
    assert (again["existed"], again["address"], again["shim_pid"]) == (True, address, state["shim_pid"])
    assert spawner.exec("web", ["cat", "/etc/hostname2"])[0] == 1
    other = spawner.start("next", rootfs, ["true"])
    assert other != address
    spawner.stop("quiet", 60_000)
    assert spawner.ending("quiet")["exit_code"] == 9


def test_an_exit_code_is_not_lost_while_no_spawner_runs(spawner: SpawnerHarness, rootfs: str) -> None:
    spawner.python("alone", rootfs, QUIET)
    spawner.wait_for_line("alone", "up")
    pid = spawner.state("alone")["init_pid"]
    spawner.kill()
    os.kill(pid, 15)
    assert spawner.ending("alone")["exit_code"] == 9


def test_shim_and_spawner_killed_together_leave_a_container_that_can_be_adopted(
    spawner: SpawnerHarness, rootfs: str
) -> None:
    spawner.python("orphan", rootfs, QUIET)
    spawner.wait_for_line("orphan", "up")
    spawner.kill_shim("orphan")
    spawner.kill()
    spawner.up()
    assert spawner.read("orphan", "exit.json") is None
    spawner.request(op="adopt", id="orphan")
    spawner.stop("orphan", 60_000)
    assert spawner.ending("orphan")["exit_code"] == 9


def test_a_new_spawner_settles_what_ended_unseen(spawner: SpawnerHarness, rootfs: str) -> None:
    spawner.python("unseen", rootfs, QUIET)
    state = spawner.state("unseen")
    os.kill(state["shim_pid"], 9)
    os.kill(state["init_pid"], 9)
    spawner.kill()
    wait_until(lambda: gone(state["init_pid"]) and gone(state["shim_pid"]), "both deaths")
    spawner.up()
    ending = spawner.ending("unseen")
    assert (ending["exit_code"], ending["error"]) == (None, "")
    assert not any(os.path.exists(path) for path in state["cgroups"])


def test_nothing_is_left_when_all_has_ended(spawner: SpawnerHarness, rootfs: str) -> None:
    tag = spawner.request(op="hello")["instance"]
    spawner.python("one", rootfs, QUIET)
    spawner.start("two", rootfs, ["true"])
    spawner.start("three", rootfs, ["/no/such/program"])
    state = spawner.state("one")
    for name in ("two", "three"):
        spawner.ending(name)
    spawner.stop("one", 0)
    spawner.ending("one")
    for name in ("one", "two", "three"):
        spawner.forget(name)
    wait_until(lambda: gone(state["shim_pid"]), "the shim's end")
    assert os.listdir(f"{spawner.data_dir}/containers") == []
    assert [name for name in os.listdir(spawner.memory / "crun") if not name.startswith(".")] == []
    spawner.clean()
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    assert f": hp{tag}:" not in links
    wait_until(lambda: not re.search(f"hp{tag}", _links()), "the links of the stock to go")
    tables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout
    assert tag not in tables
    assert not spawner.memory.exists()
    assert tag not in "".join(str(path) for path in Path("/sys/fs/cgroup").glob("*/homeport-*"))
    assert spawner.data_dir not in Path("/proc/self/mountinfo").read_text()


def _links() -> str:
    return subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
