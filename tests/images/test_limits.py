"""What builds may take, as it is written into cgroups: on directories that stand for those of a kernel."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from homeport.images.limits import StepLimits
from homeport.spawner import cgroup
from homeport.spawner.cgroup_layout import Layout

FILES = ("cgroup.procs", "cpu.weight", "memory.low", "memory.max", "pids.max")


def of_kernel(directory: Path) -> Path:
    """As the kernel does it: its files are there with the directory."""
    directory.mkdir()
    for name in FILES:
        (directory / name).touch()
    return directory


def test_a_build_has_its_limits_and_all_builds_have_one_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = Layout((), str(tmp_path), ("memory", "cpu", "pids"), "")
    everything = of_kernel(tmp_path / "homeport-builds-1")
    one = of_kernel(everything / "one")
    monkeypatch.setattr(cgroup, "detect", lambda: layout)
    monkeypatch.setattr(cgroup, "prepare", lambda layout, tag: (layout, []))
    monkeypatch.setattr(cgroup, "remove", lambda directories: [])

    async def story() -> None:
        async with StepLimits("builds-1", memory_mib=64).cgroups("one") as directories:
            assert directories == [str(one)]

    asyncio.run(story())
    assert (one / "memory.max").read_text() == str(64 << 20)
    assert (one / "pids.max").read_text() == "4096"
    assert int((everything / "cpu.weight").read_text()) < 100
    assert int((everything / "memory.max").read_text()) > 64 << 20


def test_half_of_the_machine_is_what_a_build_may_use_unless_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("homeport.images.limits._machine_mib", lambda: 8192)
    assert StepLimits("x").memory_limit_mib == 4096
    assert StepLimits("x", memory_mib=1024).memory_limit_mib == 1024
