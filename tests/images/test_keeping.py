"""What is kept of builds, in which order, and what goes: on a storage that only notes what it is asked for."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from homeport.errors import InvalidError
from homeport.images import BuildahImages, ImageSettings, chain, settling
from homeport.images.index import Index
from homeport.images.layers import Stored
from homeport.images.settling import Settling
from homeport.images.storage import Storage
from homeport.manifest.schema import ImageRecipe
from homeport.ports import Image

RECIPE = ImageRecipe()


class NotingStorage(Storage):
    def __init__(self, place: Path) -> None:
        super().__init__(place, place)
        self.noted: list[str] = []
        self.images: list[Stored] = []
        self.go = asyncio.Event()
        self.go.set()

    async def open(self) -> None:
        self.noted.append("opened")
        await self.go.wait()

    def stored(self) -> list[Stored]:
        return self.images

    async def sync(self) -> None:
        self.noted.append("synced")
        await self.go.wait()

    async def remove(self, image_id: str) -> None:
        self.noted.append(f"removed {image_id}")

    async def remove_working_containers(self) -> None:
        self.noted.append("cleared")


def images_with(place: Path, *stored: ImageRecipe) -> tuple[BuildahImages, NotingStorage]:
    index = Index(place / "index.json")
    for number, recipe in enumerate(stored):
        index.put(chain.of(recipe).digest, Image(f"i{number}", (str(place),)))
    images = BuildahImages(ImageSettings(place, place, place))
    images._storage = images._settling._storage = storage = NotingStorage(place)
    return images, storage


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_link_is_written_down_after_its_layers_and_not_by_chance_before(tmp_path: Path) -> None:
    async def story() -> None:
        index, storage = Index(tmp_path / "index.json"), NotingStorage(tmp_path)
        links = Settling(storage, index)
        storage.go.clear()
        index.links["a"] = "i1"
        settled = asyncio.create_task(links.now())
        await turns()
        index.links["b"] = "i2"
        index.put("recipe", Image("i9", ()))
        assert Index(tmp_path / "index.json").links == {}
        storage.go.set()
        await settled
        assert Index(tmp_path / "index.json").links == {"a": "i1"}
        links.soon()
        links.soon()
        await links.hurry()
        await links.hurry()
        assert Index(tmp_path / "index.json").links == {"a": "i1", "b": "i2"}
        assert storage.noted == ["synced", "synced"]

    asyncio.run(story())


def test_what_was_removed_while_it_settled_stays_removed(tmp_path: Path) -> None:
    async def story() -> None:
        index, storage = Index(tmp_path / "index.json"), NotingStorage(tmp_path)
        storage.go.clear()
        index.links |= {"a": "i1", "b": "i2"}
        settled = asyncio.create_task(Settling(storage, index).now())
        await turns()
        index.unlink({"i1"})
        storage.go.set()
        await settled
        assert Index(tmp_path / "index.json").links == {"b": "i2"}

    asyncio.run(story())


def test_what_was_not_settled_when_the_machine_went_down_is_taken_for_nothing_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        images, storage = images_with(tmp_path, RECIPE)
        images._index.links["a"] = "linked"
        storage.images = [
            Stored("i0", ("localhost/homeport/build:1-1",), ("l1",), 0),
            Stored("linked", (), ("l1",), 0),
            Stored("base", ("localhost/homeport/unfinished:1", "localhost/homeport/debian_slim:3.12-official"), ("l1",), 0),
            Stored("pulled", ("docker.io/library/python:3.12-slim",), ("l2",), 0),
            Stored("half", ("localhost/homeport/unfinished:2",), ("l3", "l2"), 0),
            Stored("cut", ("localhost/homeport/build:2-1",), ("l3",), 0),
        ]
        await images._open()
        await images._open()
        assert storage.noted == ["opened", "removed half", "removed pulled", "removed cut", "opened"]
        (tmp_path / "next boot").write_text("another")
        monkeypatch.setattr(settling, "BOOT_ID", tmp_path / "next boot")
        await images._open()
        assert len(storage.noted) == 9

    asyncio.run(story())


def test_an_image_that_a_deploy_takes_while_it_is_dropped_stays(tmp_path: Path) -> None:
    async def story() -> None:
        images, storage = images_with(tmp_path, RECIPE)
        storage.go.clear()
        dropping = asyncio.create_task(images.drop("i0"))
        await turns()
        assert await images.get(RECIPE)
        storage.go.set()
        await dropping
        assert await images.get(RECIPE)
        await images.drop("i0")
        assert storage.noted == ["opened", "opened", "removed i0"]
        assert await images.get(RECIPE) is None

    asyncio.run(story())


def test_what_a_failed_build_left_goes_when_nothing_is_built_any_more(tmp_path: Path) -> None:
    async def story() -> None:
        images, storage = images_with(tmp_path)
        async with images._at_work():
            with pytest.raises(InvalidError):
                async with images._at_work():
                    raise InvalidError("no")
            assert storage.noted == []
        assert storage.noted == ["cleared"]
        async with images._at_work():
            pass
        assert storage.noted == ["cleared"]

    asyncio.run(story())
