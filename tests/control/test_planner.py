"""A plan on a control plane of fakes: it says what the deploy then does, and does nothing itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from homeport.control.planner import Planner
from homeport.control.requests import DeployRequest
from homeport.core.model import Strategy
from homeport.errors import ConflictError, InvalidError
from homeport.manifest.schema import AppManifest, Entry, ImageRecipe, Resources, ServerSpec
from homeport.manifest.tree import File, Tree

from .plant import Plant, Play


def asked(name: str = "shop", server: str = "web", digest: str = "b" * 64) -> DeployRequest:
    """As the plant deploys it, but for the file."""
    spec = ServerSpec(server, Entry("web", "Web", "web.py"), ImageRecipe("debian_slim", "3.13"), port=8000)
    tree = Tree((File("web.py", digest, 3),))
    manifest = AppManifest(name, (spec,), tree.digest)
    return DeployRequest(manifest, Strategy.ROLLING, "main", "p1", "ann", trees=(tree,))


def places(plan: dict[str, Any]) -> list[tuple[str, str]]:
    return [(change["path"], change["kind"]) for change in plan["changes"]]


def test_a_new_app_is_planned_as_new_with_its_routes(play: Play) -> None:
    async def story(plant: Plant) -> None:
        plan: Any = await Planner(plant.publisher).plan(asked())
        assert (plan["noop"], plan["against"], plan["version"], plan["app_id"]) == (False, None, 1, None)
        assert places(plan) == [
            ("name", "added"),
            ("servers.web", "added"),
            ("files.web.py", "added"),
            ("routes.home--shop-web.us-east.localhost", "added"),
        ]

    play(story)


def test_a_plan_names_what_the_deploy_would_change_and_changes_nothing(play: Play) -> None:
    async def story(plant: Plant) -> None:
        await plant.deploy("one")
        before, images = (plant.loop.world, plant.rows()), list(plant.images.built)
        plan: Any = await Planner(plant.publisher).plan(asked(server="api"))
        assert places(plan) == [
            ("servers.api", "added"),
            ("servers.web", "removed"),
            ("files.web.py", "changed"),
            ("routes.home--shop-api.us-east.localhost", "added"),
            ("routes.home--shop-web.us-east.localhost", "removed"),
        ]
        assert (plan["version"], plan["against"]["version"], plan["against"]["state"]) == (2, 1, "live")
        assert (plant.loop.world, plant.rows()) == before
        assert list(plant.images.built) == images
        assert plant.blobs.missing(["b" * 64]) == ["b" * 64]

    play(story)


def test_the_same_manifest_is_a_plan_without_changes_that_says_which_version_has_it(play: Play) -> None:
    async def story(plant: Plant) -> None:
        await plant.deploy("one")
        manifest = plant.publisher.manifests.get(plant.rows()[0].manifest_digest)
        plan: Any = await Planner(plant.publisher).plan(replace(asked(), manifest=manifest))
        assert (plan["noop"], plan["changes"], plan["version"]) == (True, [], 1)
        assert plan["against"]["manifest_digest"] == plan["manifest_digest"]
        assert plan["against"]["since"] > "1970"

    play(story)


def test_a_stopped_app_is_not_compared_with(play: Play) -> None:
    async def story(plant: Plant) -> None:
        await plant.deploy("one")
        plant.stop()
        plan: Any = await Planner(plant.publisher).plan(asked())
        assert (plan["against"], plan["version"]) == (None, 1)

    play(story)


def test_what_the_deploy_would_be_refused_for_refuses_the_plan(play: Play) -> None:
    async def story(plant: Plant) -> None:
        await plant.deploy("one")
        with pytest.raises(ConflictError, match="belongs to Server web of App 'shop'"):
            await Planner(plant.publisher).plan(asked(name="Shop"))
        greedy = asked()
        (spec,) = greedy.manifest.servers
        manifest = replace(greedy.manifest, servers=(replace(spec, resources=Resources(memory_mib=2**30)),))
        with pytest.raises(InvalidError, match="is more than the"):
            await Planner(plant.publisher).plan(replace(greedy, manifest=manifest))

    play(story)
