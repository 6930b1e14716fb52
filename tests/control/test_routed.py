"""Whoever is told that a version is live can ask it at once: the router has it by then."""

from __future__ import annotations

import asyncio
from pathlib import Path

from homeport.core.routes import Route
from homeport.core.states import DeploymentState

from .plant import running
from .waiting import until


def test_a_deploy_is_over_when_the_router_has_its_routes(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as plant:
            apply, gate = plant.router.apply, asyncio.Event()

            async def late(app_id: str, routes: tuple[Route, ...]) -> None:
                await gate.wait()
                await apply(app_id, routes)

            plant.router.apply = late  # type: ignore[method-assign]  # of a fake
            deploying = asyncio.create_task(plant.deploy("one"))
            loop = plant.loop
            await until(
                lambda: any(d.state is DeploymentState.LIVE for a in loop.world.apps.values() for d in a.deployments)
            )
            await asyncio.sleep(0.01)
            assert not deploying.done()
            gate.set()
            assert (await deploying)["state"] == "live"

    asyncio.run(story())
