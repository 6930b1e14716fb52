"""Cgroups on every kind of machine: what is decided (pure) and what is written, in a tree of ordinary directories."""

from __future__ import annotations

from pathlib import Path

import pytest

from homeport.spawner import cgroup, cgroup_layout
from homeport.spawner.cgroup_layout import Limits

V1 = "\n".join(
    f"3{number} 31 0:2{number} / /sys/fs/cgroup/{name} rw,relatime - cgroup cgroup rw,{name}"
    for number, name in enumerate(["cpu", "cpuacct", "cpuset", "memory", "pids", "freezer"])
)
V2 = "41 31 0:38 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot"
BESIDE = "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw"
ROOT = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw"
LIMITS = Limits(cpu_milli=125, cpu_limit_milli=1500, memory_mib=128, memory_limit_mib=256)


def test_v1_has_one_directory_per_controller() -> None:
    layout = cgroup_layout.decide(f"{ROOT}\n{V1}", "")
    assert layout.missing == ()
    assert layout.detach == ""
    assert cgroup_layout.directories(layout, "abcdef", "c1") == [
        f"/sys/fs/cgroup/{name}/homeport-abcdef/c1" for name in ("cpu", "cpuacct", "freezer", "memory", "pids")
    ]


def test_v1_controllers_mounted_together_share_a_directory() -> None:
    both = "33 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct"
    layout = cgroup_layout.decide(both, "")
    assert cgroup_layout.directories(layout, "abcdef", "c1") == ["/sys/fs/cgroup/cpu,cpuacct/homeport-abcdef/c1"]
    assert layout.missing == ("memory", "pids")


def test_v2_has_one_directory() -> None:
    layout = cgroup_layout.decide(V2, "cpuset cpu io memory pids")
    assert layout.missing == ()
    assert layout.detach == ""
    assert cgroup_layout.directories(layout, "abcdef", "c1") == ["/sys/fs/cgroup/homeport-abcdef/c1"]


def test_v1_with_an_idle_v2_beside_it_uses_v1_and_hides_v2_from_crun() -> None:
    layout = cgroup_layout.decide(f"{V1}\n{BESIDE}", "hugetlb")
    assert layout.v2_mount == ""
    assert layout.detach == "/sys/fs/cgroup/unified"


def test_what_v1_lacks_is_taken_from_v2() -> None:
    v1 = "\n".join(line for line in V1.splitlines() if "memory" not in line)
    layout = cgroup_layout.decide(f"{v1}\n{BESIDE}", "memory pids")
    assert layout.v2_controllers == ("memory",)
    assert "/sys/fs/cgroup/unified/homeport-abcdef/c1" in cgroup_layout.directories(layout, "abcdef", "c1")


def test_a_machine_without_cgroups_has_no_directories_and_says_what_is_missing() -> None:
    layout = cgroup_layout.decide(ROOT, "")
    assert layout.missing == ("memory", "cpu", "pids")
    assert cgroup_layout.directories(layout, "abcdef", "c1") == []


def _written(layout: cgroup_layout.Layout, limits: Limits) -> dict[str, str]:
    return {write.file: write.value for write in cgroup_layout.writes(layout, "abcdef", "c1", limits)}


def test_limits_and_requests_in_the_words_of_v1() -> None:
    assert _written(cgroup_layout.decide(V1, ""), LIMITS) == {
        "cpu.shares": "1024",
        "cpu.cfs_period_us": "100000",
        "cpu.cfs_quota_us": "150000",
        "memory.soft_limit_in_bytes": str(128 << 20),
        "memory.limit_in_bytes": str(256 << 20),
        "memory.memsw.limit_in_bytes": str(256 << 20),
        "pids.max": "4096",
    }


def test_limits_and_requests_in_the_words_of_v2() -> None:
    assert _written(cgroup_layout.decide(V2, "cpu memory pids"), LIMITS) == {
        "cpu.weight": "100",
        "cpu.max": "150000 100000",
        "memory.low": str(128 << 20),
        "memory.max": str(256 << 20),
        "memory.swap.max": "0",
        "pids.max": "4096",
    }


def test_weights_are_in_proportion_to_requests_and_within_what_the_kernel_takes() -> None:
    def weights(layout: cgroup_layout.Layout, file: str) -> list[int]:
        return [int(_written(layout, Limits(milli, None, 0, None))[file]) for milli in (0, 125, 1_000, 1_000_000)]

    assert weights(cgroup_layout.decide(V1, ""), "cpu.shares") == [2, 1024, 8192, 262_144]
    assert weights(cgroup_layout.decide(V2, "cpu memory pids"), "cpu.weight") == [1, 100, 800, 10_000]


def test_without_limits_only_requests_are_written() -> None:
    written = _written(cgroup_layout.decide(V1, ""), Limits(1, None, 0, None))
    assert written["cpu.shares"] == "8"
    assert not {"cpu.cfs_quota_us", "memory.limit_in_bytes"} & set(written)


def test_favouring_moves_keeps_the_options_that_the_mount_has() -> None:
    options = cgroup_layout.super_options(V2, "/sys/fs/cgroup")
    assert cgroup_layout.remount_flags(options) == ["nsdelegate", "memory_recursiveprot", "favordynmods"]
    assert cgroup_layout.remount_flags("rw,favordynmods") == []


def _tree(root: Path, limits: list[str]) -> cgroup_layout.Layout:
    """A stand-in for a v2 mount: a directory whose files exist already, as the kernel would make them."""
    (root / "homeport-abcdef/c1").mkdir(parents=True)
    for file in limits:
        (root / "homeport-abcdef/c1" / file).write_text("")
    return cgroup_layout.decide(f"41 31 0:38 / {root} rw - cgroup2 cgroup2 rw", "cpu memory pids")


def test_the_values_are_written_into_the_files(tmp_path: Path) -> None:
    layout = _tree(tmp_path, ["cpu.weight", "cpu.max", "memory.low", "memory.max", "memory.swap.max", "pids.max"])
    directories = cgroup_layout.directories(layout, "abcdef", "c1")
    cgroup.make(directories, cgroup_layout.writes(layout, "abcdef", "c1", LIMITS))
    assert Path(directories[0], "memory.max").read_text() == str(256 << 20)


def test_a_file_that_some_kernels_lack_may_be_missing_a_limit_may_not(tmp_path: Path) -> None:
    layout = _tree(tmp_path, ["cpu.weight", "cpu.max", "memory.max", "pids.max"])
    directories = cgroup_layout.directories(layout, "abcdef", "c1")
    cgroup.make(directories, cgroup_layout.writes(layout, "abcdef", "c1", LIMITS))
    Path(directories[0], "memory.max").unlink()
    with pytest.raises(OSError, match=r"memory\.max"):
        cgroup.make(directories, cgroup_layout.writes(layout, "abcdef", "c1", LIMITS))


def test_what_cannot_be_prepared_is_left_out_and_explained(tmp_path: Path) -> None:
    layout = cgroup_layout.decide(f"41 31 0:38 / {tmp_path}/none rw - cgroup2 cgroup2 rw", "cpu memory pids")
    usable, notes = cgroup.prepare(layout, "abcdef")
    assert usable.missing == ("memory", "cpu", "pids")
    assert notes[0].startswith("memory: cannot enable it below")


def test_usage_is_read_in_both_dialects(tmp_path: Path) -> None:
    (tmp_path / "memory.current").write_text("5000\n")
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 1000\n")
    (tmp_path / "cpu.stat").write_text("usage_usec 7\n")
    (tmp_path / "pids.current").write_text("3\n")
    assert cgroup.usage([str(tmp_path)]) == {"memory_bytes": 4000, "cpu_ns": 7000, "pids": 3}
    (tmp_path / "cpuacct.usage").write_text("9\n")
    (tmp_path / "memory.current").unlink()
    (tmp_path / "memory.usage_in_bytes").write_text("6000\n")
    assert cgroup.usage([str(tmp_path)]) == {"memory_bytes": 5000, "cpu_ns": 9, "pids": 3}


@pytest.mark.parametrize("file", ["memory.oom_control", "memory.events"])
def test_the_oom_counter_is_read_in_both_dialects(tmp_path: Path, file: str) -> None:
    (tmp_path / file).write_text("under_oom 0\noom 4\noom_kill 2\n")
    assert cgroup.oom_kills([str(tmp_path)]) == 2
