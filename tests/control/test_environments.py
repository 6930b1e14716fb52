"""Environments on a real journal: names, suffixes, and what may not change while something runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from homeport.control.environments import Environments, Update
from homeport.errors import AlreadyExistsError, ConflictError, InvalidError, NotFoundError
from homeport.manifest.names import object_name_problem
from homeport.store import records
from homeport.store.database import Database
from homeport.store.environments import EnvironmentTable
from homeport.store.journal import SqlJournal

from .plant import Plant, running
from .waiting import until


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    made = Plant(tmp_path)
    yield made
    made.database.close()


@pytest.fixture
def environments(plant: Plant) -> Environments:
    return plant.publisher.environments


def again(plant: Plant) -> Environments:
    """As the next control plane reads them."""
    return Environments(EnvironmentTable(plant.database), plant.history, plant.loop)


def shown(environments: Environments) -> list[tuple[object, object]]:
    return [(line["name"], line["web_suffix"]) for line in environments.lines()]


def test_main_is_there_from_the_start_and_has_no_web_suffix(plant: Plant, environments: Environments) -> None:
    assert shown(environments) == shown(again(plant)) == [("main", "")]


def test_what_is_created_changed_and_deleted_is_durable(plant: Plant, environments: Environments) -> None:
    made = environments.create("Dev_1", None, "ann")
    assert (made["web_suffix"], made["created_by"], made["apps"]) == ("dev-1", "ann", 0)
    environments.create("other", "o", "ann")
    assert shown(again(plant)) == [("main", ""), ("Dev_1", "dev-1"), ("other", "o")]
    environments.update("Dev_1", Update(name="stage", web_suffix="s"), "bob")
    environments.delete("other", "bob")
    assert shown(environments) == shown(again(plant)) == [("main", ""), ("stage", "s")]


def test_a_deleted_name_can_be_used_again(environments: Environments) -> None:
    environments.create("dev", None, "ann")
    environments.delete("dev", "ann")
    environments.create("dev", None, "ann")
    assert shown(environments) == [("main", ""), ("dev", "dev")]


def test_the_projection_follows_from_the_records_alone(plant: Plant, environments: Environments) -> None:
    environments.create("dev", None, "ann")
    environments.update("dev", Update(name="stage"), "ann")
    before = plant.publisher.environments.lines()
    SqlJournal(plant.database).rebuild()
    assert again(plant).lines() == before


@pytest.mark.parametrize(
    ("name", "suffix", "kind", "words"),
    [
        ("b d", None, InvalidError, "Invalid environment name"),
        ("main", None, AlreadyExistsError, "Environment 'main' exists already"),
        ("..", None, InvalidError, "Invalid environment name"),
        ("DEV", None, AlreadyExistsError, "belongs to the environment 'dev'"),
        ("new", "", AlreadyExistsError, "Only one environment can have no web suffix, and 'main' has none"),
        ("new", "a--b", InvalidError, "Invalid web suffix: 'a--b'"),
        ("new", "a" * 33, InvalidError, "Invalid web suffix"),
    ],
)
def test_what_cant_be_is_refused_in_words(
    environments: Environments, name: str, suffix: str | None, kind: type[Exception], words: str
) -> None:
    environments.create("dev", None, "ann")
    with pytest.raises(kind, match=words):
        environments.create(name, suffix, "ann")
    assert shown(environments) == [("main", ""), ("dev", "dev")]


def test_main_stays(environments: Environments) -> None:
    with pytest.raises(InvalidError, match="can't be deleted"):
        environments.delete("main", "ann")
    with pytest.raises(InvalidError, match="can't be renamed"):
        environments.update("main", Update(name="prod"), "ann")


def test_main_can_leave_having_no_suffix_to_another(environments: Environments) -> None:
    environments.update("main", Update(web_suffix="m"), "ann")
    assert environments.create("bare", "", "ann")["web_suffix"] == ""


def test_an_unknown_one_is_named_with_those_spelled_alike(environments: Environments) -> None:
    environments.create("staging", None, "ann")
    with pytest.raises(NotFoundError) as caught:
        environments.find("stagng")
    assert caught.value.message == (
        "There is no environment 'stagng'. Did you mean staging? Make it with `homeport environment create stagng`."
    )


def test_nothing_changes_while_an_app_in_it_runs(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path) as plant:
            environments = plant.publisher.environments
            await plant.deploy("one")
            with pytest.raises(ConflictError, match=r"Stop shop first \(`homeport app stop shop -e main`\)"):
                environments.update("main", Update(web_suffix="m"), "ann")
            assert environments.update("main", Update(web_suffix=""), "ann")["apps"] == 1
            plant.stop()
            await until(lambda: plant.app().state == "stopped")
            assert environments.update("main", Update(web_suffix="m"), "ann")["apps"] == 0

    asyncio.run(story())


def test_stopped_apps_go_with_a_new_name(plant: Plant, environments: Environments) -> None:
    environments.create("dev", None, "ann")
    published = records.Published("ap-" + "1" * 22, "shop", "dev", 1, "m", True).record("ann")
    plant.loop.note(published)
    environments.update("dev", Update(name="stage"), "ann")
    environments.create("dev", "d", "ann")
    assert [app.name for app in plant.history.apps("stage")] == ["shop"]
    assert plant.history.apps("dev") == []


def test_stopped_apps_stay_with_the_environment_that_was_deleted(plant: Plant, environments: Environments) -> None:
    app_id = "ap-" + "1" * 22
    environments.create("dev", None, "ann")
    volume_id = str(plant.volumes.create("data", "dev", allow_existing=False, actor="ann")["volume_id"])
    plant.loop.note(records.Published(app_id, "shop", "dev", 1, "m", True).record("ann"))
    plant.volumes.delete(volume_id, "ann")
    environments.delete("dev", "ann")
    environments.create("dev", None, "ann")
    environments.update("dev", Update(name="stage", web_suffix="s"), "ann")
    environments.create("dev", None, "ann")
    assert [plant.history.find_app("shop", name) for name in ("dev", "stage")] == [None, None]
    assert plant.history.apps("dev") == plant.history.apps("stage") == []
    kept, volume = plant.history.find_app(app_id, "dev"), plant.volume_store.table.find(volume_id)
    assert kept is not None
    assert volume is not None
    assert kept.environment == volume.environment
    assert object_name_problem("environment", kept.environment)
    with pytest.raises(NotFoundError):
        environments.place(kept.environment)


def test_environments_of_before_there_were_any_are_taken_over(tmp_path: Path) -> None:
    database = Database(tmp_path / "journal.db")
    journal = SqlJournal(database)
    old = [
        records.Published(f"ap-{n}", "shop", name, 1, "m", True).record("ann") for n, name in enumerate(("main", "Dev.1"))
    ]
    journal.append(1, old, [], ("testng", 3))
    database.close()
    plant = Plant(tmp_path)
    assert shown(plant.publisher.environments) == [("main", ""), ("Dev.1", "dev-1")]
    plant.database.close()
