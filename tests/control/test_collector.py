"""Collection on real files: what goes, what stays, and what comes in between. Times are set on the files, not waited for."""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from homeport.control.builds import Builds
from homeport.control.collector import Collector
from homeport.control.stock import Stores
from homeport.core.model import Strategy
from homeport.errors import NotFoundError
from homeport.images import chain
from homeport.manifest.schema import ImageRecipe, ImageStep, SecretRef
from homeport.manifest.tree import Tree
from homeport.ports import Image
from homeport.settings import Settings
from homeport.testing.images import FakeImages

from .plant import Plant, running
from .waiting import until

DAY_S = 86_400


class StoredImages(FakeImages):
    """As the real ones tell what they have."""

    idle: float = math.inf

    def stored(self) -> dict[str, Image]:
        return {chain.of(recipe).digest: image for recipe, image in self._images.items()}

    def idle_s(self, image_id: str) -> float:
        return self.idle

    async def collect(self) -> tuple[int, int]:
        return 0, 0


class House:
    """A plant with a collector in it, whose Apps were deployed long ago."""

    def __init__(self, plant: Plant, root: Path, **chosen: int) -> None:
        self.plant, self.root = plant, root
        self.images = StoredImages()
        self.images._images = plant.images._images
        self.chosen = chosen

    async def collect(self, *, dry_run: bool = False) -> dict[str, int]:
        """Counts by kind, of those that there was something of."""
        parts = self.plant.publisher
        settings = replace(Settings(data_dir=self.root), **self.chosen)  # type: ignore[arg-type]  # all of them are numbers
        stores = Stores(
            settings,
            parts.loop,
            self.plant.history,
            parts.blobs,
            parts.manifests,
            parts.sources,
            parts.trees,
            self.images,
            self.root / "guest/now",
            self.plant.secrets,
            parts.preparing,
        )
        found = await Collector(stores).collect("ann", dry_run=dry_run)
        return {str(kind["kind"]): int(kind["count"]) for kind in found["kinds"] if kind["count"]}  # type: ignore[attr-defined]  # JSON

    def age(self, days: float = 1) -> None:
        """Everything was last used so long ago."""
        at = time.time() - days * DAY_S
        for folder in ("blobs", "sources", "logs", "guest", "containers"):
            for path in (self.root / folder).rglob("*"):
                os.utime(path, (at, at))
        self.plant.blobs._asked_ms.clear()

    def write(self, path: str, text: str = "x") -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file


@asynccontextmanager
async def house(root: Path, **chosen: int) -> AsyncIterator[House]:
    async with running(root) as plant:
        yield House(plant, root, **chosen)


def test_versions_beyond_the_kept_ones_go_and_the_others_can_be_rolled_back_to(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path, versions_kept=2) as it:
            for text in ("one", "two", "three"):
                await it.plant.deploy(text, strategy=Strategy.RECREATE)
            it.age()
            would = await it.collect(dry_run=True)
            assert would == {
                "blobs": 3,
                "sources": 1,
            }  # its file, its tree and its manifest, and where that tree is laid out
            before = it.plant.loop.world
            assert await it.collect() == would
            assert it.plant.loop.world == before
            assert await it.collect() == {}
            assert isinstance(await it.plant.refused(1), NotFoundError)
            assert (await it.plant.rollback(2))[-1].data["state"] == "live"

    asyncio.run(story())


def test_an_app_stopped_long_ago_is_forgotten_with_all_that_it_had_but_its_history(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path, days_after_stop=0) as it:
            await it.plant.deploy("one")
            app_id = it.plant.app().app_id
            it.plant.stop()
            await until(lambda: it.plant.app().state == "stopped")
            applied = it.plant.router.applied
            await until(lambda: applied[-1][1][0].stopped)
            it.age()
            assert await it.collect(dry_run=True) == await it.collect() == {"blobs": 3, "sources": 1, "images": 1}
            assert it.plant.loop.world.apps == {}
            await until(lambda: applied[-1] == (app_id, ()))
            assert [row.version for row in it.plant.rows()] == [1]
            assert list((tmp_path / "blobs").glob("??/*")) == []

    asyncio.run(story())


def test_values_go_when_no_version_that_can_run_again_names_them_and_named_secrets_stay(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path, versions_kept=1) as it:
            secrets = it.plant.secrets
            named = secrets.create("api", "main", {"A": "1"}, overwrite=False, actor="ann")
            first, second, unused = (secrets.keep({"A": text}, "main", "ann", dry_run=False) for text in "123")
            await it.plant.deploy("one", secrets=(SecretRef(first),), strategy=Strategy.RECREATE)
            await it.plant.deploy("two", secrets=(SecretRef(second),), strategy=Strategy.RECREATE)
            assert (await it.collect(dry_run=True))["secrets"] == 2
            assert (await it.collect())["secrets"] == 2
            left = it.plant.vault.table.by_id([first, second, unused, str(named["secret_id"])])
            assert left.keys() == {second, named["secret_id"]}

    asyncio.run(story())


def test_secrets_of_a_deleted_environment_go(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path) as it:
            it.plant.environments.create("dev", None, "ann")
            it.plant.secrets.create("api", "dev", {"A": "1"}, overwrite=False, actor="ann")
            assert await it.collect() == {}
            it.plant.environments.delete("dev", "ann")
            assert await it.collect() == {"secrets": 1}

    asyncio.run(story())


def test_what_was_just_used_stays_and_asking_for_a_blob_is_using_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path) as it:
            blobs = it.plant.blobs
            young, asked, read, old = (blobs.add(text.encode()) for text in ("young", "asked", "read", "old"))
            it.age()
            os.utime(blobs.path(young))
            assert blobs.missing([asked]) == []
            assert blobs.read(read) == b"read"
            assert await it.collect() == {"blobs": 1}
            assert blobs.missing([young, asked, read, old]) == [old]

    asyncio.run(story())


def test_a_blob_asked_for_between_the_decision_and_the_removal_stays(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path) as it:
            blobs = it.plant.blobs
            wanted = blobs.add(b"wanted")
            it.age()
            since_ms = int(time.time() * 1000) - 3_600_000
            assert blobs.missing([wanted]) == []  # by a deploy that will not upload it again
            assert not blobs.drop(wanted, since_ms)
            assert blobs.read(wanted) == b"wanted"

    asyncio.run(story())


def test_an_image_that_somebody_asked_for_or_that_is_being_built_stays(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path) as it:
            await it.images.ensure(ImageRecipe("debian_slim", "3.11"), lambda _: None)
            it.images.idle = 10
            assert await it.collect() == {}
            it.images.idle = math.inf
            assert await it.collect() == {"images": 1}

    asyncio.run(story())


def test_logs_guests_and_left_directories_go_and_what_a_directory_refers_to_stays(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path, log_days=30) as it:
            for name in ("now", "used", "old"):
                it.write(f"guest/{name}/homeport/x.py")
            it.write("containers/lost/spec.json", f'{{"binds": [["{tmp_path}/guest/used", "/x", true]], "layers": []}}')
            app, gone = "ap-testng0000000000000001", "ta-testng0000000100000009"
            it.write(f"logs/{app}/{gone}.log")
            it.write(f"logs/{app}/{gone}.log.1")
            it.age(31)
            assert await it.collect() == {"containers": 1, "logs": 1, "guests": 1}
            assert sorted(path.name for path in (tmp_path / "guest").iterdir()) == ["now", "used"]
            assert not (tmp_path / "logs" / app).exists()
            assert await it.collect() == {"guests": 1}  # nothing refers to it any more
            assert sorted(path.name for path in (tmp_path / "run" / "trash").iterdir()) == []

    asyncio.run(story())


def test_containers_that_live_keep_their_directory_and_their_log(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path, log_days=0) as it:
            await it.plant.deploy("one")
            (container,) = it.plant.engine.containers
            it.write(f"containers/{container}/spec.json", '{"binds": [], "layers": []}')
            log = it.write(f"logs/{it.plant.app().app_id}/{container}.log")
            it.age(90)
            assert await it.collect() == {}
            assert log.exists()

    asyncio.run(story())


def test_while_a_manifest_that_runs_cant_be_read_nothing_that_it_might_name_goes(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path) as it:
            await it.plant.deploy("one")
            left = it.plant.blobs.add(b"left")
            it.plant.blobs.path(it.plant.rows()[0].manifest_digest).unlink()
            it.age()
            assert await it.collect() == {}
            assert it.plant.blobs.missing([left]) == []

    asyncio.run(story())


def test_it_is_written_down_who_collected_what(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path) as it:
            it.plant.blobs.add(b"left")
            it.age()
            await it.collect(dry_run=True)
            await it.collect()
            with it.plant.database.reading() as connection:
                query = "SELECT actor, body FROM records WHERE kind = 'garbage.collected'"
                ((actor, body),) = connection.exec_driver_sql(query).all()
            assert (actor, '"counts":{"blobs":1}' in body) == ("ann", True)

    asyncio.run(story())


class Shelf(StoredImages):
    def build_of(self, recipe: ImageRecipe) -> str:
        return "im-1"


def building(it: House, images: FakeImages) -> tuple[ImageRecipe, SecretRef]:
    """An image that takes for ever, with what it is built with laid out."""
    context = it.plant.tree({"requirements.txt": "flask"})
    it.plant.publisher.sources.materialise(it.plant.publisher.trees.get(context))
    values = SecretRef(it.plant.secrets.keep({"A": "1"}, "main", "ann", dry_run=False))
    recipe = ImageRecipe(steps=(ImageStep("run_commands", ("RUN a",), (context,), secrets=(values,)),))
    images.held.add(recipe)
    return recipe, values


async def collected_while(it: House, images: FakeImages, work: Coroutine[object, object, object]) -> dict[str, int]:
    """What goes during the work, though nothing was used for longer than anybody waits; at its end all of it can go."""
    under_way = asyncio.create_task(work)
    await until(lambda: bool(images._turn))  # it is being built
    it.age()
    during = await it.collect()
    under_way.cancel()
    await asyncio.gather(under_way, return_exceptions=True)
    it.age()
    assert {"blobs", "sources", "secrets"} <= (await it.collect(dry_run=True)).keys()
    return during


def test_what_a_deploy_needs_stays_however_long_its_build_takes(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path) as it:
            images = it.plant.images
            recipe, values = building(it, images)
            assert await collected_while(it, images, it.plant.deploy("one", image=recipe, secrets=(values,))) == {}

    asyncio.run(story())


def test_what_an_image_is_built_with_stays_until_it_is_built(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path) as it:
            images = Shelf()
            recipe, _ = building(it, images)
            builds = Builds(images, it.plant.publisher.preparing)  # type: ignore[arg-type]  # it lacks what isn't asked for
            assert await collected_while(it, images, it.plant.watch(builds.build(recipe, None, "ann"))) == {}

    asyncio.run(story())


def test_what_an_old_version_needs_stays_while_it_is_brought_back(tmp_path: Path) -> None:
    async def story() -> None:
        async with house(tmp_path, versions_kept=1) as it:
            await it.plant.deploy("one", strategy=Strategy.RECREATE)
            await it.plant.deploy("two", strategy=Strategy.RECREATE)
            lay_out = it.plant.publisher.sources.materialise

            def collect_first(tree: Tree) -> Path:
                it.age()
                assert asyncio.run_coroutine_threadsafe(it.collect(), loop).result(60) == {}
                return lay_out(tree)

            loop = asyncio.get_running_loop()
            it.plant.publisher.sources.materialise = collect_first  # type: ignore[method-assign]  # the last step before it
            assert (await it.plant.rollback(1))[-1].data["state"] == "live"

    asyncio.run(story())
