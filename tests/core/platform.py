"""A platform without anything but the core: facts are said by hand, time is set by hand, every law is checked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from homeport.core.actions import Action, SetRoutes, StartContainer, StopContainer
from homeport.core.events import DeployUnchanged, Event
from homeport.core.facts import (
    ContainerDrained,
    ContainerExited,
    ContainerReady,
    ContainerStarted,
    DeployRequested,
    ExitReason,
    Fact,
)
from homeport.core.invariants import broken
from homeport.core.model import App, Container, Deployment, ServiceSpec, Strategy, World
from homeport.core.reconcile import step
from homeport.core.routes import Route
from homeport.core.states import ContainerState

START_MS = 1_000_000


class Platform:
    def __init__(self) -> None:
        self.world = World(tag="testng")
        self.now_ms = START_MS
        self.actions: list[Action] = []
        self.events: list[Event] = []
        self.routes: dict[str, tuple[Route, ...]] = {}
        self.deploys = 0

    def say(self, *facts: Fact) -> None:
        before = self.world
        done = step(before, facts, self.now_ms)
        assert broken(before, done) == []
        self.world, self.actions, self.events = done.world, list(done.actions), list(done.events)
        for action in done.actions:
            if isinstance(action, SetRoutes):
                self.routes[action.app_id] = action.routes

    def later(self, ms: int) -> None:
        self.now_ms += ms
        self.say()

    def deploy(self, digest: str, *specs: ServiceSpec, strategy: Strategy = Strategy.ROLLING, name: str = "shop") -> App:
        self.deploys += 1
        services = specs or (spec(),)
        self.say(DeployRequested("main", name, digest, services, strategy, f"request-{self.deploys}"))
        return self.app(name)

    def live(self, digest: str, *specs: ServiceSpec, name: str = "shop") -> App:
        """Deployed, and every container that it wants serves."""
        self.deploy(digest, *specs, name=name)
        while waiting := self.in_state(ContainerState.STARTING, name):
            self.boot(waiting[0])
        for container in self.in_state(ContainerState.DRAINING, name):
            self.say(ContainerDrained(container.container_id, 0, self.now_ms))
        for container in self.in_state(ContainerState.STOPPING, name):
            self.exit(container, ExitReason.STOPPED, 0)
        return self.app(name)

    def boot(self, container: Container) -> None:
        self.say(ContainerStarted(container.container_id, f"10.0.0.{len(container.container_id)}:8000"))
        self.say(ContainerReady(container.container_id))

    def exit(self, container: Container, reason: ExitReason = ExitReason.EXITED, code: int | None = 1) -> None:
        self.say(ContainerExited(container.container_id, reason, code))

    def app(self, name: str = "shop") -> App:
        return [app for app in self.world.apps.values() if app.name == name][-1]

    def deployment(self, version: int) -> Deployment:
        return next(d for d in self.app().deployments if d.version == version)

    def in_state(self, state: ContainerState, name: str = "shop") -> list[Container]:
        return [c for c in self.app(name).containers if c.state is state]

    def states(self, version: int) -> list[str]:
        return sorted(c.state.value for c in self.app().containers if c.version == version)

    def started(self) -> list[str]:
        return [a.container_id for a in self.actions if isinstance(a, StartContainer)]

    def stopped(self) -> list[str]:
        return [a.container_id for a in self.actions if isinstance(a, StopContainer)]

    def unchanged(self) -> bool:
        return any(isinstance(event, DeployUnchanged) for event in self.events)

    def targets(self, name: str = "shop") -> list[tuple[int, bool]]:
        """Version and "draining" of everything that is routed."""
        app = self.app(name)
        versions = {c.container_id: c.version for c in app.containers}
        return [(versions[t.container_id], t.draining) for r in self.routes[app.app_id] for t in r.targets]


def spec(name: str = "web", **settings: int) -> ServiceSpec:
    plain = ServiceSpec(name=name, host=f"home--shop-{name}.us-east.localhost")
    return replace(plain, **cast("dict[str, Any]", settings))
