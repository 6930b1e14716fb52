"""What people are told of Servers while versions change: on a real journal, with containers that obey the test."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from core.platform import Platform as Core
from core.platform import spec
from homeport.control.lookup import find_server, shown
from homeport.control.platform import Platform
from homeport.control.requests import DeployRequest, LogQuery
from homeport.control.views import Json
from homeport.core.facts import ContainerStarted, ExitReason
from homeport.core.model import App, Strategy
from homeport.core.states import ContainerState, DeploymentState
from homeport.errors import NotFoundError
from homeport.manifest.schema import AppManifest, Entry, ServerSpec
from homeport.store.history import AppRow

from .people import People
from .plant import DEBIAN, Plant, running
from .waiting import until


def platform_of(plant: Plant) -> Platform:
    """As far as look-ups go."""
    seen = SimpleNamespace(traffic=SimpleNamespace())
    parts = SimpleNamespace(
        publisher=plant.publisher, history=plant.history, router=None, audit=None, seen=seen, members=People(plant).members
    )
    parts.settings = plant.publisher.settings
    return Platform(cast("Any", parts))


def tell(root: Path, story: Callable[[Plant, Platform], Awaitable[None]]) -> None:
    async def told() -> None:
        async with running(root) as plant:
            await story(plant, platform_of(plant))

    asyncio.run(told())


async def rolling(plant: Plant, server: str, port: int) -> None:
    """The next version, whose container starts and does not get ready."""
    spec = ServerSpec(server, Entry("web", "Web", "web.py"), DEBIAN, port=port)
    manifest = AppManifest("shop", (spec,), plant.tree({"web.py": "next"}))
    request = DeployRequest(manifest, Strategy.ROLLING, "main", f"next-{server}-{port}", "ann")
    assert [event async for event in plant.publisher.deploy(request, False)][-1].name == "published"


def servers(info: Json) -> list[str]:
    return list(cast("Any", info["servers"]))


def test_while_another_version_rolls_out_the_live_one_is_meant(tmp_path: Path) -> None:  # 1.1.13, 1.10.4
    async def story(plant: Plant, platform: Platform) -> None:
        await plant.deploy("one", server="web")
        await rolling(plant, "web", 9999)
        info = platform.server_info("shop", "web", "main")
        assert (info["version"], info["port"]) == (1, 8000)

    tell(tmp_path, story)


def test_a_server_that_the_next_version_renames_is_found_by_both_names(tmp_path: Path) -> None:
    async def story(plant: Plant, platform: Platform) -> None:
        await plant.deploy("one", server="web")
        await rolling(plant, "api", 8000)
        assert servers(await platform.app_info("shop", "main")) == ["web"]
        old, new = (platform.server_info("shop", name, "main") for name in ("web", "api"))
        assert (old["version"], new["version"]) == (1, 2)
        assert "shop-web." in str(old["url"])
        assert "shop-api." in str(new["url"])
        with pytest.raises(NotFoundError, match="has no Server 'other'; its Servers: web"):
            platform.server_info("shop", "other", "main")

    tell(tmp_path, story)


def test_a_server_is_found_by_its_id_wherever_it_is(tmp_path: Path) -> None:
    async def story(plant: Plant, platform: Platform) -> None:
        await plant.deploy("one", server="web")
        info = platform.server_info("shop", "web", "main")
        server_id = str(info["object_id"])
        assert platform.server_by_id(server_id) == info
        await plant.deploy("two", server="api")
        with pytest.raises(NotFoundError, match="has no Server 'web'; its Servers: api"):
            platform.server_by_id(server_id)
        for unknown in ("fu-", "fu-nobody", server_id[:-1] + "7", plant.app().app_id):
            with pytest.raises(NotFoundError, match=f"There is no Server with the id '{unknown}'"):
                platform.server_by_id(unknown)

    tell(tmp_path, story)


def test_a_server_of_a_stopped_app_is_not_found_and_the_app_still_shows_what_was_live(tmp_path: Path) -> None:  # 2.4.1
    async def story(plant: Plant, platform: Platform) -> None:
        await plant.deploy("one", server="web")
        await rolling(plant, "api", 8000)
        plant.stop()
        await until(lambda: plant.app().state == "stopped")
        for name in ("web", "api"):
            with pytest.raises(NotFoundError, match="App 'shop' is not deployed; deploy it first"):
                platform.server_info("shop", name, "main")
        assert servers(await platform.app_info("shop", "main")) == ["web"]
        said = [platform._subject(LogQuery("main", app_ref="shop", function_id=name)).service for name in ("web", "api")]
        assert said == ["web", "api"]
        with pytest.raises(NotFoundError, match="has no Server called 'other'"):
            platform._subject(LogQuery("main", app_ref="shop", function_id="other"))

    tell(tmp_path, story)


def test_settings_that_nobody_set_are_shown_as_they_hold_and_changes_are(tmp_path: Path) -> None:
    async def story(plant: Plant, platform: Platform) -> None:
        await plant.deploy("one", server="web")
        shown = cast("Any", platform.server_info("shop", "web", "main")["autoscaling"])
        assert (shown["scaledown_window"], shown["scaleup_window"], shown["min_containers"]) == (60, None, 0)
        target = ("shop", "web", "main")
        platform.autoscaler.update(target, {"scaledown_window": 5, "target_concurrency": 2.5}, "ann")
        shown = cast("Any", platform.server_info("shop", "web", "main")["autoscaling"])
        assert (shown["scaledown_window"], shown["target_concurrency"]) == (5, 2.5)
        settings = cast("Any", platform.autoscaler.settings(target)["current_settings"])
        assert {name: shown[name] for name in settings} == settings

    tell(tmp_path, story)


def row(app: App) -> AppRow:
    return AppRow(app.app_id, app.name, app.environment, app.state.value, 0, "", None, None)


@pytest.mark.parametrize("gone", [False, True])
def test_a_version_that_failed_counts_for_nobody(gone: bool) -> None:
    core = Core()
    core.live("one", spec("web"))
    core.deploy("two", spec("api"))
    (new,) = core.in_state(ContainerState.STARTING)
    core.say(ContainerStarted(new.container_id, "10.0.0.9:8000"))
    core.later(31_000)
    assert core.deployment(2).state is DeploymentState.FAILED
    if gone:
        core.exit(new, ExitReason.STOPPED)
    app = core.app()
    shown_by = shown(app)
    assert shown_by is not None
    assert (shown_by.version, find_server(row(app), app, "web").deployment.version) == (1, 1)
    with pytest.raises(NotFoundError, match="has no Server 'api'; its Servers: web"):
        find_server(row(app), app, "api")
