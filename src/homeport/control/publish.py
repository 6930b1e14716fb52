"""One deployment from the request to the one fact that it is: check, build, publish.

Owns the order of these stages: until the one durable fact is written nothing has changed, and an error before it leaves
version, containers and traffic as they were. What happens after it is the core's, and told by `following`.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from ..core.events import DeployRefused, DeployUnchanged
from ..core.facts import DeployRequested
from ..core.model import App, Deployment, ServiceSpec
from ..core.states import AppState, DeploymentState
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
from . import app_images
from .chronicle import Input, Origin
from .environments import Environments
from .feasible import Machine, refusals
from .following import Follower, Published
from .gpus import NO_GPUS, Stock, choices
from .loop import ControlLoop, machine_capacity
from .preparing import Preparing
from .requests import DeployRequest, Event, progress
from .vault import Vault, secrets_of
from .volume_mounts import refuse_missing
from .watch import Watchers

LAID_OUT_AT_ONCE = 2_000  # entries of a tree
RECREATE_WAIT_S = 40.0  # for the old containers to be gone (semantics 1.4.13)


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
    preparing: Preparing = field(default_factory=Preparing)

    async def deploy(self, request: DeployRequest, wait: bool) -> AsyncIterator[Event]:
        """The stream of docs/api.md. Raises `Error` (before `published`: nothing has changed) and OSError."""
        with self.preparing.hold(request.request_id, request.environment) as held:
            held.manifest = request.manifest
            async for event in self._prepare(request, held.images):
                yield event
            manifest = app_images.with_images(request.manifest, held.images)
            manifest_digest = digest.of(manifest)
            if self._is_new(request, manifest_digest):
                await asyncio.to_thread(self.lay_out, manifest)
                await asyncio.to_thread(self.manifests.put, manifest)
            origin = Origin(request.actor, request.tag, request.client_version, request.commit)
            published = self.publish(Input(self.fact(request, manifest_digest), origin))
        async for event in self.follow(published, wait):
            yield event

    def publish(self, given: Input) -> Published:
        """The one durable fact. Everything of its manifest has to be there.

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
        return Published(fact, app, asked_for or _target(app), noop=asked_for is None)

    def follow(self, published: Published, wait: bool) -> AsyncIterator[Event]:
        """To be read from at once: what happens before that is not told."""
        return Follower(self.settings, self.loop, self.watchers, self.recreate_wait_s).tell(published, wait)

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
