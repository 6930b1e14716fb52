"""Rules for all tests: the core and the simulator touch nothing of the machine; tests of the real thing skip aloud."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings

import root_filesystem

PURE = tuple(Path(__file__).parent / name for name in ("core", "sim"))
FORBIDDEN: tuple[tuple[object, str], ...] = (
    (socket.socket, "connect"),
    (socket.socket, "connect_ex"),
    (socket.socket, "bind"),
    (socket.socket, "listen"),
    (socket.socket, "sendto"),
    (subprocess.Popen, "__init__"),
    (os, "system"),
    (os, "posix_spawn"),
    (time, "sleep"),
)

# No test fails because a machine is slow or busy; in CI the same examples each time, so that what landed stays green.
settings.register_profile(
    "homeport", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ
)
settings.load_profile("homeport")


class Impure(AssertionError):
    """A test that must be pure touched the machine."""


@pytest.fixture(scope="session")
def rootfs() -> str:
    """A directory with a Debian base and python3."""
    return root_filesystem.directory()


@pytest.fixture(autouse=True)
def purity(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """No sockets, no programs and no waiting below `tests/core` and `tests/sim`."""
    if any(place in request.path.parents for place in PURE):
        for owner, name in FORBIDDEN:
            monkeypatch.setattr(owner, name, _refuse(name))


def _refuse(name: str) -> Callable[..., NoReturn]:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise Impure(f"{name}: tests of the core and the simulator don't touch the machine")

    return refuse


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`host` tests need root. What else a machine may lack, `lacking` says; `make setup` brings nearly all of it."""
    if os.geteuid() == 0:
        return
    skip = pytest.mark.skip(reason="needs root: it starts real containers, HAProxy or buildah (run: sudo make test)")
    for item in items:
        if item.get_closest_marker("host"):
            item.add_marker(skip)
