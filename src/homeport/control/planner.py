"""What a deploy would do now, without doing any of it. Owns what it is compared with; the differences are for `plan`."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass, replace

from ..core.model import App, Deployment, World
from ..core.states import AppState, DeploymentState
from ..errors import ExecutionError, InvalidError, NotFoundError
from ..manifest import checks, digest, placing
from ..manifest.schema import AppManifest
from ..manifest.tree import Tree
from . import app_images, plan, views
from .plan import Change, Kind
from .publish import Publisher
from .requests import DeployRequest
from .views import Json


@dataclass(frozen=True, slots=True)
class Planner:
    publisher: Publisher

    async def plan(self, request: DeployRequest) -> Json:
        """The answer of docs/api.md. Nothing is uploaded, built, written or changed.

        Raises what the deploy itself would be refused with: InvalidError for what this machine can't give, ConflictError
        for a URL that belongs to another App.
        """
        publisher = self.publisher
        publisher.refuse(request)
        source = self._tree(request, request.manifest.source)
        if source is not None and (problems := checks.source_problems(request.manifest, source)):
            raise InvalidError(" ".join(problems[:3]))
        request = replace(request, manifest=await app_images.known(publisher.images, request.manifest))
        manifest = request.manifest
        manifest_digest = digest.of(manifest)
        app = current(publisher.loop.world, request.environment, manifest.name)
        target = _target(app) if app else None
        noop = target is not None and target.manifest_digest == manifest_digest
        changes: tuple[Change, ...] = ()
        if not noop:
            changes = await self._changes(request, target, manifest_digest)
        return {
            "app_id": app.app_id if app else None,
            "app_name": manifest.name,
            "environment": request.environment,
            "noop": noop,
            "manifest_digest": manifest_digest,
            "against": _against(target) if target else None,
            "version": target.version if target and noop else (app.version if app else 0) + 1,
            "changes": [asdict(change) for change in changes],
        }

    async def _changes(
        self, request: DeployRequest, target: Deployment | None, manifest_digest: str
    ) -> tuple[Change, ...]:  # fmt: skip
        fact = self.publisher.fact(request, manifest_digest)
        if target is None:
            first = (Change("name", Kind.ADDED, after=fact.app_name),)
            before = AppManifest(fact.app_name)
            trees = await asyncio.to_thread(self._trees, request, before)
            return first + plan.diff(before, request.manifest, trees) + plan.route_changes((), fact.services)
        before = await asyncio.to_thread(self.publisher.manifests.get, target.manifest_digest)
        trees = await asyncio.to_thread(self._trees, request, before)
        return plan.diff(before, request.manifest, trees) + plan.route_changes(target.services, fact.services)

    def _trees(self, request: DeployRequest, before: AppManifest) -> dict[str, Tree]:
        """All that containers see, before and after, as far as they can be had."""
        wanted = dict.fromkeys((*placing.running_trees(before), *placing.running_trees(request.manifest)))
        return {name: tree for name in wanted if (tree := self._tree(request, name)) is not None}

    def _tree(self, request: DeployRequest, name: str) -> Tree | None:
        """One that came with the request, or that was uploaded; None where it is neither."""
        if not name:
            return Tree()
        for tree in request.trees:
            if tree.digest == name:
                return tree
        try:
            return self.publisher.trees.get(name)
        except (NotFoundError, ExecutionError):
            return None


def current(world: World, environment: str, name: str) -> App | None:
    """The App of this name that is not stopped, nor on its way there."""
    over = (AppState.STOPPING, AppState.STOPPED)
    apps = world.apps.values()
    return next((a for a in apps if (a.environment, a.name) == (environment, name) and a.state not in over), None)


def _target(app: App) -> Deployment | None:
    """The version that runs, or the one that is on its way to: what the next deploy is a change of."""
    found = [d for d in app.deployments if d.state in (DeploymentState.ROLLING, DeploymentState.LIVE)]
    return max(found, key=lambda d: d.version, default=None)


def _against(target: Deployment) -> Json:
    return {
        "version": target.version,
        "state": target.state.value,
        "since": views.iso(target.settled_at_ms or target.published_at_ms),
        "manifest_digest": target.manifest_digest,
    }
