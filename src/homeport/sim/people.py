"""Random people: they deploy good and broken versions, the same one again, roll back and over, stop Apps and single
containers, all at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from ..control import redeploy
from ..core.facts import AppForgotten, AppStopRequested, ContainerStopRequested, DeployKind, DeployRequested, Fact
from ..core.model import App, ServiceSpec, Strategy, World
from ..core.states import AppState
from ..errors import Error
from ..store.history import DeploymentRow
from .engine import Quality
from .options import Options

NAMES = ("alpha", "beta", "gamma")
SERVERS = ("api", "web")


class Past(Protocol):
    def __call__(self, app_id: str) -> Sequence[DeploymentRow]:
        """Its history, newest first."""
        ...


@dataclass(slots=True)
class People:
    random: Random
    options: Options
    past: Past
    asked: int = 0
    manifests: dict[str, tuple[ServiceSpec, ...]] = field(default_factory=dict)  # all that were ever published, by digest
    named: int | None = None  # the version that the last wish named, if it was a rollback to one

    def next_wish(self, world: World) -> Fact | None:
        """What one of them wants now; None: nothing that makes sense in this World."""
        running = [a for a in world.apps.values() if a.state in (AppState.INITIALIZING, AppState.DEPLOYED)]
        dice = self.random.randint(1, 100)
        self.named = None
        if dice <= 50 or not running:
            return self._deploy()
        if dice <= 65:
            # whoever rolls back may look at an App that somebody else is stopping
            return self._redeploy(self.random.choice(list(world.apps.values())))
        app = self.random.choice(running)
        if dice <= 75:
            return self._same_again(app)
        if dice <= 85:
            return AppStopRequested(app.app_id)
        if dice <= 88:
            return AppForgotten(self.random.choice(list(world.apps)))  # the collector, perhaps wrong about what is over
        if app.containers:
            return ContainerStopRequested(self.random.choice(app.containers).container_id)
        return None

    def _deploy(self) -> DeployRequested:
        self.asked += 1
        name = self.random.choice(NAMES)
        servers = SERVERS[: self.random.randint(1, len(SERVERS))]
        services = tuple(self._spec(name, server) for server in servers)
        digest = f"{self.asked}:{self._quality().value}"
        self.manifests[digest] = services
        return DeployRequested("main", name, digest, services, self._strategy(), f"wish-{self.asked}")

    def _redeploy(self, app: App) -> DeployRequested | None:
        """A rollback, to a version or by one step, or a rollover: what `control.redeploy` makes of it."""
        history = self.past(app.app_id)
        kind = self.random.choice((DeployKind.ROLLBACK, DeployKind.ROLLOVER))
        try:
            if kind is DeployKind.ROLLOVER:
                row = redeploy.rollover_target(history)
            else:
                self.named = self.random.choice((None, self.random.randint(1, len(history))))
                row = redeploy.rollback_target(history, self.named)
        except Error:
            return None  # there is nothing to go back to
        self.asked += 1
        return DeployRequested(
            environment=app.environment,
            app_name=app.name,
            manifest_digest=row.manifest_digest,
            services=self.manifests[row.manifest_digest],
            strategy=self._strategy(),
            request_id=f"wish-{self.asked}",
            kind=kind,
            app_id=app.app_id,
            of_version=row.version,
        )

    def _strategy(self) -> Strategy:
        recreate = self.random.randint(1, 1000) <= self.options.recreate
        return Strategy.RECREATE if recreate else Strategy.ROLLING

    def _same_again(self, app: App) -> DeployRequested:
        """The newest version once more, by somebody who does not know that it is there."""
        self.asked += 1
        newest = app.deployments[-1]
        return DeployRequested(
            app.environment, app.name, newest.manifest_digest, newest.services, newest.strategy, f"wish-{self.asked}"
        )

    def _quality(self) -> Quality:
        dice = self.random.randint(1, 1000)
        for rate, quality in (
            (self.options.bad_version, Quality.NEVER),
            (self.options.slow_version, Quality.SLOW),
            (self.options.crash_version, Quality.CRASH),
        ):
            if dice <= rate:
                return quality
            dice -= rate
        return Quality.GOOD

    def _spec(self, app: str, server: str) -> ServiceSpec:
        minimum = self.random.randint(0, 3)
        capped = self.random.randint(1, 1000) <= self.options.capped
        return ServiceSpec(
            name=server,
            host=f"home--{app}-{server}.us-east.localhost",
            min_containers=minimum,
            max_containers=max(1, minimum) + self.random.randint(0, 1) if capped else 0,
            cpu_milli=self.random.choice((125, 500)),
            memory_mib=self.random.choice((128, 512)),
            startup_timeout_ms=30_000,
            exit_grace_ms=self.random.choice((0, 0, 5_000, 60_000)),
        )
