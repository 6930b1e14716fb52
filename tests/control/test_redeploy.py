"""Rollback and rollover from what is stored, end to end through the control layer, on fakes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from homeport.control.redeploy import Redeployer
from homeport.core.model import Strategy
from homeport.errors import ConflictError, InvalidError, NotFoundError
from homeport.manifest.schema import SecretRef
from homeport.ports import Image
from homeport.store.manifests import Manifests
from homeport.store.trees import Trees

from .plant import Plant, Play
from .waiting import until

COMMIT: dict[str, object] = {"vcs": "git", "commit_hash": "a" * 40, "dirty": False}


def test_a_rollback_is_a_new_version_with_everything_of_the_old_one_but_its_actor(play: Play) -> None:
    async def story(plant: Plant) -> None:
        await plant.deploy("one", tag="first", client_version="0.1", commit=COMMIT)
        await plant.deploy("two", tag="second", client_version="0.2")
        events = await plant.rollback()
        assert [e.name for e in events if e.name != "container"] == ["progress", "published", "settled"]
        published = next(e.data for e in events if e.name == "published")
        assert (published["version"], published["type"], published["rollback_version"]) == (3, "rollback", 1)
        assert (events[-1].data["state"], events[-1].data["containers_left"]) == ("live", 0)
        new, _, old = plant.rows()
        assert (new.type, new.rollback_version, new.actor) == ("rollback", 1, "bob")
        assert (old.type, old.rollback_version, old.actor) == ("standard", None, "ann")
        for name in ("tag", "client_version", "commit", "manifest_digest"):
            assert getattr(new, name) == getattr(old, name), name
        assert len(plant.images.built) == 1

    play(story)


def test_a_rollover_repeats_what_is_live_in_new_containers(play: Play) -> None:
    async def story(plant: Plant) -> None:
        await plant.deploy("one", tag="first")
        (old,) = plant.engine.containers
        await plant.rollover()
        assert [(row.version, row.type, row.rollback_version, row.tag) for row in plant.rows()] == [
            (2, "rollover", 1, "first"),
            (1, "standard", None, "first"),
        ]
        new = [c for c in plant.loop.world.apps[plant.app().app_id].containers if c.version == 2]
        assert [c.container_id for c in new] != [old]

    play(story)


def test_the_same_request_again_is_the_same_deployment(play: Play) -> None:
    async def story(plant: Plant) -> None:
        await plant.deploy("one")
        await plant.rollover(request_id="again")
        events = await plant.rollover(request_id="again")
        assert (events[-1].name, events[-1].data["state"], events[-1].data["version"]) == ("settled", "live", 2)
        assert len(plant.rows()) == 2

    play(story)


def test_a_stopped_app_is_refused_in_the_documents_words(play: Play) -> None:
    async def story(plant: Plant) -> None:
        await plant.deploy("one")
        await plant.deploy("two")
        plant.stop()
        error = await plant.refused()
        assert isinstance(error, InvalidError)
        assert error.message == "App 'shop' is not deployed in the 'main' environment."

    play(story)


def test_an_app_that_is_stopped_while_its_rollback_begins_is_refused_too(play: Play) -> None:
    async def story(plant: Plant) -> None:
        await plant.deploy("one")
        await plant.deploy("two")
        found = plant.images.find

        async def somebody_stops_it(image_id: str) -> Image | None:
            plant.stop()
            return await found(image_id)

        plant.images.find = somebody_stops_it  # type: ignore[method-assign]  # between the check and the decision
        with pytest.raises(InvalidError, match="is not deployed in the 'main' environment"):
            await plant.rollback()
        assert len(plant.rows()) == 2

    play(story)


@pytest.mark.parametrize(("verb", "before"), [("rollover", ["one"]), ("rollback", ["zero", "one"])])
def test_what_is_published_meanwhile_is_what_a_rollover_repeats_and_a_rollback_steps_back_from(
    play: Play, verb: str, before: list[str]
) -> None:
    async def story(plant: Plant) -> None:
        for text in before:
            await plant.deploy(text)
        find = plant.images.find

        async def somebody_deploys(image_id: str) -> Image | None:
            plant.images.find = find  # type: ignore[method-assign]  # once
            await plant.deploy("two")
            return await find(image_id)

        plant.images.find = somebody_deploys  # type: ignore[method-assign]  # between the choice and the decision
        events = await getattr(plant, verb)()
        published = next(e.data for e in events if e.name == "published")
        assert published["rollback_version"] == 2

    play(story)


def test_a_rollover_between_deployments_that_never_stop_gives_up(play: Play) -> None:
    async def story(plant: Plant) -> None:
        await plant.deploy("v1")
        find = plant.images.find

        async def somebody_deploys(image_id: str) -> Image | None:
            await plant.deploy(f"v{len(plant.rows()) + 1}")
            return await find(image_id)

        plant.images.find = somebody_deploys  # type: ignore[method-assign]  # between the choice and the decision
        with pytest.raises(ConflictError, match="'shop' was deployed again each time"):
            await plant.rollover()
        assert {row.type for row in plant.rows()} == {"standard"}

    play(story)


def test_values_that_are_gone_are_named_before_anything_changes(play: Play) -> None:
    async def story(plant: Plant) -> None:
        values = plant.secrets.keep({"A": "1"}, "main", "ann", dry_run=False)
        await plant.deploy("one", secrets=(SecretRef(values),))
        await plant.deploy("two")
        assert plant.secrets.drop(values, plant.clock.now_ms() + 1)
        assert (await plant.refused(1)).message.startswith("A Secret that was made from values is not there")

    play(story)


def test_what_is_gone_is_named_before_anything_changes(play: Play) -> None:
    async def story(plant: Plant) -> None:
        await plant.deploy("one")
        await plant.deploy("two")
        old = plant.rows()[-1]
        (file,) = Trees(plant.blobs).get(Manifests(plant.blobs).get(old.manifest_digest).source).files
        plant.blobs.path(file.digest).unlink()
        error = await plant.refused()
        assert isinstance(error, NotFoundError)
        assert error.message.startswith("v1 of App 'shop' can't be had any more: the content of web.py is gone;")
        plant.blobs.add(b"one")
        plant.blobs.path(old.manifest_digest).unlink()
        assert "its manifest is gone" in (await plant.refused()).message

    play(story)


def test_history_says_to_which_versions_there_is_a_way_back(play: Play) -> None:  # 1.5.7, 1.7.8
    async def story(plant: Plant) -> None:
        await plant.deploy("one")
        await plant.deploy("two")
        redeployer = Redeployer(plant.publisher, plant.history)
        assert await redeployer.allowed(plant.app(), plant.rows()) == [True, True]
        plant.blobs.path(plant.rows()[1].manifest_digest).unlink()
        assert await redeployer.allowed(plant.app(), plant.rows()) == [True, False]
        image = await plant.images.get(plant.images.built[0])
        assert image is not None
        await plant.images.drop(image.image_id)
        assert await redeployer.allowed(plant.app(), plant.rows()) == [False, False]
        plant.stop()
        await until(lambda: plant.app().state == "stopped")
        assert await redeployer.allowed(plant.app(), plant.rows()) == [False, False]

    play(story)


def test_an_image_that_is_gone_is_not_built_again_but_named(play: Play) -> None:
    async def story(plant: Plant) -> None:
        await plant.deploy("one")
        await plant.deploy("two")
        image = await plant.images.get(plant.images.built[0])
        assert image is not None
        await plant.images.drop(image.image_id)
        assert "the image of Server web (debian_slim, 3.13) is gone" in (await plant.refused(1)).message
        assert len(plant.images.built) == 1

    play(story)


def test_recreate_waits_for_the_old_containers_and_says_so(play: Play) -> None:
    async def story(plant: Plant) -> None:
        await plant.deploy("one")
        events = await plant.rollover(strategy=Strategy.RECREATE)
        assert [e.data["stage"] for e in events if e.name == "progress"] == ["check", "terminate"]
        assert events[-1].data["containers_left"] == 0
        assert {c.version for c in plant.loop.world.apps[plant.app().app_id].containers} == {2}

    play(story)


def test_recreate_does_not_wait_for_ever_and_counts_what_is_left(play: Play) -> None:
    async def story(plant: Plant) -> None:
        plant.publisher = replace(plant.publisher, recreate_wait_s=0)
        await plant.deploy("one")
        events = await plant.rollover(strategy=Strategy.RECREATE)
        assert (events[-1].data["state"], events[-1].data["containers_left"]) == ("live", 1)

    play(story, obedient=False)


def test_a_first_deploy_with_recreate_ends_nothing(play: Play) -> None:
    async def story(plant: Plant) -> None:
        settled = await plant.deploy("one", strategy=Strategy.RECREATE)
        assert (settled["state"], settled["containers_left"]) == ("live", 0)

    play(story)
