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
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import uvicorn

from ..api.app import create_app
from ..api.inside import create_inside_app
from ..control.builds import Builds
from ..control.collector import Collector
from ..control.dicts import Dicts
from ..control.environments import Environments
from ..control.gpus import Stock, stock
from ..control.identity import Gate, Identity
from ..control.kernel import Kernel
from ..control.logbook import Logbook
from ..control.loop import ControlLoop, machine_capacity
from ..control.materials import PlatformMaterials
from ..control.members import Members
from ..control.objects import Objects
from ..control.platform import Kept, Parts, Platform
from ..control.prepare import Preparer
from ..control.preparing import Preparing
from ..control.proxytokens import ProxyTokens
from ..control.publish import Publisher
from ..control.queues import Queues
from ..control.sampler import Sampler
from ..control.secrets import Secrets
from ..control.seen import Seen
from ..control.stock import Stores
from ..control.vault import Vault
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
from ..runtime import durable
from ..runtime.client import SpawnerClient
from ..runtime.processes import identify
from ..runtime.spawner_process import SpawnerProcess
from ..settings import Settings
from ..store.audit import Audit
from ..store.blobs import Blobs
from ..store.database import Database
from ..store.datadir import DataDir, open_data_dir
from ..store.environments import EnvironmentTable
from ..store.history import History
from ..store.journal import SqlJournal
from ..store.keyring import KEY_VARIABLE, Keyring, open_keyring, platform_key
from ..store.lock import Lock
from ..store.manifests import Manifests
from ..store.members import MemberTable
from ..store.objects import ObjectFile
from ..store.proxytokens import ProxyTokenTable
from ..store.secrets import SecretTable
from ..store.sources import Sources
from ..store.tokens import TokenStore
from ..store.trees import Trees
from ..store.volumes import VolumeFolders, VolumeStore, VolumeTable
from . import guestlib, inside
from .seeing import Seeing

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
        platform = await exits.enter_async_context(_platform(settings, directory, tokens))
        app = create_app(platform, tokens, platform.members)
        config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=SHUTDOWN_LIMIT_S)
        server = uvicorn.Server(config)
        _announce(settings)
        exits.callback(_withdraw, settings)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn offers no event for it
            await asyncio.sleep(0.005)
        ready.set()
        await serving


@dataclass(frozen=True)
class Opened:
    """Everything that lies in the data directory, opened."""

    database: Database
    journal: SqlJournal
    history: History
    blobs: Blobs
    manifests: Manifests
    sources: Sources
    trees: Trees
    vault: Vault
    volumes: VolumeStore
    objects: ObjectFile
    guest_lib: Path

    @classmethod
    def at(cls, settings: Settings, directory: DataDir) -> Opened:
        """Blocks. Raises what opening them raises."""
        database, blobs = Database(directory.journal), Blobs(directory.blobs)
        journal = SqlJournal(database)
        return cls(
            database=database,
            journal=journal,
            history=History(database),
            blobs=blobs,
            manifests=Manifests(blobs),
            sources=Sources(directory.sources, blobs),
            trees=Trees(blobs),
            vault=Vault(SecretTable(database, journal, _keyring(settings, directory))),
            volumes=VolumeStore(VolumeTable(database), VolumeFolders(directory.volumes)),
            objects=ObjectFile(directory.objects),
            guest_lib=guestlib.ensure(settings.data_dir),
        )


@dataclass(frozen=True)
class Machinery:
    """What decides and acts: put together, and started."""

    clock: SystemClock
    images: BuildahImages
    engine: LocalEngine
    router: HAProxyRouter
    seeing: Seeing
    seen: Seen
    identity: Identity
    inside: Path
    gpus: Stock
    loop: ControlLoop
    watchers: Watchers

    async def close(self) -> None:
        await self.loop.close()
        await self.engine.close()
        await self.router.close()
        await self.seeing.close()


@contextlib.asynccontextmanager
async def _platform(settings: Settings, directory: DataDir, admins: TokenStore) -> AsyncIterator[Platform]:
    kept = Opened.at(settings, directory)
    machinery = await _machinery(settings, directory, kept)
    loop, router = machinery.loop, machinery.router
    sampler = Sampler(loop, router)
    router.on_request.append(sampler.on_request)
    router.on_empty = sampler.on_empty
    parts = await _parts(settings, directory, kept, machinery, admins)
    platform = Platform(parts)
    work = (
        sampler.run(),
        parts.collector.run(),
        parts.volume_keeper.run(),
        parts.kept.objects.sweep(),
        machinery.seeing.run(),
        platform.sessions.run(),
    )
    chores = [asyncio.create_task(chore) for chore in work]
    try:
        async with inside.serving(create_inside_app(platform, Gate(machinery.identity, loop)), machinery.inside):
            yield platform
    finally:
        await _cancel(chores)
        parts.kept.objects.close()
        await machinery.close()
        await parts.spawner.close()
        kept.database.close()


async def _machinery(settings: Settings, directory: DataDir, kept: Opened) -> Machinery:
    """Adopts what runs. Raises as `serve`."""
    clock, watchers = SystemClock(), Watchers()
    images = BuildahImages(
        image_settings(settings, kept.guest_lib), PlatformMaterials(kept.sources, kept.trees, kept.vault, kept.volumes)
    )
    secret = platform_key(directory.keys, "the router's requests").hex()
    router, engine = HAProxyRouter(router_settings(settings, secret)), LocalEngine(str(settings.data_dir))
    seeing = Seeing(settings, directory, clock, router)
    identity = Identity(platform_key(directory.keys, "container tokens"))
    place = inside.place(settings.data_dir)
    files = (kept.manifests, kept.sources, kept.trees)
    preparer = Preparer(settings, images, *files, kept.guest_lib, kept.volumes, kept.vault, identity, place)
    loop = ControlLoop(Kernel(seeing.timed(kept.journal), _new_tag()), clock, engine, router, preparer)
    seen = seeing.attach(loop, kept.history)
    loop.watchers.append(watchers.tell)
    await router.start()
    gpus = await _gpus(settings)
    await loop.start(machine_capacity(settings.cpu_overcommit, gpus.models))
    return Machinery(clock, images, engine, router, seeing, seen, identity, place, gpus, loop, watchers)


async def _gpus(settings: Settings) -> Stock:
    """Starts the spawner unless it runs: it looked at the machine's when it came up."""
    process = SpawnerProcess(str(settings.data_dir))
    await process.ensure()
    client = SpawnerClient(process.socket_path)
    try:
        return stock(await client.request("hello"))
    finally:
        await client.close()


async def _parts(settings: Settings, directory: DataDir, kept: Opened, made: Machinery, admins: TokenStore) -> Parts:
    """What people ask for, on top of it."""
    loop, images = made.loop, made.images
    files = (kept.manifests, kept.sources, kept.trees)
    environments = Environments(EnvironmentTable(kept.database), kept.history, loop)
    proxy_tokens = ProxyTokens(ProxyTokenTable(kept.database), environments, loop, made.router.set_tokens)
    await proxy_tokens.push()
    volumes = Volumes(kept.volumes, environments, loop)
    secret_names = Secrets(kept.vault.table, environments, made.clock, platform_key(directory.keys, "ids of values"))
    secret_names.finish_rotation()
    objects = Objects(kept.objects, environments, made.clock)
    preparing = Preparing()
    stores = Stores(settings, loop, kept.history, kept.blobs, *files, images, kept.guest_lib, secret_names, preparing)
    return Parts(
        settings=settings,
        started_at_ms=made.clock.now_ms(),
        publisher=Publisher(
            settings,
            loop,
            made.watchers,
            images,
            kept.blobs,
            *files,
            environments,
            kept.volumes.table,
            kept.vault,
            made.gpus,
            preparing=preparing,
        ),
        history=kept.history,
        logbook=Logbook(settings.data_dir, kept.history),
        router=made.router,
        spawner=SpawnerClient(SpawnerProcess(str(settings.data_dir)).socket_path),
        collector=Collector(stores),
        builds=Builds(images, preparing),
        audit=Audit(kept.journal, kept.database),
        members=Members(MemberTable(kept.database), environments, loop, admins),
        proxy_tokens=proxy_tokens,
        volumes=volumes,
        volume_keeper=VolumeKeeper(settings.data_dir, volumes, loop),
        seen=made.seen,
        kept=Kept(secret_names, objects, Dicts(objects, settings.data_dir / "run" / "uploads"), Queues(objects)),
    )


def image_settings(settings: Settings, guest_lib: Path) -> ImageSettings:
    usual = ImageSettings.under(settings.data_dir, CACHE.expanduser())
    return replace(
        usual,
        guest_lib=guest_lib,
        cache_gib=settings.image_cache_gib,
        cache_days=settings.image_cache_days,
        build_memory_gib=settings.build_memory_gib,
    )


def _keyring(settings: Settings, directory: DataDir) -> Keyring:
    """Takes the key out of the environment: nothing that is started from here gets to see it."""
    return open_keyring(directory.keys, settings.secret_key_file, os.environ.pop(KEY_VARIABLE, None))


async def _cancel(chores: Sequence[asyncio.Task[None]]) -> None:
    for chore in chores:
        chore.cancel()
    await asyncio.gather(*chores, return_exceptions=True)


def router_settings(settings: Settings, control_secret: str = "") -> RouterSettings:
    return RouterSettings(
        settings.data_dir / "router",
        settings.http_bind,
        settings.http_port,
        control_address=settings.api_url.removeprefix("http://"),
        control_secret=control_secret,
        tls_cert=settings.tls_cert,
        tls_key=settings.tls_key,
        https_port=settings.https_port,
        https_redirect=settings.https_redirect,
        server_timing=settings.server_timing,
    )


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
    durable.write(path, json.dumps(said).encode())


def _withdraw(settings: Settings) -> None:
    place_file(settings.data_dir).unlink(missing_ok=True)
