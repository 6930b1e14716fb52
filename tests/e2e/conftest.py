"""Fixtures of the end-to-end tests: platforms that are started, used and ended through the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from e2e_harness import Box

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A running platform that many tests share; each of them deploys Apps of its own."""
    with _running(tmp_path_factory.mktemp("shared")) as shared:
        yield shared


@pytest.fixture
def own_box(tmp_path: Path) -> Iterator[Box]:
    """A running platform for one test, which may do to it what it wants."""
    with _running(tmp_path) as own:
        yield own


@contextmanager
def _running(root: Path) -> Iterator[Box]:
    started = Box(root)
    try:
        started.up()
        yield started
    finally:
        started.down()
    assert started.leftovers() == []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.host)
