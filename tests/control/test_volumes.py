"""Volumes on a real journal and disk: names, ids, what is refused, and when files go."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from homeport.control import volume_mounts
from homeport.control.volume_keeper import VolumeKeeper
from homeport.control.volumes import HEARTBEAT_LIMIT_S, Volumes
from homeport.errors import AlreadyExistsError, ConflictError, InvalidError, NotFoundError
from homeport.manifest.schema import AppManifest, Entry, ServerSpec, VolumeMount
from homeport.store.journal import SqlJournal

from .plant import Plant


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    made = Plant(tmp_path)
    yield made
    made.database.close()


@pytest.fixture
def volumes(plant: Plant) -> Volumes:
    return plant.volumes


@pytest.fixture
def keeper(plant: Plant, tmp_path: Path) -> VolumeKeeper:
    return VolumeKeeper(tmp_path, plant.volumes, plant.loop)


def make(volumes: Volumes, name: str, environment: str = "main") -> str:
    return str(volumes.create(name, environment, allow_existing=False, actor="ann")["volume_id"])


def named(volumes: Volumes, environment: str = "main") -> list[object]:
    return [line["name"] for line in volumes.lines(environment)]


def resolve(volumes: Volumes, name: str, *, make: bool = False, environment: str = "main") -> Any:
    return volumes.resolve(name, environment, create_if_missing=make, actor="bob")["volume_id"]


def test_a_name_is_found_or_made_and_then_stays_the_same_volume(volumes: Volumes) -> None:
    with pytest.raises(NotFoundError, match=r"Volume 'data' not found in the 'main' environment\. Make it with"):
        resolve(volumes, "data")
    made = resolve(volumes, "data", make=True)
    assert made.startswith("vo-")
    assert len(made) == 25
    assert resolve(volumes, "data", make=True) == resolve(volumes, "data") == made
    assert (volumes.info(made)["created_by"], volumes.folders.path(made).is_dir()) == ("bob", True)
    with pytest.raises(NotFoundError, match=r"Did you mean data\?"):
        resolve(volumes, "date")


def test_the_same_name_in_two_environments_is_two_volumes(plant: Plant, volumes: Volumes) -> None:
    plant.publisher.environments.create("dev", None, "ann")
    assert make(volumes, "data") != make(volumes, "data", "dev")
    with pytest.raises(NotFoundError, match="There is no environment 'staging'"):
        make(volumes, "data", "staging")


def test_an_environment_with_volumes_keeps_them_under_its_new_name_and_does_not_go(plant: Plant, volumes: Volumes) -> None:
    from homeport.control.environments import Update

    environments = plant.publisher.environments
    environments.create("dev", None, "ann")
    made = make(volumes, "data", "dev")
    environments.update("dev", Update(name="stage"), "ann")
    assert resolve(volumes, "data", environment="stage") == made
    with pytest.raises(ConflictError, match=r"'stage' can't be deleted: it has Volumes \(data\)"):
        environments.delete("stage", "ann")
    volumes.delete(made, "ann")
    environments.delete("stage", "ann")


def test_what_cant_be_is_refused_in_words(volumes: Volumes) -> None:
    make(volumes, "data")
    make(volumes, "other")
    with pytest.raises(AlreadyExistsError, match="Volume 'data' exists already"):
        make(volumes, "data")
    assert volumes.create("data", "main", allow_existing=True, actor="ann")["volume_id"] == resolve(volumes, "data")
    with pytest.raises(InvalidError, match="Invalid Volume name: 'a/b'"):
        make(volumes, "a/b")
    with pytest.raises(AlreadyExistsError, match="Volume 'other' exists already"):
        volumes.rename(resolve(volumes, "data"), "other", "ann")
    with pytest.raises(InvalidError, match="Invalid Volume name"):
        volumes.rename(resolve(volumes, "data"), "x y", "ann")
    for volume_id in ("vo-nothing", "../../etc", "vo-" + "0" * 22):
        with pytest.raises(NotFoundError):
            volumes.tree(volume_id)


def test_a_new_name_is_the_same_volume_and_a_made_again_one_is_another(volumes: Volumes) -> None:
    first = make(volumes, "data")
    volumes.rename(first, "models", "ann")
    assert named(volumes) == ["models"]
    assert resolve(volumes, "models") == first
    volumes.delete(first, "ann")
    assert named(volumes) == []
    assert make(volumes, "models") != first
    with pytest.raises(NotFoundError, match=r"There is no Volume vo-\w+ \('models'\) \(any more\)"):
        volumes.info(first)


def test_the_projection_follows_from_the_records_alone(plant: Plant, volumes: Volumes) -> None:
    volumes.rename(make(volumes, "a"), "b", "ann")
    volumes.delete(make(volumes, "c"), "ann")
    before = (volumes.lines("main"), volumes.table.deleted())
    SqlJournal(plant.database).rebuild()
    assert (volumes.lines("main"), volumes.table.deleted()) == before


def test_a_manifest_with_a_volume_that_is_gone_is_refused_by_name(plant: Plant, volumes: Volumes) -> None:
    made = make(volumes, "data")
    server = ServerSpec("web", Entry("web", "Web", "web.py"), volumes=(VolumeMount("/data", made, "data", True, "a/b"),))
    (bind,) = volume_mounts.binds(server, plant.volume_store)
    assert (bind.source, bind.target, bind.read_only) == (f"{volumes.folders.path(made)}/a/b", "/data", True)
    planned = replace(server, volumes=(VolumeMount("/data", "", "later"),))
    volume_mounts.refuse_missing(AppManifest("shop", (server, planned)), volumes.table)
    volumes.delete(made, "ann")
    with pytest.raises(NotFoundError, match=f"Server web: Volume 'data' \\({made}\\) was deleted"):
        volume_mounts.refuse_missing(AppManifest("shop", (server,)), volumes.table)
    with pytest.raises(NotFoundError, match="was deleted"):
        volume_mounts.binds(server, plant.volume_store)
    with pytest.raises(NotFoundError, match="is not on this platform"):
        volume_mounts.require(VolumeMount("/data", "../../etc", "data"), volumes.table)


def container(root: Path, name: str, sources: dict[str, bool]) -> Path:
    """The directory of a container that has these; the value is whether it may only read."""
    directory = root / "containers" / name
    directory.mkdir(parents=True)
    binds = [[source, f"/mnt/{number}", read_only] for number, (source, read_only) in enumerate(sources.items())]
    (directory / "spec.json").write_text(json.dumps({"binds": [["/elsewhere", "/x", True], *binds], "layers": []}))
    return directory


class Syncs(list[int]):
    def __call__(self) -> None:
        self.append(1)


@pytest.fixture
def syncs(volumes: Volumes, monkeypatch: pytest.MonkeyPatch) -> Syncs:
    counted = Syncs()
    monkeypatch.setattr(volumes.folders, "sync", counted)
    return counted


def test_writers_are_committed_while_they_run_and_once_when_they_end(
    tmp_path: Path, volumes: Volumes, keeper: VolumeKeeper, syncs: Syncs
) -> None:
    source = str(volumes.folders.path(make(volumes, "data")))
    asyncio.run(keeper.look())
    assert syncs == []
    directory = container(tmp_path, "ta-1", {f"{source}/sub": False})
    for expected in (1, 2):
        asyncio.run(keeper.look())
        assert len(syncs) == expected
    (directory / "exit.json").write_text("{}")
    for _ in range(2):
        asyncio.run(keeper.look())
        assert len(syncs) == 3


def test_readers_need_no_commits(tmp_path: Path, volumes: Volumes, keeper: VolumeKeeper, syncs: Syncs) -> None:
    container(tmp_path, "ta-1", {str(volumes.folders.path(make(volumes, "data"))): True})
    asyncio.run(keeper.look())
    assert syncs == []


def test_files_of_a_deleted_volume_go_with_the_last_container_that_has_it(
    tmp_path: Path, volumes: Volumes, keeper: VolumeKeeper
) -> None:
    used, unused, kept = (make(volumes, name) for name in ("used", "unused", "kept"))
    container(tmp_path, "ta-1", {str(volumes.folders.path(used)): True})
    second = container(tmp_path, "ta-2", {str(volumes.folders.path(used)): False})
    for volume_id in (used, unused):
        volumes.delete(volume_id, "ann")
    (tmp_path / "containers/ta-1/exit.json").write_text("{}")
    asyncio.run(keeper.look())
    assert volumes.folders.stored() == sorted([used, kept])
    (second / "exit.json").write_text("{}")
    asyncio.run(keeper.look())
    assert volumes.folders.stored() == [kept]


def test_a_nameless_volume_goes_when_its_program_was_not_heard_of(volumes: Volumes, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = make(volumes, ""), make(volumes, "")
    make(volumes, "named")
    assert named(volumes) == ["named"]
    assert volumes.forsaken() == []
    import homeport.control.volumes as module

    now_s = module.time.monotonic() + HEARTBEAT_LIMIT_S + 1
    monkeypatch.setattr(module.time, "monotonic", lambda: now_s)
    volumes.heartbeat(second)
    assert volumes.forsaken() == [first]
    volumes.delete(first, "ann")
    assert volumes.forsaken() == []
