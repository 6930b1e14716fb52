"""Random people: they deploy good and broken versions to several environments, with Servers that come, go and collide, or
without any; the same one again, rollbacks and rollovers; they stop Apps and single containers, all at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from ..control import redeploy
from ..core.facts import (
    AppForgotten,
    AppStopRequested,
    AutoscalerUpdated,
    ContainerStopRequested,
    DeployKind,
    DeployRequested,
)
from ..core.model import App, ServiceSpec, Strategy, World
from ..core.states import AppState, DeploymentState
from ..errors import Error
from ..store.history import DeploymentRow
from .door import Wish
from .engine import Quality
from .options import Options
from .plane import LawBroken

# `Alpha` has the URLs of `alpha`: only one of the two can be deployed at a time.
NAMES = (("main", "alpha"), ("main", "Alpha"), ("main", "beta"), ("stage", "alpha"), ("stage", "gamma"))
SESSIONS = {"jobs": 3}  # a sessioned Server, and how many of them one container of it may have
SERVERS = ((), ("api",), ("api",), ("web",), ("api", "web"), ("api", "web"), ("jobs", "web"))


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
    manifests: dict[str, tuple[ServiceSpec, ...]] = field(default_factory=dict)  # all that were ever asked for, by digest

    def next_wish(self, world: World) -> Wish | None:
        """What one of them wants now; None: nothing that makes sense in this World."""
        running = [a for a in world.apps.values() if a.state in (AppState.INITIALIZING, AppState.DEPLOYED)]
        dice = self.random.randint(1, 100)
        if dice <= 50 or not running:
            return self._deploy()
        if dice <= 65:
            # whoever rolls back may look at an App that somebody else is stopping
            return self._redeploy(self.random.choice(list(world.apps.values())))
        app = self.random.choice(running)
        if dice <= 75:
            return self._same_again(app)
        if dice <= 85:
            return Wish(AppStopRequested(app.app_id))
        if dice <= 88:
            # the collector, perhaps wrong about what is over
            return Wish(AppForgotten(self.random.choice(list(world.apps))))
        if dice <= 93:
            return self._tune(app)
        if app.containers:
            return Wish(ContainerStopRequested(self.random.choice(app.containers).container_id))
        return None

    def _deploy(self) -> Wish:
        self.asked += 1
        environment, name = self.random.choice(NAMES)
        services = tuple(self._spec(environment, name, server) for server in self.random.choice(SERVERS))
        digest = f"{self.asked}:{self._quality().value}"
        self.manifests[digest] = services
        fact = DeployRequested(environment, name, digest, services, self._strategy(), f"wish-{self.asked}")
        build_ms = self.random.randint(0, self.options.build_ms_max)
        return Wish(fact, build_ms=build_ms, broken=self.random.randint(1, 1000) <= self.options.broken_build)

    def _redeploy(self, app: App) -> Wish | None:
        """A rollback, to a version or by one step, or a rollover: what `control.redeploy` makes of it."""
        history = self.past(app.app_id)
        if not history:
            raise LawBroken(f"{app.app_id} is at v{app.version} and has no history")
        kind = self.random.choice((DeployKind.ROLLBACK, DeployKind.ROLLOVER))
        named: int | None = None
        try:
            if kind is DeployKind.ROLLOVER:
                row = redeploy.rollover_target(history)
            else:
                named = self.random.choice((None, self.random.randint(1, len(history))))
                row = redeploy.rollback_target(history, named)
        except Error:
            return None  # there is nothing to go back to
        self.asked += 1
        fact = DeployRequested(
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
        return Wish(fact, named, build_ms=self.random.randint(0, 1_000))  # its files are laid out again

    def _strategy(self) -> Strategy:
        recreate = self.random.randint(1, 1000) <= self.options.recreate
        return Strategy.RECREATE if recreate else Strategy.ROLLING

    def _same_again(self, app: App) -> Wish:
        """The newest version once more, by somebody who does not know that it is there."""
        self.asked += 1
        newest = app.deployments[-1]
        return Wish(
            DeployRequested(
                app.environment, app.name, newest.manifest_digest, newest.services, newest.strategy, f"wish-{self.asked}"
            )
        )

    def _quality(self) -> Quality:
        dice = self.random.randint(1, 1000)
        for rate, quality in (
            (self.options.bad_version, Quality.NEVER),
            (self.options.slow_version, Quality.SLOW),
            (self.options.crash_version, Quality.CRASH),
            (self.options.flaky_version, Quality.FLAKY),
        ):
            if dice <= rate:
                return quality
            dice -= rate
        return Quality.GOOD

    def _spec(self, environment: str, app: str, server: str) -> ServiceSpec:
        minimum = self.random.randint(0, 3)
        capped = self.random.randint(1, 1000) <= self.options.capped
        return ServiceSpec(
            name=server,
            host=f"home-{environment}--{app.lower()}-{server}.us-east.localhost",
            authenticated=self.random.randint(1, 2) == 1,
            sessions_max=SESSIONS.get(server, 0),
            min_containers=minimum,
            max_containers=max(1, minimum) + self.random.randint(0, 1) if capped else 0,
            cpu_milli=self.random.choice((125, 500)),
            memory_mib=self.random.choice((128, 512)),
            startup_timeout_ms=30_000,
            exit_grace_ms=self.random.choice((0, 0, 5_000, 60_000)),
            buffer_containers=self.random.choice((0, 0, 0, 1)),
            target_concurrency_centi=self.random.choice((0, 100, 250)) or 100 * SESSIONS.get(server, 0),
            scaleup_window_s=self.random.choice((0, 0, 3)),
            scaledown_window_s=self.random.choice((2, 5, 20)),
        )

    def _tune(self, app: App) -> Wish | None:
        """Settings of a Server that somebody changes while it runs, so that they go together."""
        current = [d for d in app.deployments if d.state in (DeploymentState.LIVE, DeploymentState.ROLLING)]
        names = sorted({spec.name for d in current for spec in d.services})
        if not names:
            return None
        minimum = self.random.randint(0, 2)
        limits = (("max_containers", self.random.choice((0, minimum + 1))), ("min_containers", minimum))
        load = (("target_concurrency_centi", self.random.choice((0, 100))), ("scaledown_window_s", 3))
        changes = self.random.choice((limits, load, (("buffer_containers", 1),)))
        return Wish(AutoscalerUpdated(app.app_id, self.random.choice(names), changes, "somebody"))
