"""A control plane on fakes: real journal, blobs and manifests in a directory, containers and images that obey the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from homeport.control.chronicle import Input
from homeport.control.environments import Environments
from homeport.control.identity import Identity
from homeport.control.kernel import Kernel
from homeport.control.loop import ControlLoop
from homeport.control.prepare import Preparer
from homeport.control.publish import Publisher
from homeport.control.redeploy import Redeployer
from homeport.control.requests import DeployRequest, Event, RedeployRequest
from homeport.control.secrets import Secrets
from homeport.control.vault import Vault
from homeport.control.volumes import Volumes
from homeport.control.watch import Watchers
from homeport.core.facts import AppStopRequested, CapacityKnown, DeployKind
from homeport.core.model import Strategy
from homeport.errors import Error
from homeport.manifest.schema import AppManifest, Entry, ImageRecipe, ServerSpec
from homeport.manifest.tree import File, Tree
from homeport.settings import Settings
from homeport.store.blobs import Blobs
from homeport.store.database import Database
from homeport.store.environments import EnvironmentTable
from homeport.store.history import AppRow, DeploymentRow, History
from homeport.store.journal import SqlJournal
from homeport.store.keyring import open_keyring
from homeport.store.manifests import Manifests
from homeport.store.secrets import SecretTable
from homeport.store.sources import Sources
from homeport.store.trees import Trees
from homeport.store.volumes import VolumeFolders, VolumeStore, VolumeTable
from homeport.testing.engine import FakeEngine
from homeport.testing.images import FakeImages
from homeport.testing.router import FakeRouter

DEBIAN = ImageRecipe("debian_slim", "3.13")
ROOM = CapacityKnown(cpu_milli=64_000, memory_mib=64_000)
SPEC_OPTIONS = ("secrets", "env", "sessioned", "scale")


class Clock:
    """Each look at it is a millisecond later."""

    def __init__(self) -> None:
        self._now_ms = 1_000_000

    def now_ms(self) -> int:
        self._now_ms += 1
        return self._now_ms


class Plant:
    def __init__(self, root: Path, *, obedient: bool = True) -> None:
        self.engine, self.router, self.images = FakeEngine(obedient=obedient), FakeRouter(), FakeImages()
        self.blobs = Blobs(root / "blobs")
        self.database = Database(root / "journal.db")
        self.history = History(self.database)
        manifests, sources, settings = Manifests(self.blobs), Sources(root / "sources", self.blobs), Settings(data_dir=root)
        trees = Trees(self.blobs)
        self.volume_store = VolumeStore(VolumeTable(self.database), VolumeFolders(root / "volumes"))
        journal, self.clock = SqlJournal(self.database), Clock()
        (root / "keys").mkdir(exist_ok=True)
        self.vault = Vault(SecretTable(self.database, journal, open_keyring(root / "keys")))
        self.identity = Identity(b"k" * 32)
        keeps = (self.images, manifests, sources, trees, root, self.volume_store, self.vault, self.identity)
        kernel = Kernel(journal, "testng")
        self.loop = ControlLoop(kernel, self.clock, self.engine, self.router, Preparer(settings, *keeps, root / "inside"))
        watchers = Watchers()
        self.loop.watchers.append(watchers.tell)
        self.environments = Environments(EnvironmentTable(self.database), self.history, self.loop)
        self.secrets = Secrets(self.vault.table, self.environments, self.clock, b"n" * 32)
        self.volumes = Volumes(self.volume_store, self.environments, self.loop)
        stores = (self.images, self.blobs, manifests, sources, trees, self.environments, self.volume_store.table, self.vault)
        self.publisher = Publisher(settings, self.loop, watchers, *stores)
        self.asked = 0

    async def deploy(self, text: str, *, server: str = "web", strategy: Strategy = Strategy.ROLLING, **said: Any) -> Any:
        """The last event's data of a deploy by ann that waits, unless `wait` is said otherwise. said: as for `request`."""
        wait = said.pop("wait", True)
        stream = self.publisher.deploy(self.request(text, server=server, strategy=strategy, **said), wait)
        return (await self.watch(stream))[-1].data

    def request(
        self, text: str, *, server: str = "web", strategy: Strategy = Strategy.ROLLING, **said: Any
    ) -> DeployRequest:  # fmt: skip
        """A new one, of ann; its file holds `text`. said: also `image` and SPEC_OPTIONS."""
        self.asked += 1
        image = said.pop("image", DEBIAN)
        source = self.tree({"web.py": text})
        more = {name: said.pop(name) for name in SPEC_OPTIONS if name in said}
        spec = ServerSpec(server, Entry("web", "Web", "web.py"), image, port=8000, **more)
        manifest = AppManifest("shop", (spec,), source)
        return DeployRequest(manifest, strategy, "main", f"r{self.asked}", "ann", **said)

    def tree(self, files: dict[str, str]) -> str:
        """The digest of a tree of these texts, all of it uploaded."""
        found = [File(path, self.blobs.add(text.encode()), len(text.encode())) for path, text in files.items()]
        return self.blobs.add(Tree.of(found).content)

    async def redeploy(self, kind: DeployKind, version: int | None = None, **said: Any) -> list[Event]:
        """All events of a rollback or rollover by bob that waits."""
        self.asked += 1
        request = RedeployRequest("shop", "main", kind, Strategy.ROLLING, f"r{self.asked}", "bob", version)
        redeployer = Redeployer(self.publisher, self.history)
        return await self.watch(redeployer.redeploy(self.app(), replace(request, **said), True))

    async def rollback(self, version: int | None = None, **said: Any) -> list[Event]:
        return await self.redeploy(DeployKind.ROLLBACK, version, **said)

    async def rollover(self, **said: Any) -> list[Event]:
        return await self.redeploy(DeployKind.ROLLOVER, **said)

    async def refused(self, version: int | None = None) -> Error:
        """The error of a rollback that must not happen; also sees to it that nothing has changed."""
        before = (self.rows(), self.loop.world)
        try:
            await self.rollback(version)
        except Error as error:
            assert (self.rows(), self.loop.world) == before
            return error
        raise AssertionError("it was not refused")

    async def watch(self, stream: AsyncIterator[Event]) -> list[Event]:
        """Reads a stream to its end; whatever starts meanwhile becomes ready."""
        seen = []
        async for event in stream:
            seen.append(event)
            container_id = str(event.data.get("container_id"))
            if event.name == "container" and event.data["state"] == "starting" and container_id in self.engine.containers:
                self.engine.becomes_ready(container_id)
        return seen

    def stop(self) -> None:
        self.loop.accept([Input(AppStopRequested(self.app().app_id))])

    def app(self) -> AppRow:
        found = self.history.find_app("shop", "main")
        assert found is not None
        return found

    def rows(self) -> list[DeploymentRow]:
        """Newest first."""
        return self.history.history(self.app().app_id)


Story = Callable[[Plant], Awaitable[None]]
Play = Callable[..., None]  # the fixture: takes a story, and the options of `running`


@asynccontextmanager
async def running(root: Path, *, obedient: bool = True) -> AsyncIterator[Plant]:
    plant = Plant(root, obedient=obedient)
    await plant.loop.start(ROOM)
    try:
        async with asyncio.timeout(60):  # no test takes that long unless it hangs
            yield plant
    finally:
        await plant.loop.close()
        plant.database.close()
