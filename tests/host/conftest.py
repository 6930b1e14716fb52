"""Fixtures of the tests that use the real machine: a spawner of their own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from spawner_harness import SpawnerHarness

from lacking import lacking


@pytest.fixture
def spawner(tmp_path: Path) -> Iterator[SpawnerHarness]:
    """A running spawner on a data directory of its own; whatever the test left is ended and removed."""
    if not shutil.which("crun"):
        lacking("needs crun")
    harness = SpawnerHarness(str(tmp_path / "data"))
    harness.up()
    try:
        yield harness
    finally:
        harness.clean()
