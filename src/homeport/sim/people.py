"""Random people: they deploy good and broken versions, the same one again, stop Apps and single containers, all at once."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from ..core.facts import AppStopRequested, ContainerStopRequested, DeployRequested, Fact
from ..core.model import App, ServiceSpec, Strategy, World
from ..core.states import AppState
from .engine import Quality
from .options import Options

NAMES = ("alpha", "beta", "gamma")
SERVERS = ("api", "web")


@dataclass(slots=True)
class People:
    random: Random
    options: Options
    asked: int = 0

    def next_wish(self, world: World) -> Fact | None:
        """What one of them wants now; None: nothing that makes sense in this World."""
        running = [a for a in world.apps.values() if a.state in (AppState.INITIALIZING, AppState.DEPLOYED)]
        dice = self.random.randint(1, 100)
        if dice <= 65 or not running:
            return self._deploy()
        app = self.random.choice(running)
        if dice <= 75:
            return self._same_again(app)
        if dice <= 85:
            return AppStopRequested(app.app_id)
        if app.containers:
            return ContainerStopRequested(self.random.choice(app.containers).container_id)
        return None

    def _deploy(self) -> DeployRequested:
        self.asked += 1
        name = self.random.choice(NAMES)
        servers = SERVERS[: self.random.randint(1, len(SERVERS))]
        services = tuple(self._spec(name, server) for server in servers)
        recreate = self.random.randint(1, 1000) <= self.options.recreate
        return DeployRequested(
            environment="main",
            app_name=name,
            manifest_digest=f"{self.asked}:{self._quality().value}",
            services=services,
            strategy=Strategy.RECREATE if recreate else Strategy.ROLLING,
            request_id=f"wish-{self.asked}",
        )

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
