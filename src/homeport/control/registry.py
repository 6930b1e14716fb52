"""Apps as objects that exist without anybody's file: made empty, and labelled (semantics 1.10.1, 1.10.2).

Tags are no configuration: setting them makes no version and touches no container. What was set holds until a version
comes whose code gives the App other tags than its code did at that time; from then on the code's count.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from ..core.model import Strategy
from ..errors import NotFoundError
from ..manifest import digest
from ..manifest.schema import AppManifest
from ..store import records
from ..store.history import AppRow, DeploymentRow, History
from .chronicle import Input, Origin
from .planner import current
from .publish import Publisher
from .requests import CreateRequest, DeployRequest
from .views import Json

Tags = dict[str, str]


@dataclass(frozen=True, slots=True)
class Registry:
    publisher: Publisher
    history: History

    async def create(self, request: CreateRequest) -> Json:
        """The App of this name, if it is not stopped; else a new one that is deployed and has no Servers.

        Raises what a deploy of it would be refused with, OSError for the disk.
        """
        manifest = AppManifest(request.name)
        deployment = DeployRequest(
            manifest=manifest,
            strategy=Strategy.ROLLING,
            environment=request.environment,
            request_id=request.request_id,
            actor=request.actor,
        )
        self.publisher.check(deployment)
        await asyncio.to_thread(self.publisher.manifests.put, manifest)
        # From here to the decision nothing is awaited: of two people who make it at once, the second finds the first's.
        loop = self.publisher.loop
        found = current(loop.world, request.environment, request.name)
        if found is not None:
            return _made(found.app_id, request, created=False)
        fact = self.publisher.fact(deployment, digest.of(manifest))
        step = loop.accept([Input(fact, Origin(request.actor, client_version=request.client_version))])
        made = current(step.world, request.environment, request.name)
        assert made is not None, request
        return _made(made.app_id, request, created=True)

    async def tags(self, app: AppRow) -> Tags:
        """Those that hold now."""
        code_tags = await self._code_tags(app)
        given = self.history.set_tags(app.app_id)
        return given[0] if given is not None and given[1] == code_tags else code_tags

    async def set_tags(self, app: AppRow, tags: Tags, actor: str) -> Tags:
        """These are all of them from now on. Raises OSError for the disk."""
        code_tags = await self._code_tags(app)
        self.publisher.loop.note(records.app_tags(app.app_id, tags, code_tags, actor))
        return tags

    async def _code_tags(self, app: AppRow) -> Tags:
        newest = _newest(self.history.history(app.app_id))
        if newest is None:
            return {}
        try:
            manifest = await asyncio.to_thread(self.publisher.manifests.get, newest.manifest_digest)
        except NotFoundError:  # of an App that was stopped long ago, and is only remembered
            return {}
        return dict(manifest.tags)


def _newest(history: list[DeploymentRow]) -> DeploymentRow | None:
    """The version that counts: one that failed left everything as it was."""
    return next((row for row in history if row.outcome != "failed"), None)


def _made(app_id: str, request: CreateRequest, created: bool) -> Json:
    return {"app_id": app_id, "description": request.name, "environment": request.environment, "created": created}
