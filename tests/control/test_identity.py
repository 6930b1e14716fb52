"""Tokens of containers."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from homeport.control.identity import Caller, Gate, Identity

from .plant import running
from .waiting import until


def test_a_token_names_its_container_until_that_has_ended(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as plant:
            await plant.deploy("one")
            (spec,) = [container.spec for container in plant.engine.containers.values()]
            token = dict(spec.secret_env)["HOMEPORT_IDENTITY_TOKEN"]
            gate = Gate(plant.identity, plant.loop)
            caller = gate.caller(token)
            assert caller == Caller(spec.container_id, spec.app_id, "main")
            assert gate.environment_of(spec.app_id) == "main"
            assert Gate(Identity(b"x" * 32), plant.loop).caller(token) is None
            for wrong in ("", "ct-", token[:-1], token + "a", token.replace("ct-", "xx-"), "ct-ta-none-" + token[-52:], "ä"):
                assert gate.caller(wrong) is None
            plant.stop()
            await until(lambda: gate.caller(token) is None)

    asyncio.run(run())


def test_the_token_of_one_container_is_not_another_s(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as plant:
            await plant.deploy("one")
            world = plant.loop.world
            (app,) = world.apps.values()
            (container,) = app.containers
            other = replace(container, container_id=container.container_id[:-1] + "9")
            both = replace(world, apps={app.app_id: replace(app, containers=(container, other))})
            mine = plant.identity._token(Caller(container.container_id, app.app_id, "main"))
            forged = mine.replace(container.container_id, other.container_id)
            assert plant.identity.caller(mine, both) is not None
            assert plant.identity.caller(forged, both) is None

    asyncio.run(run())
