"""Fixtures of the contract suites that run on the real thing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def rootfs() -> str:
    """A directory with a Debian base and python3: HOMEPORT_TEST_ROOTFS, or the one that the host tests bootstrapped."""
    given = os.environ.get("HOMEPORT_TEST_ROOTFS")
    cached = Path.home() / ".cache/homeport-test/rootfs-bookworm"
    if given:
        return given
    if not cached.is_dir():
        pytest.skip("needs HOMEPORT_TEST_ROOTFS=<directory of a root file system with python3>, or run tests/host first")
    return str(cached)
