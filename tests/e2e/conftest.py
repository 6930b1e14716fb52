"""Fixtures of the end-to-end tests: platforms that are started, used and ended through the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e_harness import Box, running

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A running platform that many tests share; each of them deploys Apps of its own."""
    with running(tmp_path_factory.mktemp("shared")) as shared:
        yield shared


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.host)
