"""Fixtures of the end-to-end tests: platforms that are started, used and ended through the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e_harness import Box, running

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A running platform for all tests that leave it running."""
    with running(tmp_path_factory.mktemp("shared")) as started:
        yield started


@pytest.fixture
def box(shared: Box) -> Iterator[Box]:
    """The shared platform, with no App on it that is not stopped."""
    yield shared
    shared.stop_all()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.host)
