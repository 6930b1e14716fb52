"""Rollback and rollover: a version of an App once more, from its stored manifest alone (semantics 1.6, 1.7).

Owns which version that is, and that nothing begins unless everything of it is still there. How it takes over is the same
as for any other deployment, and the core's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from ..core.facts import DeployKind
from ..errors import ConflictError, ExecutionError, InvalidError, NotFoundError
from ..manifest import placing
from ..manifest.schema import AppManifest
from ..store.history import AppRow, DeploymentRow, History
from ..store.trees import paths_in_words
from .chronicle import Input, Origin
from .preparing import Preparation
from .publish import Publisher, not_deployed
from .requests import DeployRequest, Event, RedeployRequest, progress

CHOICES = 5  # so often may a deployment come in between


@dataclass(frozen=True, slots=True)
class Redeployer:
    publisher: Publisher
    history: History

    async def redeploy(self, app: AppRow, request: RedeployRequest, wait: bool) -> AsyncIterator[Event]:
        """The stream of docs/api.md. Until `published` nothing has changed.

        Raises InvalidError for an App that is not deployed or a version that can't be meant, NotFoundError naming what is
        not there (any more), ConflictError for a URL that belongs to another App by now, or when other deployments of the
        App never stop coming in between, OSError for the disk.
        """
        with self.publisher.preparing.hold(request.request_id, app.environment) as held:
            for _ in range(CHOICES):
                target = self._choice(app, request)
                yield progress("check", f"Checking v{target.version} of {app.name}")
                given = await self._given(app, target, request, held)
                # again: what was published while all of that was looked at must not be undone unseen
                if self._choice(app, request).version == target.version:
                    published = self.publisher.publish(given)
                    break
            else:
                raise ConflictError(
                    f"App {app.name!r} was deployed again each time that its versions were looked at; nothing has changed. "
                    "Try again when these deployments are over."
                )
        async for event in self.publisher.follow(published, wait):
            yield event

    def _choice(self, app: AppRow, request: RedeployRequest) -> DeploymentRow:
        """The version that is meant as things are now."""
        now = self.history.find_app(app.app_id, app.environment)
        if now is None or now.state != "deployed":
            raise not_deployed(app.name, app.environment)
        return choose(self.history.history(app.app_id), request)

    async def _given(self, app: AppRow, target: DeploymentRow, request: RedeployRequest, held: Preparation) -> Input:
        """What is to be published, once everything of it is found to be there."""
        held.manifest = await self._manifest(app, target)
        await self._refuse_without_files(app, target, held.manifest)
        await self._refuse_without_images(app, target, held.manifest)
        deployment = DeployRequest(
            manifest=held.manifest,
            strategy=request.strategy,
            environment=app.environment,
            request_id=request.request_id,
            actor=request.actor,
        )
        self.publisher.refuse(deployment)
        of_containers = (ref for server in held.manifest.servers for ref in server.secrets)
        if problem := self.publisher.vault.problem(of_containers):
            raise NotFoundError(problem)
        await asyncio.to_thread(self.publisher.lay_out, deployment.manifest)
        fact = replace(
            self.publisher.fact(deployment, target.manifest_digest),
            kind=request.kind,
            app_id=app.app_id,
            of_version=target.version,
        )
        return Input(fact, Origin(request.actor, target.tag, target.client_version, target.commit))

    async def allowed(self, app: AppRow, versions: Sequence[DeploymentRow]) -> list[bool]:
        """Of which manifest and images are here; files stay as long. None of an App that is not deployed (1.7.8)."""
        if app.state != "deployed":
            return [False] * len(versions)
        newest = {row.manifest_digest: row for row in versions}
        found = {digest: await self._is_here(app, row) for digest, row in newest.items()}
        return [found[row.manifest_digest] for row in versions]

    async def _is_here(self, app: AppRow, target: DeploymentRow) -> bool:
        try:
            await self._refuse_without_images(app, target, await self._manifest(app, target))
        except NotFoundError:
            return False
        return True

    async def _manifest(self, app: AppRow, target: DeploymentRow) -> AppManifest:
        try:
            return await asyncio.to_thread(self.publisher.manifests.get, target.manifest_digest)
        except (NotFoundError, ExecutionError):
            raise _gone(app, target, "its manifest is") from None

    async def _refuse_without_files(self, app: AppRow, target: DeploymentRow, manifest: AppManifest) -> None:
        for tree in placing.running_trees(manifest):
            try:
                missing = await asyncio.to_thread(self.publisher.trees.missing, tree)
            except (NotFoundError, ExecutionError):
                raise _gone(app, target, "the list of its files is") from None
            if missing:
                raise _gone(app, target, f"the content of {paths_in_words(missing)} is")

    async def _refuse_without_images(self, app: AppRow, target: DeploymentRow, manifest: AppManifest) -> None:
        for server in manifest.servers:
            if await self.publisher.images.find(server.image_id) is None:
                recipe = server.image
                raise _gone(app, target, f"the image of Server {server.name} ({recipe.base}, {recipe.python_version}) is")


def choose(history: Sequence[DeploymentRow], request: RedeployRequest) -> DeploymentRow:
    """The version that is meant, of an App's `history`, newest first. Raises as `rollback_target` and `rollover_target`."""
    return rollover_target(history) if request.kind is DeployKind.ROLLOVER else rollback_target(history, request.version)


def rollover_target(history: Sequence[DeploymentRow]) -> DeploymentRow:
    """The version that is live or on its way to be. Raises InvalidError where there is none."""
    current = next((row for row in history if row.outcome in ("rolling", "live")), None)
    if current is None:
        raise InvalidError("This App has no version that is live.")
    return current


def rollback_target(history: Sequence[DeploymentRow], version: int | None) -> DeploymentRow:
    """The version asked for, or one step back: the newest that was live once, before the one that is live now.

    Versions that failed or were overtaken are no step. While a rollout is under way, one step back is the version that it
    would replace. A version that is named may be any one of the history; if it failed then, it can only fail again.

    Raises InvalidError and NotFoundError in the words of semantics 1.7.3.
    """
    if version is None:
        current = rollover_target(history)
        before = (row for row in history if row.version < current.version and row.live_at_ms is not None)
        if (found := next(before, None)) is None:
            raise InvalidError("Rollback request exceeds number of App deployments.")
        return found
    if version < 1:
        raise InvalidError("Invalid rollback version request.")
    named = next((row for row in history if row.version == version), None)
    if named is None:
        raise NotFoundError("Rollback version not found in App history.")
    return named


def _gone(app: AppRow, target: DeploymentRow, what: str) -> NotFoundError:
    return NotFoundError(
        f"v{target.version} of App {app.name!r} can't be had any more: {what} gone; nothing has changed. "
        "Deploy it from its source instead."
    )
