"""What becomes of a deployment that is published, as a stream of events: its containers, and how it ended.

Owns when there is no more to tell. Changes nothing: whether anybody listens makes no difference to the rollout.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from ..core.events import ContainerMoved, DeploymentMoved
from ..core.events import Event as Happening
from ..core.facts import DeployRequested
from ..core.model import App, Deployment, Strategy
from ..core.states import ContainerState, DeploymentState
from ..engine.loglines import Wanted
from ..engine.logs import read_tail
from ..settings import Settings
from . import views
from .cuts import cut_by, last_records
from .loop import ControlLoop
from .prepare import log_path
from .requests import Event, progress
from .watch import Watchers

LOG_TAIL_LINES = 20
ITS_OWN = Wanted(sources=("stdout", "stderr"))  # what the platform said of it is the deployment's reason


@dataclass(frozen=True, slots=True)
class Published:
    """What a request came to: `deployment` of `app`, which was there before in a `noop`."""

    fact: DeployRequested
    app: App
    deployment: Deployment
    noop: bool

    @property
    def recreates(self) -> bool:
        """Whether what it replaces has to be gone at its end: it was asked for so, now or before."""
        return Strategy.RECREATE in (self.fact.strategy, self.deployment.strategy)


@dataclass(frozen=True, slots=True)
class Follower:
    settings: Settings
    loop: ControlLoop
    watchers: Watchers
    recreate_wait_s: float

    async def tell(self, published: Published, wait: bool) -> AsyncIterator[Event]:
        """`published`, and with `wait` what happens until `settled`; of a no-op only while its version is on its way."""
        app, deployment = published.app, published.deployment
        under_way = self._is_under_way(published)
        with self.watchers.of_app(app.app_id) as happenings:
            yield Event("published", self._published(published, under_way))
            if wait and (under_way or not published.noop):
                if published.noop:
                    yield progress("rollout", f"v{deployment.version} is the same, and on its way; waiting for it")
                async for event in self._follow(published, happenings):
                    yield event

    def _published(self, published: Published, under_way: bool) -> dict[str, object]:
        app, fact = published.app, published.fact
        ids = {service.name: service.service_id for service in app.services}
        return {
            "app_id": app.app_id,
            "app_name": app.name,
            "version": published.deployment.version,
            "noop": published.noop,
            "under_way": under_way,
            "type": fact.kind.value,
            "rollback_version": fact.of_version or None,
            "app_url": f"{self.settings.api_url}/v1/apps/{app.app_id}",
            "servers": [
                {"name": spec.name, "object_id": ids[spec.name], "url": self.settings.server_url(spec.host)}
                for spec in fact.services
            ],
        }

    async def _follow(self, published: Published, happenings: asyncio.Queue[Happening]) -> AsyncIterator[Event]:
        app, deployment = published.app, published.deployment
        began_ms = deployment.published_at_ms
        if deployment.strategy is Strategy.RECREATE and self._older(app, deployment):
            yield progress("terminate", "Terminating running containers")
        for container in app.containers:
            yield Event("container", views.container_event(container, _service_name(app, container.service_id)))
        cut = 0
        while deployment.state is DeploymentState.ROLLING:
            event = await happenings.get()
            cut += cut_by(event)
            if isinstance(event, ContainerMoved):
                yield Event("container", views.container_event(event.container, event.service))
            elif isinstance(event, DeploymentMoved) and event.deployment.version == deployment.version:
                deployment = event.deployment
        await self.loop.routed(app.app_id)  # whoever is told that it is live may ask it at once
        settled = await self._settled(app.app_id, deployment, began_ms)
        if published.recreates and deployment.state is DeploymentState.LIVE:
            async for event in self._until_gone(app, deployment, happenings):
                cut += cut_by(event)
                if isinstance(event, ContainerMoved):
                    yield Event("container", views.container_event(event.container, event.service))
            settled["containers_left"] = self._older(app, deployment)
        yield Event("settled", {**settled, "requests_cut": cut})

    async def _until_gone(
        self, app: App, deployment: Deployment, happenings: asyncio.Queue[Happening]
    ) -> AsyncIterator[Happening]:
        """Ends with the last container of the versions before this one, or when it has been waited for long enough."""
        clock = asyncio.get_running_loop()
        deadline_s = clock.time() + self.recreate_wait_s
        while self._older(app, deployment):
            try:
                yield await asyncio.wait_for(happenings.get(), deadline_s - clock.time())
            except TimeoutError:
                return
        await last_records()
        while not happenings.empty():
            yield happenings.get_nowait()

    def _is_under_way(self, published: Published) -> bool:
        """Whether it is not known yet what becomes of it, or what has to be gone at its end still runs."""
        app, deployment = published.app, published.deployment
        recreates = published.recreates and deployment.state is DeploymentState.LIVE
        return deployment.state is DeploymentState.ROLLING or (recreates and self._older(app, deployment) > 0)

    def _older(self, app: App, deployment: Deployment) -> int:
        """How many containers of earlier versions have not ended."""
        now = self.loop.world.apps.get(app.app_id)
        containers = now.containers if now else ()
        return sum(c.version < deployment.version and c.state is not ContainerState.PENDING for c in containers)

    async def _settled(self, app_id: str, deployment: Deployment, began_ms: int) -> dict[str, object]:
        tail: list[str] = []
        if deployment.state is DeploymentState.FAILED and deployment.culprit:
            path = log_path(self.settings.data_dir, app_id, deployment.culprit)
            lines = await asyncio.to_thread(read_tail, {deployment.culprit: str(path)}, LOG_TAIL_LINES, ITS_OWN)
            tail = [line.text for line in lines]
        return {
            "version": deployment.version,
            "state": deployment.state.value,
            "reason": deployment.reason,
            "log_tail": tail,
            "duration_ms": deployment.settled_at_ms - began_ms,
            "containers_left": 0,
        }


def _service_name(app: App, service_id: str) -> str:
    return next(s.name for s in app.services if s.service_id == service_id)
