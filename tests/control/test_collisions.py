"""Two Apps never answer for one host, also when both were looked at before either was there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from homeport.control.requests import DeployRequest, Event
from homeport.core.model import Strategy
from homeport.errors import ConflictError
from homeport.manifest.schema import AppManifest, Entry, ImageRecipe, ServerSpec

from .plant import Plant, running


def deploy(plant: Plant, name: str) -> AsyncIterator[Event]:
    spec = ServerSpec("web", Entry("web", "Web", "web.py"), ImageRecipe("debian_slim", "3.13"))
    manifest = AppManifest(name, (spec,), plant.tree({"web.py": "x"}))
    return plant.publisher.deploy(DeployRequest(manifest, Strategy.ROLLING, "main", f"r-{name}", "ann"), False)


def test_the_second_to_publish_is_refused_though_nobody_was_there_when_it_was_checked(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as plant:
            first, second = deploy(plant, "a-b"), deploy(plant, "A_b")
            for stream in (first, second):  # both are past their check
                while (event := await anext(stream)).data.get("stage") != "image":
                    assert event.name == "progress", event
            assert [event.name async for event in first][-1] == "published"
            with pytest.raises(ConflictError, match="belongs to Server web of App 'a-b'"):
                assert [event async for event in second] == []
            assert [app.name for app in plant.history.apps()] == ["a-b"]

    asyncio.run(story())
