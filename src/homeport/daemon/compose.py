"""The composition root: the only file that names the real adapters. Start and end read from top to bottom."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import socket
import string
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import uvicorn

from ..api.app import create_app
from ..control.collector import Collector
from ..control.environments import Environments
from ..control.kernel import Kernel
from ..control.logbook import Logbook
from ..control.loop import ControlLoop, machine_capacity
from ..control.platform import Parts, Platform
from ..control.prepare import Preparer
from ..control.publish import Publisher
from ..control.requestlog import RequestLog, versions
from ..control.stock import Stores
from ..control.traffic import Traffic
from ..control.volume_keeper import VolumeKeeper
from ..control.volumes import Volumes
from ..control.watch import Watchers
from ..core.ids import TAG_LENGTH
from ..engine.local import LocalEngine
from ..errors import PlatformError
from ..images.builder import BuildahImages
from ..images.settings import ImageSettings
from ..router.haproxy import HAProxyRouter
from ..router.settings import RouterSettings
from ..runtime.client import SpawnerClient
from ..runtime.processes import identify
from ..runtime.spawner_process import SpawnerProcess
from ..settings import Settings
from ..store.audit import Audit
from ..store.blobs import Blobs
from ..store.database import Database
from ..store.datadir import DataDir, open_data_dir
from ..store.environments import EnvironmentTable
from ..store.files import write_private
from ..store.history import History
from ..store.journal import SqlJournal
from ..store.lock import Lock
from ..store.manifests import Manifests
from ..store.requests import RequestStore
from ..store.sources import Sources
from ..store.tokens import TokenStore
from ..store.trees import Trees
from ..store.volumes import VolumeFolders, VolumeStore, VolumeTable
from . import guestlib

SHUTDOWN_LIMIT_S = 2
CACHE = Path("~/.cache/homeport")


class SystemClock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


async def serve(settings: Settings, ready: asyncio.Event) -> None:
    """Runs the control plane until it is told to end (SIGTERM, SIGINT). Containers and router go on without it.

    Raises ConflictError when another control plane has the data directory, PlatformError or InvalidError in words.
    """
    directory = open_data_dir(settings.data_dir)
    async with AsyncExitStack() as exits:
        lock = Lock(directory.lock, settings.api_url)
        exits.callback(lock.release)
        listener = _listen(settings)
        exits.callback(listener.close)
        tokens = TokenStore(directory.keys)
        tokens.ensure_admin()
        platform = await exits.enter_async_context(_platform(settings, directory))
        config = uvicorn.Config(
            create_app(platform, tokens), log_config=None, access_log=False, timeout_graceful_shutdown=SHUTDOWN_LIMIT_S
        )
        server = uvicorn.Server(config)
        _announce(settings)
        exits.callback(_withdraw, settings)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn offers no event for it
            await asyncio.sleep(0.005)
        ready.set()
        await serving


@contextlib.asynccontextmanager
async def _platform(settings: Settings, directory: DataDir) -> AsyncIterator[Platform]:
    clock = SystemClock()
    database = Database(directory.journal)
    journal = SqlJournal(database)
    kernel = Kernel(journal, _new_tag())
    history = History(database)
    blobs = Blobs(directory.blobs)
    manifests, sources, trees = Manifests(blobs), Sources(directory.sources, blobs), Trees(blobs)
    images = BuildahImages(ImageSettings.under(settings.data_dir, CACHE.expanduser()))
    router = HAProxyRouter(router_settings(settings))
    engine = LocalEngine(str(settings.data_dir))
    guest_lib = await asyncio.to_thread(guestlib.ensure, settings.data_dir)
    store = VolumeStore(VolumeTable(database), VolumeFolders(directory.volumes))
    preparer = Preparer(settings, manifests, images, sources, trees, guest_lib, store)
    loop = ControlLoop(kernel, clock, engine, router, preparer)
    requests = RequestLog(RequestStore(directory.requests), settings, clock, lambda: versions(loop.world))
    router.on_request = requests.take
    watchers = Watchers()
    loop.watchers.append(watchers.tell)
    await router.start()
    await SpawnerProcess(str(settings.data_dir)).ensure()
    await loop.start(machine_capacity(settings.cpu_overcommit))
    environments = Environments(EnvironmentTable(database), history, loop)
    volumes = Volumes(store, environments, loop)
    keeper = VolumeKeeper(settings.data_dir, volumes, loop)
    publisher = Publisher(settings, loop, watchers, images, blobs, manifests, sources, trees, environments, store.table)
    collector = Collector(Stores(settings, loop, history, manifests, blobs, sources, trees, images, guest_lib))
    chores = [asyncio.create_task(collector.run()), asyncio.create_task(keeper.run())]
    chores.append(asyncio.create_task(requests.run()))
    spawner = SpawnerClient(SpawnerProcess(str(settings.data_dir)).socket_path)
    logbook = Logbook(settings.data_dir, history)
    try:
        audit = Audit(journal, database)
        now_ms = clock.now_ms()
        traffic = Traffic(requests, history, loop, clock)
        yield Platform(
            Parts(settings, now_ms, publisher, history, logbook, router, spawner, collector, audit, volumes, keeper, traffic)
        )
    finally:
        for chore in chores:
            chore.cancel()
        await asyncio.gather(*chores, return_exceptions=True)
        await loop.close()
        await engine.close()
        await router.close()
        await requests.close()
        await spawner.close()
        database.close()


def router_settings(settings: Settings) -> RouterSettings:
    return RouterSettings(settings.data_dir / "router", settings.http_bind, settings.http_port)


def place_file(data_dir: Path) -> Path:
    """Where a running control plane says how it is reached; clients on this machine look here."""
    return data_dir / "run" / "platform.json"


def _new_tag() -> str:
    alphabet = string.ascii_letters + string.digits
    return "".join(secrets.choice(alphabet) for _ in range(TAG_LENGTH))


def _listen(settings: Settings) -> socket.socket:
    try:
        listener = socket.create_server((settings.api_bind, settings.api_port), backlog=256)
        # asyncio does it only for sockets that name their protocol; without it each first event lags 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        raise PlatformError(
            f"The API's port {settings.api_port} on {settings.api_bind} can't be used ({error.strerror}); "
            "end what listens there or choose another one with --api-port."
        ) from None


def _announce(settings: Settings) -> None:
    process = identify(os.getpid())
    assert process is not None
    said = {"api_url": settings.api_url, "pid": process.pid, "start": process.start, "http_port": settings.http_port}
    path = place_file(settings.data_dir)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    write_private(path, json.dumps(said).encode())


def _withdraw(settings: Settings) -> None:
    place_file(settings.data_dir).unlink(missing_ok=True)
