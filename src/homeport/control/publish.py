"""One deployment from the request to its end: check, build, publish, and tell how the rollout goes.

Owns the order of these stages: until the one durable fact is written nothing has changed, and an error before it leaves
version, containers and traffic as they were. What happens after it is the core's.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from ..core.events import ContainerMoved, DeploymentMoved, DeployRefused, DeployUnchanged, RequestsCut
from ..core.events import Event as Happening
from ..core.facts import DeployRequested
from ..core.model import App, Deployment, ServiceSpec, Strategy
from ..core.states import AppState, ContainerState, DeploymentState
from ..engine.logs import read_tail
from ..errors import ConflictError, Error, InvalidError, NotFoundError
from ..images import recipe as recipes
from ..manifest import checks, digest, names, placing
from ..manifest.schema import AppManifest, ImageRecipe, ServerSpec
from ..manifest.tree import Tree
from ..ports import Image, Images
from ..settings import Settings
from ..store.blobs import Blobs
from ..store.manifests import Manifests
from ..store.sources import Sources
from ..store.trees import Trees, paths_in_words
from ..store.volumes import VolumeTable
from . import app_images, views
from .chronicle import Input, Origin
from .environments import Environments
from .feasible import Machine, refusals
from .gpus import NO_GPUS, Stock, choices
from .loop import ControlLoop, machine_capacity
from .prepare import log_path
from .requests import DeployRequest, Event, progress
from .vault import Vault, secrets_of
from .volume_mounts import refuse_missing
from .watch import Watchers

LAST_RECORDS_S = 0.25  # until the router has told of requests that ended with the last container
LOG_TAIL_LINES = 20
LAID_OUT_AT_ONCE = 2_000  # entries of a tree
RECREATE_WAIT_S = 40.0  # for the old containers to be gone (semantics 1.4.13)


@dataclass(frozen=True, slots=True)
class Preparing:
    """A deploy that can still be cancelled."""

    task: asyncio.Task[object]
    environment: str


@dataclass(frozen=True, slots=True)
class Publisher:
    settings: Settings
    loop: ControlLoop
    watchers: Watchers
    images: Images
    blobs: Blobs
    manifests: Manifests
    sources: Sources
    trees: Trees
    environments: Environments
    volumes: VolumeTable
    vault: Vault
    gpus: Stock = NO_GPUS
    recreate_wait_s: float = RECREATE_WAIT_S
    preparing: dict[str, Preparing] = field(default_factory=dict)  # by request id, until it is published

    async def deploy(self, request: DeployRequest, wait: bool) -> AsyncIterator[Event]:
        """The stream of docs/api.md. Raises `Error` (before `published`: nothing has changed) and OSError."""
        built: dict[ImageRecipe, Image] = {}
        async for event in self._cancellable(request, self._prepare(request, built)):
            yield event
        manifest = app_images.with_images(request.manifest, built)
        manifest_digest = digest.of(manifest)
        if self._is_new(request, manifest_digest):
            await asyncio.to_thread(self.lay_out, manifest)
            await asyncio.to_thread(self.manifests.put, manifest)
        origin = Origin(request.actor, request.tag, request.client_version, request.commit)
        async for event in self.publish(Input(self.fact(request, manifest_digest), origin), wait):
            yield event

    def cancel(self, request_id: str) -> bool:
        """End a deploy that is not published yet, its builds included. Returns False where it is too late, or never was."""
        found = self.preparing.pop(request_id, None)
        return found is not None and found.task.cancel()

    def under_way(self, request_id: str) -> str | None:
        """The environment of a deploy that is not published yet."""
        found = self.preparing.get(request_id)
        return found.environment if found else None

    async def publish(self, given: Input, wait: bool) -> AsyncIterator[Event]:
        """The one durable fact, and with `wait` what becomes of it. Everything of its manifest has to be there.

        Raises InvalidError for a rollback or rollover of an App that is not deployed (any more), ConflictError for a host
        that another App has by now, OSError for the disk.
        """
        fact = given.fact
        assert isinstance(fact, DeployRequested), fact
        self._refuse_taken_hosts(fact)  # again: while images were built, another App may have got there first
        step = self.loop.accept([given])
        if any(isinstance(event, DeployRefused) for event in step.events):
            raise not_deployed(fact.app_name, fact.environment)
        unchanged = next((e for e in step.events if isinstance(e, DeployUnchanged)), None)
        app = unchanged.app if unchanged else _published_app(list(step.world.apps.values()), fact)
        asked_for = next((d for d in app.deployments if d.request_id == fact.request_id), None)
        deployment = asked_for or _target(app)
        with self.watchers.of_app(app.app_id) as happenings:
            yield Event("published", self._published(app, deployment, fact, noop=asked_for is None))
            if wait and asked_for is not None:
                async for event in self._follow(app, deployment, happenings):
                    yield event

    async def _cancellable(self, request: DeployRequest, stream: AsyncIterator[Event]) -> AsyncIterator[Event]:
        task = asyncio.current_task()
        assert task is not None
        self.preparing[request.request_id] = Preparing(task, request.environment)
        try:
            async for event in stream:
                yield event
        finally:
            self.preparing.pop(request.request_id, None)

    async def _prepare(self, request: DeployRequest, built: dict[ImageRecipe, Image]) -> AsyncIterator[Event]:
        yield progress("check", f"Checking {request.manifest.name}")
        await asyncio.to_thread(self.check, request)
        async for event in app_images.ensure(self.images, request.manifest, built):
            yield event

    def service_host(self, app_name: str, environment: str, server: ServerSpec) -> str:
        suffix = self.environments.suffix(environment)
        settings = self.settings
        return names.server_host(
            settings.workspace, suffix, app_name, server.name, region=server.routing_region, domain=settings.domain
        )

    def check(self, request: DeployRequest) -> None:
        """As `refuse`; InvalidError for what was not uploaded or can't be used, NotFoundError for values that are gone.

        Blocks.
        """
        self.refuse(request)
        manifest = request.manifest
        if problem := self.vault.problem(secrets_of(manifest)):
            raise NotFoundError(problem)
        if unnamed := [mount.name for server in manifest.servers for mount in server.volumes if not mount.volume_id]:
            raise InvalidError(f"Volume {unnamed[0]!r} has no id in what was sent; deploy with an up to date homeport.")
        for tree in (*placing.running_trees(manifest), *placing.building_trees(manifest)):
            if self.blobs.missing([tree]):
                raise InvalidError(f"The list of files {tree} was not uploaded; deploy again.")
            if missing := self.trees.missing(tree):
                raise InvalidError(f"The content of {paths_in_words(missing)} was not uploaded; deploy again.")
        if problems := checks.source_problems(manifest, self.source(manifest)):
            raise InvalidError(" ".join(problems[:3]))

    def source(self, manifest: AppManifest) -> Tree:
        """The files at /root. Raises as `Trees.get`."""
        return self.trees.get(manifest.source) if manifest.source else Tree()

    def lay_out(self, manifest: AppManifest) -> None:
        """All files that its containers will see. Raises as `Sources.materialise`. Blocks.

        Trees of very many files are left to the first container that needs them: of a deploy that takes the longest, and
        all that it could find out is that the disk has become full.
        """
        for server in manifest.servers:
            for placement in self.trees.placements(manifest, server):
                if len(placement.tree.entries) <= LAID_OUT_AT_ONCE:
                    self.sources.materialise(placement.tree)

    def refuse(self, request: DeployRequest) -> None:
        """Raises InvalidError for what this machine can't give, ConflictError for a host that another App has,
        NotFoundError for a Volume or Secret that is not there, or a Secret that lacks a key.
        """
        if problems := refusals(request.manifest, self._machine()):
            raise InvalidError(" ".join(problems))
        for server in request.manifest.servers:  # all of them before the first one is built
            recipes.check(server.image)
        refuse_missing(request.manifest, self.volumes)
        # values without a name are sent when it is meant seriously: a plan has only their ids
        if problem := self.vault.problem(ref for ref in secrets_of(request.manifest) if ref.name):
            raise NotFoundError(problem)
        self._refuse_taken_hosts(self.fact(request, ""))

    def _refuse_taken_hosts(self, fact: DeployRequested) -> None:
        hosts = {spec.host: spec.name for spec in fact.services}
        for app in self.loop.world.apps.values():
            if app.state in (AppState.STOPPING, AppState.STOPPED):
                continue
            if (app.environment, app.name) == (fact.environment, fact.app_name):
                continue
            for deployment in app.deployments:
                _refuse_taken(hosts, app, deployment)

    def _machine(self) -> Machine:
        capacity = machine_capacity(self.settings.cpu_overcommit)
        return Machine(
            cpu_milli=capacity.cpu_milli,
            memory_mib=capacity.memory_mib,
            disk_free_mib=shutil.disk_usage(self.settings.data_dir).free >> 20,
            routing_regions=self.settings.routing_regions,
            compute_region=self.settings.compute_region,
            gpus=self.gpus,
        )

    def _is_new(self, request: DeployRequest, manifest_digest: str) -> bool:
        """What runs already was built already."""
        states = (DeploymentState.ROLLING, DeploymentState.LIVE)
        return not any(
            deployment.manifest_digest == manifest_digest and deployment.state in states
            for app in self.loop.world.apps.values()
            if (app.environment, app.name) == (request.environment, request.manifest.name)
            for deployment in app.deployments
        )

    def fact(self, request: DeployRequest, manifest_digest: str) -> DeployRequested:
        manifest = request.manifest
        self.environments.find(request.environment)
        return DeployRequested(
            environment=request.environment,
            app_name=manifest.name,
            manifest_digest=manifest_digest,
            services=tuple(
                service_spec(server, self.service_host(manifest.name, request.environment, server), self.settings, self.gpus)
                for server in manifest.servers
            ),
            strategy=request.strategy,
            request_id=request.request_id,
        )

    def _published(self, app: App, deployment: Deployment, fact: DeployRequested, noop: bool) -> dict[str, object]:
        ids = {service.name: service.service_id for service in app.services}
        return {
            "app_id": app.app_id,
            "app_name": app.name,
            "version": deployment.version,
            "noop": noop,
            "type": fact.kind.value,
            "rollback_version": fact.of_version or None,
            "app_url": f"{self.settings.api_url}/v1/apps/{app.app_id}",
            "servers": [
                {"name": spec.name, "object_id": ids[spec.name], "url": self.settings.server_url(spec.host)}
                for spec in fact.services
            ],
        }

    async def _follow(self, app: App, deployment: Deployment, happenings: asyncio.Queue[Happening]) -> AsyncIterator[Event]:
        began_ms = deployment.published_at_ms
        recreate = deployment.strategy is Strategy.RECREATE
        if recreate and self._older(app):
            yield progress("terminate", "Terminating running containers")
        for container in app.containers:
            yield Event("container", views.container_event(container, _service_name(app, container.service_id)))
        cut: dict[str, int] = {}
        while deployment.state is DeploymentState.ROLLING:
            event = await happenings.get()
            if isinstance(event, RequestsCut):
                cut[event.container_id] = event.count
            elif isinstance(event, ContainerMoved):
                yield Event("container", views.container_event(event.container, event.service))
            elif isinstance(event, DeploymentMoved) and event.deployment.version == deployment.version:
                deployment = event.deployment
        await self.loop.routed(app.app_id)  # whoever is told that it is live may ask it at once
        settled = await self._settled(app.app_id, deployment, began_ms)
        if recreate and deployment.state is DeploymentState.LIVE:
            async for event in self._until_gone(app, happenings):
                if isinstance(event, RequestsCut):
                    cut[event.container_id] = event.count
                elif isinstance(event, ContainerMoved):
                    yield Event("container", views.container_event(event.container, event.service))
            settled["containers_left"] = self._older(app)
        yield Event("settled", {**settled, "requests_cut": sum(cut.values())})

    async def _until_gone(self, app: App, happenings: asyncio.Queue[Happening]) -> AsyncIterator[Happening]:
        """Ends with the last container of the versions before this one, or when it has been waited for long enough."""
        clock = asyncio.get_running_loop()
        deadline_s = clock.time() + self.recreate_wait_s
        while self._older(app):
            try:
                yield await asyncio.wait_for(happenings.get(), deadline_s - clock.time())
            except TimeoutError:
                return
        await asyncio.sleep(LAST_RECORDS_S)
        while not happenings.empty():
            yield happenings.get_nowait()

    def _older(self, app: App) -> int:
        """How many containers of earlier versions have not ended."""
        now = self.loop.world.apps.get(app.app_id)
        containers = now.containers if now else ()
        return sum(c.version < app.version and c.state is not ContainerState.PENDING for c in containers)

    async def _settled(self, app_id: str, deployment: Deployment, began_ms: int) -> dict[str, object]:
        tail: list[str] = []
        if deployment.state is DeploymentState.FAILED and deployment.culprit:
            path = log_path(self.settings.data_dir, app_id, deployment.culprit)
            lines = await asyncio.to_thread(read_tail, {deployment.culprit: str(path)}, LOG_TAIL_LINES)
            tail = [line.text for line in lines]
        return {
            "version": deployment.version,
            "state": deployment.state.value,
            "reason": deployment.reason,
            "log_tail": tail,
            "duration_ms": deployment.settled_at_ms - began_ms,
            "containers_left": 0,
        }


def not_deployed(app_name: str, environment: str) -> InvalidError:
    """Semantics 1.6.3."""
    return InvalidError(f"App {app_name!r} is not deployed in the {environment!r} environment.")


def _refuse_taken(hosts: dict[str, str], app: App, deployment: Deployment) -> None:
    for spec in deployment.services:
        if spec.host in hosts:
            raise ConflictError(
                f"Server {hosts[spec.host]} would have the address {spec.host}, which belongs to Server {spec.name} of App "
                f"{app.name!r}; give one of them another name."
            )


def service_spec(server: ServerSpec, host: str, settings: Settings, gpus: Stock) -> ServiceSpec:
    """Of a sessioned Server the unit of load is the session, which is not limited by the router (semantics 2.5.1)."""
    scale = server.scale
    sessions_max = (scale.max_concurrency or checks.SESSIONS_MAX) if server.sessioned else 0
    return ServiceSpec(
        name=server.name,
        host=host,
        authenticated=not server.unauthenticated,
        h2=server.h2_enabled,
        max_concurrency=0 if server.sessioned else scale.max_concurrency or 0,
        sessions_max=sessions_max,
        min_containers=scale.min_containers or 0,
        max_containers=scale.max_containers or 0,
        buffer_containers=scale.buffer_containers or 0,
        target_concurrency_centi=scale.target_concurrency_centi or sessions_max * 100,
        scaleup_window_s=scale.scaleup_window_s or 0,
        scaledown_window_s=scale.scaledown_window_s or settings.scaledown_window_s,
        cpu_milli=server.resources.cpu_milli,
        memory_mib=server.resources.memory_mib,
        startup_timeout_ms=server.startup_timeout_ms,
        exit_grace_ms=server.exit_grace_period_ms,
        gpus=choices(server.resources.gpu, gpus),
    )


def _published_app(apps: list[App], fact: DeployRequested) -> App:
    mine = (a for a in reversed(apps) if (a.environment, a.name) == (fact.environment, fact.app_name))
    found = next(mine, None)
    if found is None:
        raise Error(f"App {fact.app_name!r} was published but is missing; please report this.")
    return found


def _target(app: App) -> Deployment:
    states = (DeploymentState.ROLLING, DeploymentState.LIVE)
    return next(d for d in reversed(app.deployments) if d.state in states or d.version == app.version)


def _service_name(app: App, service_id: str) -> str:
    return next(s.name for s in app.services if s.service_id == service_id)
