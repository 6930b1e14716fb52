"""A day of many Servers that scale, through the same kernel that runs in the daemon: what it costs, and what it saves.

Nothing fails here and nobody deploys: it measures the autoscaler, while `run` looks for its bugs. Time is simulated; how
long a container takes to start is drawn once per Server.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from ..control.chronicle import Input
from ..control.kernel import Kernel
from ..core import scale
from ..core.actions import StartContainer, StopContainer
from ..core.events import ContainerMoved, Scaled
from ..core.facts import (
    ContainerDrained,
    ContainerExited,
    ContainerReady,
    ContainerStarted,
    DemandSeen,
    DeployRequested,
    ExitReason,
    Fact,
    LoadSampled,
    ServiceLoad,
)
from ..core.model import ServiceSpec, Strategy
from ..core.reconcile import Step
from ..core.states import ContainerState
from ..testing.journal import MemoryJournal
from . import loads
from .clock import Timeline

SAMPLE_MS = 1_000
DRAIN_MS = 1_000
STOP_MS = 300


@dataclass(frozen=True, slots=True)
class Plan:
    servers: int = 1_000
    hours: int = 24
    seed: int = 1


@dataclass(slots=True)
class Account:
    """What came of it: times of containers and of requests in milliseconds, and counts."""

    had_ms: int = 0  # containers that were there
    needed_ms: int = 0  # what each moment's load asks for: of somebody who knows it and whose containers start in no time
    peak_ms: int = 0  # what the highest load of each Server asks for, all day
    request_ms: int = 0
    refused_ms: int = 0  # of requests that found no container
    beyond_ms: int = 0  # of requests beyond the target of the containers that were ready
    starts: int = 0
    most: int = 0  # containers at once
    changes: int = 0  # of the count of a Server
    regrets: int = 0  # a Server that was lowered and needed it again within its own window
    facts: int = 0
    journal_lines: int = 0


@dataclass(slots=True)
class _Server:
    """Its load and its containers now, since `since_ms`."""

    app_id: str
    service_id: str
    spec: ServiceSpec
    boot_ms: int
    steps: Iterator[loads.Step]
    since_ms: int
    in_flight_centi: int = 0
    sum_centi_ms: int = 0  # of the sample that is under way
    peak: int = 0
    lowered_ms: int = 0
    states: dict[str, ContainerState] = field(default_factory=dict)

    @property
    def ready(self) -> int:
        return sum(state is ContainerState.READY for state in self.states.values())

    def settle(self, account: Account, now_ms: int) -> None:
        """Writes down what was until now; whoever changes something says so first."""
        lasted_ms, self.since_ms = now_ms - self.since_ms, now_ms
        account.had_ms += lasted_ms * len(self.states)
        if not self.in_flight_centi or not lasted_ms:
            return
        self.sum_centi_ms += lasted_ms * self.in_flight_centi
        account.request_ms += lasted_ms * self.in_flight_centi // 100
        needed = scale.need(self.spec, self.in_flight_centi)
        account.needed_ms += lasted_ms * needed
        self.peak = max(self.peak, needed)
        ready = self.ready
        if not ready:
            account.refused_ms += lasted_ms * self.in_flight_centi // 100
        elif target := self.spec.target_concurrency_centi:
            account.beyond_ms += lasted_ms * max(0, self.in_flight_centi - ready * target) // 100


class Day:
    """Built from a plan, run once."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.account = Account()
        self._timeline = Timeline(plan.seed)
        self._journal = MemoryJournal()
        self._kernel = Kernel(self._journal, "simday")
        self._servers: dict[str, _Server] = {}  # by App
        self._busy: dict[str, _Server] = {}
        self._there: set[str] = set()  # all containers
        self._wake_ms = 0
        self._sampled_ms = self._timeline.now_ms

    def run(self) -> Account:
        began_ms = self._timeline.now_ms
        for number in range(self.plan.servers):
            self._deploy(number)
        self._timeline.every(SAMPLE_MS, self._sample)
        self._timeline.run(began_ms + self.plan.hours * loads.HOUR_MS)
        now_ms, account = self._timeline.now_ms, self.account
        for server in self._servers.values():
            server.settle(account, now_ms)
        account.peak_ms = sum(server.peak for server in self._servers.values()) * (now_ms - began_ms)
        account.journal_lines = len(self._journal.records)
        return account

    def _deploy(self, number: int) -> None:
        random = self._timeline.random
        name = f"app-{number}"
        spec = ServiceSpec(
            name="web",
            host=f"home--{name}-web.us-east.localhost",
            target_concurrency_centi=random.choice((400, 1_000)),
            scaledown_window_s=random.choice((60, 60, 300)),
        )
        self._accept(DeployRequested("main", name, name, (spec,), Strategy.ROLLING, name))
        app = next(reversed(self._kernel.world.apps.values()))
        server = _Server(
            app_id=app.app_id,
            service_id=app.services[0].service_id,
            spec=spec,
            boot_ms=random.choice((30, 200, 1_000, 1_000, 8_000)),
            steps=loads.pattern(number)(random),
            since_ms=self._timeline.now_ms,
            states={container.container_id: container.state for container in app.containers},
        )
        self._servers[app.app_id] = server
        for container_id in server.states:
            self._boot(container_id, server.boot_ms)
        self._next_load(server)

    def _next_load(self, server: _Server) -> None:
        server.settle(self.account, self._timeline.now_ms)
        lasts_ms, server.in_flight_centi = next(server.steps)
        if server.in_flight_centi:
            self._busy[server.app_id] = server
        self._timeline.after(lasts_ms, lambda: self._next_load(server))

    def _sample(self) -> None:
        """As the router is looked at: who had requests since the last time, and who asks and finds nobody."""
        now_ms, from_ms = self._timeline.now_ms, self._sampled_ms
        self._sampled_ms = now_ms
        facts: list[Fact] = []
        found = []
        for app_id, server in list(self._busy.items()):
            server.settle(self.account, now_ms)
            centi, server.sum_centi_ms = server.sum_centi_ms // max(1, now_ms - from_ms), 0
            if server.ready and centi:
                found.append(ServiceLoad(app_id, server.service_id, centi))
            elif server.in_flight_centi:
                facts.append(DemandSeen(app_id, server.service_id, now_ms))
            if not server.in_flight_centi:
                del self._busy[app_id]
        self._accept(LoadSampled(from_ms, now_ms, tuple(found)), *facts)

    def _accept(self, *facts: Fact) -> None:
        self.account.facts += len(facts)
        step = self._kernel.accept([Input(fact) for fact in facts], self._timeline.now_ms)
        self._follow(step)
        if step.wake_at_ms and step.wake_at_ms != self._wake_ms:
            self._wake_ms = step.wake_at_ms
            self._timeline.after(step.wake_at_ms - self._timeline.now_ms, lambda: self._wake(step.wake_at_ms))

    def _wake(self, at_ms: int) -> None:
        if at_ms == self._wake_ms:  # not one that was overtaken
            self._wake_ms = 0
            self._accept()

    def _follow(self, step: Step) -> None:
        now_ms = self._timeline.now_ms
        for event in step.events:
            server = self._servers.get(event.app_id) if isinstance(event, (ContainerMoved, Scaled)) else None
            if server is None:
                continue
            server.settle(self.account, now_ms)
            if isinstance(event, Scaled):
                self._scaled(server, event)
            elif isinstance(event, ContainerMoved):
                self._moved(server, event.container.container_id, event.container.state)
        for action in step.actions:
            if isinstance(action, StartContainer):
                self.account.starts += 1
                if server := self._servers.get(action.app_id):
                    self._boot(action.container_id, server.boot_ms)
            elif isinstance(action, StopContainer):
                gone = ContainerExited(action.container_id, ExitReason.STOPPED, 0)
                self._timeline.after(STOP_MS, partial(self._accept, gone))

    def _scaled(self, server: _Server, event: Scaled) -> None:
        now_ms, window_ms = self._timeline.now_ms, server.spec.scaledown_window_s * 1000
        self.account.changes += 1
        if event.count < event.before:
            server.lowered_ms = now_ms
        elif server.lowered_ms and now_ms - server.lowered_ms < window_ms:
            self.account.regrets += 1

    def _moved(self, server: _Server, container_id: str, state: ContainerState) -> None:
        if state is ContainerState.ENDED:
            server.states.pop(container_id, None)
            self._there.discard(container_id)
            return
        server.states[container_id] = state
        self._there.add(container_id)
        self.account.most = max(self.account.most, len(self._there))
        if state is ContainerState.DRAINING:
            self._timeline.after(DRAIN_MS, lambda: self._accept(ContainerDrained(container_id, 0, self._timeline.now_ms)))

    def _boot(self, container_id: str, boot_ms: int) -> None:
        self._timeline.after(1, lambda: self._accept(ContainerStarted(container_id, "10.0.0.1:8000")))
        self._timeline.after(boot_ms, lambda: self._accept(ContainerReady(container_id)))
