"""A control plane of fakes for one story."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from .plant import Play, Story, running


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Runs a story on a control plane of its own; options are those of `running`."""

    def run(story: Story, **options: Any) -> None:
        async def told() -> None:
            async with running(tmp_path, **options) as plant:
                await story(plant)

        asyncio.run(told())

    return run
