"""Empty Apps and tags on a control plane of fakes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from homeport.control.registry import Registry
from homeport.control.requests import CreateRequest, DeployRequest
from homeport.core.model import Strategy
from homeport.core.states import AppState
from homeport.manifest.schema import AppManifest

from .plant import Plant, running

Play = Callable[[Callable[[Plant, Registry], Awaitable[None]]], None]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    def run(story: Callable[[Plant, Registry], Awaitable[None]]) -> None:
        async def told() -> None:
            async with running(tmp_path) as plant:
                await story(plant, Registry(plant.publisher, plant.history))

        asyncio.run(told())

    return run


def wanted(name: str = "shop", request_id: str = "c1") -> CreateRequest:
    return CreateRequest(name, "main", request_id, "bob", "0.1")


async def deploy(plant: Plant, **tags: str) -> dict[str, object]:
    """A version without Servers whose code gives these tags; the last event's data."""
    plant.asked += 1
    manifest = AppManifest("shop", tags=tuple(sorted(tags.items())))
    request = DeployRequest(manifest, Strategy.ROLLING, "main", f"r{plant.asked}", "ann")
    return (await plant.watch(plant.publisher.deploy(request, True)))[-1].data


def test_an_app_without_servers_is_deployed_at_once_and_does_nothing(play: Play) -> None:
    async def story(plant: Plant, registry: Registry) -> None:
        made = await registry.create(wanted())
        app = plant.loop.world.apps[str(made["app_id"])]
        assert (made["created"], app.state, app.version, app.containers) == (True, AppState.DEPLOYED, 1, ())
        (row,) = plant.rows()
        assert (row.outcome, row.actor, row.client_version) == ("live", "bob", "0.1")

    play(story)


def test_who_asks_for_an_app_that_is_there_gets_it_untouched(play: Play) -> None:
    async def story(plant: Plant, registry: Registry) -> None:
        await plant.deploy("one")
        app_id = plant.app().app_id
        before = plant.loop.world
        assert await registry.create(wanted()) == {
            "app_id": app_id,
            "description": "shop",
            "environment": "main",
            "created": False,
        }
        assert plant.loop.world == before

    play(story)


def test_two_people_who_make_it_at_once_get_the_same_app(play: Play) -> None:
    async def story(plant: Plant, registry: Registry) -> None:
        made = await asyncio.gather(*(registry.create(wanted(request_id=f"c{n}")) for n in range(4)))
        assert len({answer["app_id"] for answer in made}) == 1
        assert sum(bool(answer["created"]) for answer in made) == 1
        assert len(plant.rows()) == 1

    play(story)


def test_a_stopped_app_is_never_revived(play: Play) -> None:
    async def story(plant: Plant, registry: Registry) -> None:
        first = await registry.create(wanted())
        plant.stop()
        second = await registry.create(wanted(request_id="c2"))
        assert (second["created"], second["app_id"] != first["app_id"]) == (True, True)

    play(story)


def test_servers_come_to_an_empty_app_and_go_from_it_again(play: Play) -> None:
    async def story(plant: Plant, registry: Registry) -> None:
        made = await registry.create(wanted())
        assert (await plant.deploy("one"))["state"] == "live"
        assert plant.app().app_id == made["app_id"]
        assert (await deploy(plant))["state"] == "live"
        assert [row.outcome for row in plant.rows()] == ["live", "superseded", "superseded"]

    play(story)


def test_tags_are_those_of_the_code_until_others_are_set_and_no_version_comes_of_it(play: Play) -> None:
    async def story(plant: Plant, registry: Registry) -> None:
        await deploy(plant, team="blue")
        assert await registry.tags(plant.app()) == {"team": "blue"}
        versions = plant.rows()
        assert await registry.set_tags(plant.app(), {"cost": "7"}, "bob") == {"cost": "7"}
        assert await registry.tags(plant.app()) == {"cost": "7"}
        await registry.set_tags(plant.app(), {}, "bob")
        assert await registry.tags(plant.app()) == {}
        assert plant.rows() == versions

    play(story)


def test_tags_that_were_set_hold_until_the_code_gives_others(play: Play) -> None:
    async def story(plant: Plant, registry: Registry) -> None:
        await plant.deploy("one")
        await registry.set_tags(plant.app(), {"cost": "7"}, "bob")
        await plant.deploy("two")
        assert await registry.tags(plant.app()) == {"cost": "7"}
        await deploy(plant, team="blue")
        assert await registry.tags(plant.app()) == {"team": "blue"}

    play(story)


def test_tags_that_were_set_outlive_the_process_and_a_rebuild_of_what_is_read(play: Play) -> None:
    async def story(plant: Plant, registry: Registry) -> None:
        await deploy(plant)
        await registry.set_tags(plant.app(), {"cost": "7"}, "bob")
        journal: Any = plant.loop.kernel._journal
        journal.rebuild()
        assert journal.verify() is None
        assert await registry.tags(plant.app()) == {"cost": "7"}

    play(story)
