"""A client that asks once more with the same request id, because it never heard the answer."""

from __future__ import annotations

import asyncio
from pathlib import Path

from .plant import running


def test_a_deploy_that_is_asked_for_again_tells_how_the_first_one_went(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as plant:
            await plant.deploy("one")
            plant.asked -= 1
            again = await plant.deploy("one")
            assert (again["version"], again["state"]) == (1, "live")
            await plant.deploy("two")
            plant.asked = 0
            late = await plant.deploy("one")
            assert (late["version"], late["state"]) == (1, "superseded")
            assert len(plant.rows()) == 2

    asyncio.run(story())
