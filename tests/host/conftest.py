"""Fixtures of the tests that use the real machine: a root file system, and a spawner of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from spawner_harness import SpawnerHarness

_INCLUDED = "python3"
_LEFT_OUT = ("man", "doc", "locale")


@pytest.fixture(scope="session")
def rootfs() -> str:
    """A directory with a Debian base and python3: HOMEPORT_TEST_ROOTFS, or bootstrapped once into the user's cache."""
    given = os.environ.get("HOMEPORT_TEST_ROOTFS")
    if given:
        return given
    if os.geteuid() != 0:
        pytest.skip("needs root")
    target = Path.home() / ".cache/homeport-test/rootfs-bookworm"
    if not target.is_dir():
        _bootstrap(target)
    return str(target)


@pytest.fixture
def spawner(tmp_path: Path) -> Iterator[SpawnerHarness]:
    """A running spawner on a data directory of its own; whatever the test left is ended and removed."""
    if os.geteuid() != 0 or not shutil.which("crun"):
        pytest.skip("needs root and crun")
    harness = SpawnerHarness(str(tmp_path / "data"))
    harness.up()
    try:
        yield harness
    finally:
        harness.clean()


def _bootstrap(target: Path) -> None:
    """Into a name of its own first: a run that was cut off leaves nothing that looks finished."""
    if not shutil.which("mmdebstrap"):
        pytest.skip("needs mmdebstrap, or HOMEPORT_TEST_ROOTFS=<directory of a root file system with python3>")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.{os.getpid()}")
    argv = ["mmdebstrap", "--variant=minbase", f"--include={_INCLUDED}", "--format=directory"]
    argv += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _LEFT_OUT]
    subprocess.run([*argv, "bookworm", str(partial)], check=True)
    try:
        partial.rename(target)
    except OSError:  # another run was faster
        shutil.rmtree(partial)
