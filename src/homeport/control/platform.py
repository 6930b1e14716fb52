"""Everything that people can ask of a platform, in one place (the API's `Platform`). Owns look-ups by name and waiting;
what is decided is the kernel's, what is shown is `views`'.
"""

from __future__ import annotations

import asyncio
import base64
import os
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from .. import __version__
from ..core.facts import AppStopRequested, ContainerStopRequested
from ..core.ids import app_of_service
from ..core.model import App, Container
from ..core.states import AppState, ContainerState
from ..engine.execute import execute
from ..errors import ConflictError, NotFoundError, PlatformError
from ..manifest.names import is_app_id
from ..router.haproxy import HAProxyRouter
from ..runtime.client import SpawnerClient, SpawnerError
from ..settings import Settings
from ..store.audit import Audit
from ..store.blobs import Blobs
from ..store.history import AppRow, ContainerRow, History
from . import views
from .audit import Auditor
from .autoscaler import Autoscaler
from .builds import Builds
from .chronicle import Input, Origin
from .collector import Collector
from .cuts import cut_until
from .dicts import Dicts
from .environments import Environments
from .garbage import DAY_MS
from .hints import did_you_mean
from .logbook import Logbook, Subject
from .lookup import find_server, shown
from .members import Members
from .metrics import Metrics
from .objects import Objects
from .places import Places
from .planner import Planner
from .prometheus import Prometheus
from .proxytokens import ProxyTokens
from .publish import Publisher
from .queues import Queues
from .redeploy import Redeployer
from .registry import Registry
from .requests import CreateRequest, DeployRequest, Event, LogQuery, RedeployRequest
from .secrets import Secrets
from .seen import Seen
from .sessions import Sessions
from .traffic import Traffic
from .views import Json
from .volume_keeper import VolumeKeeper
from .volumes import Volumes


@dataclass(frozen=True, slots=True)
class Kept:
    """What Apps and people keep here by name."""

    secrets: Secrets
    objects: Objects
    dicts: Dicts
    queues: Queues


@dataclass(frozen=True, slots=True)
class Parts:
    """What a platform is made of (put together in `daemon.compose`)."""

    settings: Settings
    started_at_ms: int
    publisher: Publisher
    history: History
    logbook: Logbook
    router: HAProxyRouter
    spawner: SpawnerClient
    collector: Collector
    builds: Builds
    audit: Audit
    members: Members
    proxy_tokens: ProxyTokens
    volumes: Volumes
    volume_keeper: VolumeKeeper
    kept: Kept
    seen: Seen


class Platform:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._history = parts.history
        self._sessions = Sessions(parts.publisher.loop, parts.router)
        self._loop = parts.publisher.loop
        self._watchers = parts.publisher.watchers
        self._redeployer = Redeployer(parts.publisher, parts.history)
        self._registry = Registry(parts.publisher, parts.history)
        self._auditor = Auditor(parts.audit, parts.history)
        parts.seen.traffic.find_app = self._find

    @property
    def blobs(self) -> Blobs:
        return self._parts.publisher.blobs

    async def status(self) -> Json:
        settings = self._parts.settings
        router = await self._parts.router.status()
        apps = [app for app in self._loop.world.apps.values() if app.state is not AppState.STOPPED]
        return {
            "version": __version__,
            "data_dir": str(settings.data_dir),
            "workspace": settings.workspace,
            "domain": settings.domain,
            "started_at": views.iso(self._parts.started_at_ms),
            "control_plane": {"pid": os.getpid(), "url": settings.api_url},
            "router": {"pid": router["master"], "url": settings.server_url(settings.domain), **router},
            "spawner": await self._spawner(),
            "apps": len(apps),
            "containers": sum(c.state is not ContainerState.PENDING for app in apps for c in app.containers),
        }

    @property
    def environments(self) -> Environments:
        return self._parts.publisher.environments

    @property
    def workspace(self) -> str:
        return self._parts.settings.workspace

    @property
    def members(self) -> Members:
        return self._parts.members

    @property
    def sessions(self) -> Sessions:
        return self._sessions

    @property
    def router_secret(self) -> str:
        return self._parts.router.settings.control_secret

    @property
    def proxy_tokens(self) -> ProxyTokens:
        return self._parts.proxy_tokens

    @property
    def places(self) -> Places:
        parts = self._parts
        table, under_way = parts.publisher.vault.table, parts.publisher.preparing.environment
        return Places(self.environments, self._history, table, parts.volumes, parts.kept.objects, under_way)

    @property
    def autoscaler(self) -> Autoscaler:
        return Autoscaler(self._parts.publisher, self._parts.members, self._find)

    @property
    def volumes(self) -> Volumes:
        return self._parts.volumes

    async def volume_users(self, volume_id: str) -> Json:
        return await asyncio.to_thread(self._parts.volumes.users, volume_id, self._parts.publisher.manifests)

    async def delete_volume(self, volume_id: str, actor: str) -> Json:
        deleted = self._parts.volumes.delete(volume_id, actor)
        await self._parts.volume_keeper.look()
        return deleted

    @property
    def traffic(self) -> Traffic:
        return self._parts.seen.traffic

    @property
    def metrics(self) -> Metrics:
        return self._parts.seen.metrics

    @property
    def prometheus(self) -> Prometheus:
        return self._parts.seen.prometheus

    @property
    def builds(self) -> Builds:
        return self._parts.builds

    @property
    def secrets(self) -> Secrets:
        return self._parts.kept.secrets

    @property
    def objects(self) -> Objects:
        return self._parts.kept.objects

    @property
    def dicts(self) -> Dicts:
        return self._parts.kept.dicts

    @property
    def queues(self) -> Queues:
        return self._parts.kept.queues

    @property
    def collector(self) -> Collector:
        return self._parts.collector

    def apps(self, environment: str) -> list[Json]:
        self.environments.find(environment)
        world = self._loop.world
        since_ms = time.time_ns() // 1_000_000 - self._parts.settings.days_after_stop * DAY_MS
        rows = [row for row in self._history.apps(environment) if (row.stopped_at_ms or since_ms) >= since_ms]
        lines = [views.app_line(row, world.apps.get(row.app_id)) for row in rows]
        return sorted(lines, key=lambda line: (int(str(line["tasks"])), str(line["created_at"])), reverse=True)

    async def app_info(self, ref: str, environment: str) -> Json:
        row = self._find(ref, environment)
        app = self._loop.world.apps.get(row.app_id)
        deployment, servers = shown(app), {}
        if app is not None and deployment is not None:
            manifest = await asyncio.to_thread(self._parts.publisher.manifests.get, deployment.manifest_digest)
            servers = views.server_lines(app, deployment, manifest, self._parts.settings)
        return views.app_info(row, self._history.history(row.app_id), servers)

    async def history(self, ref: str, environment: str) -> list[Json]:
        app = self._find(ref, environment)
        rows = self._history.history(app.app_id)
        allowed = await self._redeployer.allowed(app, rows)
        return [views.history_line(row, may) for row, may in zip(rows, allowed, strict=True)]

    def deploy(self, request: DeployRequest, wait: bool) -> AsyncIterator[Event]:
        return self._parts.publisher.deploy(request, wait)

    def cancel_deploy(self, request_id: str) -> bool:
        return self._parts.publisher.preparing.cancel(request_id)

    async def redeploy(self, request: RedeployRequest, wait: bool) -> AsyncIterator[Event]:
        app = self._find(request.app_ref, request.environment)
        async for event in self._redeployer.redeploy(app, request, wait):
            yield event

    async def plan(self, request: DeployRequest) -> Json:
        return await Planner(self._parts.publisher).plan(request)

    async def create_app(self, request: CreateRequest) -> Json:
        return await self._registry.create(request)

    async def app_tags(self, ref: str, environment: str) -> Json:
        return {**await self._registry.tags(self._find(ref, environment))}

    async def set_app_tags(self, ref: str, environment: str, tags: dict[str, str], actor: str) -> Json:
        return {**await self._registry.set_tags(self._find(ref, environment), tags, actor)}

    async def audit(self, count: int) -> list[Json]:
        return await asyncio.to_thread(self._auditor.acts, count)

    async def verify_audit(self) -> Json:
        return await asyncio.to_thread(self._auditor.verify)

    async def stop_app(self, ref: str, environment: str, actor: str) -> Json:
        row = self._find(ref, environment)
        app = self._loop.world.apps.get(row.app_id)
        if app is None or app.state is AppState.STOPPED:
            raise ConflictError(views.already_stopped(row))
        with self._watchers.of_app(row.app_id) as happenings:
            self._loop.accept([Input(AppStopRequested(row.app_id), Origin(actor=actor))])
            cut = await cut_until(happenings, lambda: self._over(Subject(row.app_id)))
        await self._loop.routed(row.app_id)  # whoever is told that it is stopped finds nothing at its URLs
        ended = sum(c.state is not ContainerState.PENDING for c in app.containers)
        return {"app_id": row.app_id, "containers_ended": ended, "requests_cut": cut}

    async def logs(self, query: LogQuery) -> AsyncIterator[Event]:
        subject = self._subject(query)
        if query.follow and not self._over(subject):
            async for event in self._parts.logbook.follow(query, subject, lambda: self._over(subject)):
                yield event
            return
        async for event in self._parts.logbook.read(query, subject):
            yield event

    def containers(self, app_ref: str | None, environment: str, ended: bool) -> list[Json]:
        if app_ref is not None:
            row = self._find(app_ref, environment)
            apps, rows = {row.app_id: row}, self._history.containers(row.app_id, ended=ended)
        else:
            self.environments.find(environment)
            apps = {row.app_id: row for row in self._history.apps(environment)}
            rows = [row for row in self._history.containers(ended=ended) if row.app_id in apps]
        now = {c.container_id: c for app_id in apps for c in self._containers(app_id)}
        return [views.container_line(row, apps[row.app_id], now.get(row.container_id)) for row in rows]

    async def stop_container(self, container_id: str, actor: str) -> Json:
        row = self._find_container(container_id)
        with self._watchers.of_app(row.app_id) as happenings:
            self._loop.accept([Input(ContainerStopRequested(container_id), Origin(actor=actor))])
            cut = await cut_until(happenings, lambda: self._over(Subject(row.app_id, container_id)))
        return {"container_id": container_id, "state": ContainerState.ENDED.value, "requests_cut": cut}

    async def exec(self, container_id: str, argv: tuple[str, ...], stdin: bytes | None) -> AsyncIterator[Event]:
        row = self._find_container(container_id)
        if not any(c.container_id == container_id for c in self._containers(row.app_id)):
            raise ConflictError(f"Container {container_id} has ended; see `homeport container list` for those that run.")
        async for output in execute(self._parts.spawner, container_id, argv, stdin):
            if output.stream == "exit":
                yield Event("exit", {"exit_code": output.exit_code})
            else:
                yield Event(output.stream, {"data": base64.b64encode(output.data).decode()})

    def server_info(self, app_ref: str, server: str, environment: str) -> Json:
        row = self._find(app_ref, environment)
        found = find_server(row, self._loop.world.apps.get(row.app_id), server)
        manifest = self._parts.publisher.manifests.get(found.deployment.manifest_digest)
        spec = next(s for s in manifest.servers if s.name == server)
        return views.server_info(found, spec, self._parts.settings)

    def server_by_id(self, server_id: str) -> Json:
        app_id = app_of_service(server_id)
        name = next((name for name, there in self._server_ids(app_id).items() if there == server_id), None)
        if name is None:
            raise NotFoundError(f"There is no Server with the id {server_id!r}; see `homeport app info`.")
        return self.server_info(app_id, name, "")

    async def _spawner(self) -> Json:
        try:
            hello = await self._parts.spawner.request("hello")
        except (PlatformError, SpawnerError) as error:
            return {"pid": 0, "state": f"down: {error.message}", "backends": {}}
        return {"pid": hello["pid"], "state": "up", "backends": hello.get("backends", {})}

    def _find(self, ref: str, environment: str) -> AppRow:
        row = self._history.find_app(ref, environment)
        if row is not None:
            return row
        if is_app_id(ref):
            raise NotFoundError(f"There is no App with the id {ref!r}; see `homeport app list`.")
        self.environments.find(environment)
        hint = did_you_mean(ref, (app.name for app in self._history.apps(environment)))
        raise NotFoundError(f"No App with name {ref!r} found in the {environment!r} environment.{hint}")

    def _find_container(self, container_id: str) -> ContainerRow:
        row = self._history.container(container_id)
        if row is None:
            raise NotFoundError(f"There is no container {container_id!r}; see `homeport container list --all`.")
        return row

    def _subject(self, query: LogQuery) -> Subject:
        if query.app_ref is not None:
            row = self._find(query.app_ref, query.environment)
            ids = self._server_ids(row.app_id)
            service = None if query.function_id is None else _named(query.function_id, row.name, ids)
            return Subject(row.app_id, query.container_id, service, ids)
        assert query.container_id is not None, query
        app_id = self._find_container(query.container_id).app_id
        return Subject(app_id, query.container_id, ids=self._server_ids(app_id))

    def _server_ids(self, app_id: str) -> dict[str, str]:
        """By name, of all Servers that the App ever had; none for one that was stopped long ago."""
        app = self._loop.world.apps.get(app_id)
        return {service.name: service.service_id for service in app.services} if app else {}

    def _over(self, subject: Subject) -> bool:
        """Whether no more lines can come."""
        app: App | None = self._loop.world.apps.get(subject.app_id)
        if app is None or app.state is AppState.STOPPED:
            return True
        wanted = subject.container_id
        return wanted is not None and all(c.container_id != wanted for c in app.containers)

    def _containers(self, app_id: str) -> tuple[Container, ...]:
        app = self._loop.world.apps.get(app_id)
        return app.containers if app else ()


def _named(ref: str, app_name: str, ids: Mapping[str, str]) -> str:
    """The name of the Server with this id or name. Raises NotFoundError."""
    name = next((name for name, there in ids.items() if ref in (there, name)), None)
    if name is None:
        called = "with the id" if ref.startswith("fu-") else "called"
        raise NotFoundError(f"App {app_name!r} has no Server {called} {ref!r}; see `homeport app info`.")
    return name
