"""Cold start: from the action `StartContainer` to the first 200, through the real preparation, engine, spawner and guest.

In each round every kind of container is started beside a bare process, and all are polled in the same way.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, TypeVar

import bare
import machine
from report import Figure, Measured, Target

from homeport.client import config
from homeport.client.http import Client
from homeport.control.identity import Identity
from homeport.control.prepare import Preparer
from homeport.core.actions import StartContainer
from homeport.core.facts import ContainerExited, ContainerReady, ContainerStarted
from homeport.daemon import inside
from homeport.daemon.compose import Opened, image_settings
from homeport.engine.local import LocalEngine
from homeport.engine.probe import Boots
from homeport.images.builder import BuildahImages
from homeport.manifest.schema import AppManifest
from homeport.runtime.spawner_link import SpawnerLink
from homeport.sdk import load, ref
from homeport.sdk.collect import collect
from homeport.sdk.resolve import PlatformResolver
from homeport.settings import Settings
from homeport.store.datadir import open_data_dir
from homeport.store.keyring import platform_key

PORT = 8000
LIMIT_S = 60.0
SOURCE_BYTES_MAX = 1 << 20
TARGET = Target(1.3)
LISTENING = Target(0.4)

Change = Callable[[AppManifest, Opened], AppManifest]
F = TypeVar("F", ContainerStarted, ContainerReady, ContainerExited)

# The second one is served by the process of the enter method itself.
SERVERS = """
import homeport as modal

app = modal.App("cold-start")

@app.server(unauthenticated=True)
class Popen:
    @modal.enter()
    def startup(self):
        import subprocess
        subprocess.Popen("python -m http.server -d / 8000", shell=True)

@app.server(unauthenticated=True)
class Inside:
    @modal.enter()
    def startup(self):
        import functools, threading
        from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
        serve = ThreadingHTTPServer(("", 8000), functools.partial(SimpleHTTPRequestHandler, directory="/"))
        threading.Thread(target=serve.serve_forever, daemon=True).start()

@app.server(unauthenticated=True, enable_memory_snapshot=True)
class Slow(Inside._user_cls):
    @modal.enter(snap=True)
    def load(self):
        import time
        time.sleep(1)
"""
INSIDE = "container, http.server inside enter()"
KINDS = {
    'container, enter() runs Popen("python -m http.server")': "Popen",
    INSIDE: "Inside",
    "container of `python -m http.server` alone": "",
}


class Took(NamedTuple):
    """How long one start was under way."""

    listening_ms: float
    answered_ms: float


def measure(work: Path, rounds: int) -> Measured:
    """One figure per kind, and one for the way from the template alone. Needs root, crun and buildah."""
    ours, theirs = asyncio.run(_measure(work, rounds))
    answered = [each.answered_ms for each in theirs]
    figures = [
        Figure.of((f"cold start: {name}", "ms", "bare process"), [each.answered_ms for each in ours[name]], answered, TARGET)
        for name in KINDS
    ]
    title = (f"cold start, listening: {INSIDE}", "ms", "bare process")
    inside, bare_ones = ([each.listening_ms for each in some] for some in (ours[INSIDE], theirs))
    return Measured([*figures, Figure.of(title, inside, bare_ones, LISTENING)])


async def _measure(work: Path, rounds: int) -> tuple[dict[str, list[Took]], list[Took]]:
    ours: dict[str, list[Took]] = {name: [] for name in KINDS}
    theirs: list[Took] = []
    async with opened(work / "data", work) as bench:
        interpreter = bare.python(bench.python_version)
        for number in range(rounds + 1):
            await asyncio.to_thread(machine.wait_until_quiet)
            each = {name: await bench.cold_start(kind) for name, kind in KINDS.items()}
            plain = await _plain(interpreter)
            if number:  # the first one warms the caches up for all
                theirs.append(plain)
                for name, took in each.items():
                    ours[name].append(took)
    return ours, theirs


async def _plain(interpreter: str) -> Took:
    """A bare process, waited for by the engine's own probe as containers are."""
    begun = time.perf_counter()
    with bare.serving(interpreter, Path("/")) as port:
        await Boots().opened(f"127.0.0.1:{port}")
        listening_ms = _ms_since(begun)
        bare.until_200("127.0.0.1", port)
        return Took(listening_ms, _ms_since(begun))


def _ms_since(begun_s: float) -> float:
    return (time.perf_counter() - begun_s) * 1000


@dataclass
class Bench:
    """One machine with containers, without control loop and router."""

    engine: LocalEngine
    link: SpawnerLink
    preparer: Preparer
    manifest_digest: str
    python_version: str
    started: int = 0

    async def cold_start_ms(self, server: str, *, snapshot: bool = False) -> float:
        """To the first 200. As `cold_start`."""
        return (await self.cold_start(server, snapshot=snapshot)).answered_ms

    async def cold_start(self, server: str, *, snapshot: bool = False) -> Took:
        """`server` is the class; "" is the command of the first one replaced by the plain process."""
        self.started += 1
        action = StartContainer(
            f"ta-bench{self.started:04d}", "ap-bench", "main", "fu-bench", server or "Popen", 1, self.manifest_digest
        )
        begun = time.perf_counter()
        spec = await self.preparer.spec(action)
        if not snapshot:
            spec = replace(spec, snapshot="")
        if not server:
            spec = replace(spec, command=("python3", "-m", "http.server", "-d", "/", str(PORT)))
        await self.engine.start(spec)
        address = (await self._fact(action.container_id, ContainerStarted)).address
        await self._fact(action.container_id, ContainerReady)
        listening_ms = _ms_since(begun)
        bare.until_200(address.rpartition(":")[0], PORT)
        took = Took(listening_ms, _ms_since(begun))
        await self.engine.stop(action.container_id, 0)
        await self._fact(action.container_id, ContainerExited)
        await self.engine.forget(action.container_id)
        return took

    async def _fact(self, container_id: str, kind: type[F]) -> F:
        async with asyncio.timeout(LIMIT_S):
            async for fact in self.engine.facts():
                if isinstance(fact, kind) and fact.container_id == container_id:
                    return fact
                if isinstance(fact, ContainerExited) and fact.container_id == container_id:
                    raise RuntimeError(f"{container_id} ended before it answered: {fact.detail or fact.reason}")
        raise RuntimeError("the engine was closed")


def _as_it_is(manifest: AppManifest, _: Opened) -> AppManifest:
    return manifest


@contextlib.asynccontextmanager
async def opened(data_dir: Path, work: Path, change: Change = _as_it_is) -> AsyncIterator[Bench]:
    """A data directory with the image and the manifest of SERVERS, and an engine with a spawner of its own.

    change: makes another manifest of it, and what that needs.
    """
    directory = open_data_dir(data_dir)
    settings = Settings(data_dir=data_dir)
    kept = Opened.at(settings, directory)
    images = BuildahImages(image_settings(settings, kept.guest_lib))
    file = work / "servers.py"
    file.write_text(SERVERS)
    nowhere = config.Target("http://nowhere.invalid", "", "", "")  # nothing in it asks the platform
    resolver = PlatformResolver(Client(nowhere), "main")
    collected = collect(load.load(ref.parse(str(file), False)).app, None, SOURCE_BYTES_MAX, resolver)
    assert collected.source is not None
    kept.blobs.add(file.read_bytes())
    kept.blobs.add(collected.source.tree.content)
    recipe = collected.manifest.servers[0].image
    image = await images.ensure(recipe, print)
    servers = tuple(replace(server, image_id=image.image_id) for server in collected.manifest.servers)
    manifest = change(replace(collected.manifest, servers=servers), kept)
    files = (kept.manifests, kept.sources, kept.trees)
    identity = Identity(platform_key(directory.keys, "container tokens"))
    inside_place = inside.place(data_dir)
    preparer = Preparer(settings, images, *files, kept.guest_lib, kept.volumes, kept.vault, identity, inside_place)
    link = SpawnerLink(str(data_dir))
    engine = LocalEngine(str(data_dir), link)
    await link.process.ensure()
    try:
        yield Bench(engine, link, preparer, kept.manifests.put(manifest), recipe.python_version)
    finally:
        await _end(engine, link)
        kept.database.close()


async def _end(engine: LocalEngine, link: SpawnerLink) -> None:
    """Everything that still runs after a failure, then the spawner."""
    for status in await engine.list():
        if status.running:
            await engine.stop(status.container_id, 0)
    left = {status.container_id for status in await engine.list() if status.running}
    async with asyncio.timeout(LIMIT_S):
        facts = engine.facts()
        while left:
            fact = await anext(facts)
            left -= {fact.container_id} if isinstance(fact, ContainerExited) else set()
    for status in await engine.list():
        await engine.forget(status.container_id)  # waits for its shim, which the spawner would not leave behind
    await link.request("shutdown")
    await engine.close()
