"""Which of the containers that wait may start: those whose time has come, as far as the machine's promises reach.

Requests are never oversubscribed: what is promised to containers that have not ended is at most the capacity.
"""

from __future__ import annotations

from collections.abc import Iterable

from .draft import Draft
from .model import App, Capacity, Container, ServiceSpec, World
from .observe import ACCEPT_MS
from .states import ContainerState, DeploymentState

# A rollout whose containers find no room for this long is given up; a live version waits as long as it takes.
ROOM_WAIT_MS = 120_000
NO_ROOM = (
    "waits for room: the machine's cpu or memory is promised to other containers; "
    "ask for less cpu= or memory=, stop something, or raise cpu_overcommit in settings.toml"
)
BACK_OFF = "waits before the next try, because the ones before it failed"


def place(world: World, drafts: Iterable[Draft], now_ms: int) -> None:
    """Starts what fits and says of the others why they wait.

    Those of live versions come first: a rollout, of whatever App, takes no room from what works. Then the oldest App, and
    its oldest container.
    """
    work = list(drafts)
    waiting = [(d, c) for d in work for c in list(d.containers.values()) if c.state is ContainerState.PENDING]
    if not waiting:
        return
    waiting.sort(key=lambda pair: (_rolls(*pair), pair[1].container_id))
    touched = {d.app.app_id for d in work}
    others = (app for app in world.apps.values() if app.app_id not in touched)
    free = _Free(world.capacity, used(others, work) if world.capacity else Capacity(0, 0))
    for draft, container in waiting:
        spec = draft.spec(container)
        if draft.services[container.service_id].retry_at_ms > now_ms:
            _wait(draft, container, BACK_OFF)
        elif not free.take(spec):
            _wait(draft, container, NO_ROOM)
        else:
            deadline_ms = now_ms + ACCEPT_MS + spec.startup_timeout_ms
            draft.move(container, ContainerState.STARTING, deadline_ms=deadline_ms)


def used(apps: Iterable[App], drafts: Iterable[Draft] = ()) -> Capacity:
    """The sum of requests of all containers that are started and have not ended."""
    cpu_milli = memory_mib = 0
    for app in apps:
        for container in app.containers:
            if container.state is not ContainerState.PENDING:
                spec = _spec(app, container)
                cpu_milli += spec.cpu_milli
                memory_mib += spec.memory_mib
    for draft in drafts:
        for container in draft.containers.values():
            if container.state is not ContainerState.PENDING:
                spec = draft.spec(container)
                cpu_milli += spec.cpu_milli
                memory_mib += spec.memory_mib
    return Capacity(cpu_milli, memory_mib)


class _Free:
    """What is left while a round of placing goes on."""

    def __init__(self, capacity: Capacity | None, taken: Capacity) -> None:
        self.limited = capacity is not None
        self.cpu_milli = capacity.cpu_milli - taken.cpu_milli if capacity else 0
        self.memory_mib = capacity.memory_mib - taken.memory_mib if capacity else 0

    def take(self, spec: ServiceSpec) -> bool:
        if not self.limited:
            return True
        if spec.cpu_milli > self.cpu_milli or spec.memory_mib > self.memory_mib:
            return False
        self.cpu_milli -= spec.cpu_milli
        self.memory_mib -= spec.memory_mib
        return True


def _wait(draft: Draft, container: Container, reason: str) -> None:
    """A rollout does not wait for ever: it has a deadline from the moment it is first kept waiting."""
    if container.reason == reason:
        return
    deadline_ms = container.deadline_ms or draft.now_ms + ROOM_WAIT_MS
    draft.wait(container, reason, deadline_ms if _rolls(draft, container) else 0)


def _rolls(draft: Draft, container: Container) -> bool:
    return draft.deployments[container.version].state is DeploymentState.ROLLING


def _spec(app: App, container: Container) -> ServiceSpec:
    name = next(s.name for s in app.services if s.service_id == container.service_id)
    deployment = next(d for d in app.deployments if d.version == container.version)
    return next(s for s in deployment.services if s.name == name)
