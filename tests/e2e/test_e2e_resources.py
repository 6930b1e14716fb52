"""What cpu= and memory= mean: a request that is kept free, burst beyond it, and a hard limit where one is given."""

from __future__ import annotations

import json
import os
from pathlib import Path

from e2e_harness import COMMAND_LIMIT_S, Box, wait_until
from e2e_sources import server


def limits(box: Box, container_id: str) -> tuple[float | None, int | None]:
    """Cores and bytes that the kernel holds the container to; None is no limit."""
    state = json.loads((box.data_dir / "containers" / container_id / "state.json").read_text())
    said = {
        file.name: file.read_text().split() for folder in state["cgroups"] for file in Path(folder).iterdir() if _limit(file)
    }
    if "cpu.max" in said:
        quota, period = said["cpu.max"]
        cores = None if quota == "max" else int(quota) / int(period)
    else:
        quota = said["cpu.cfs_quota_us"][0]
        cores = None if int(quota) < 0 else int(quota) / int(said["cpu.cfs_period_us"][0])
    memory = (said.get("memory.max") or said["memory.limit_in_bytes"])[0]
    return cores, None if memory == "max" or int(memory) > 1 << 60 else int(memory)


def _limit(file: Path) -> bool:
    names = ("cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us", "memory.max", "memory.limit_in_bytes")
    return file.name in names


def test_a_pair_is_a_hard_limit_and_a_number_is_none(box: Box) -> None:
    """Semantics 7.9 and 7.10: a request alone may be exceeded as far as the machine has room."""
    box.deploy("bound", server("bound", options="memory=(64, 256)").replace("cpu=0.05", "cpu=(0.05, 0.1)"))
    box.deploy("free", server("free", options="memory=64"))
    assert limits(box, box.container("bound")["container_id"]) == (0.1, 256 << 20)
    cores, memory = limits(box, box.container("free")["container_id"])
    assert cores is None or cores > 1
    assert memory is None or memory > 256 << 20


def test_what_does_not_fit_waits_and_says_why_until_there_is_room(box: Box) -> None:
    most = (os.cpu_count() or 1) - 0.1
    box.deploy("large", server("large").replace("cpu=0.05", f"cpu={most}"))
    path = box.write("small.py", server("small").replace("cpu=0.05", "cpu=0.5"))
    with box.begin("deploy", str(path)) as deploying:
        waiting = wait_until(lambda: box.containers_or_none("small", "pending"), "a container that waits")
        words = "waits for room: the machine's cpu or memory is promised to other containers"
        wait_until(lambda: words in (box.containers_or_none("small", "pending") or {}).get("reason", ""), "its reason")
        assert words in box.ok("container", "list", "--app", "small", "--json")
        box.ok("app", "stop", "large", "--yes")
        _, err = deploying.communicate(timeout=COMMAND_LIMIT_S)
    assert deploying.returncode == 0, err
    assert words in err
    assert box.container("small")["container_id"] == waiting["container_id"]


def test_more_than_the_machine_has_is_refused_at_once(box: Box) -> None:
    for option, words in ((f"cpu={(os.cpu_count() or 1) + 1}", "cores of this platform"), ("gpu='H100'", "no GPU")):
        text = server("huge").replace("cpu=0.05", option)
        done = box.run("deploy", str(box.write("huge.py", text)))
        assert done.code == 1
        assert words in done.err
