"""Which waiting containers may start: those whose backoff is over, as far as the machine's capacity goes.

Requests are never oversubscribed: what is promised to containers that have not ended is at most the capacity. A GPU is
the container's own until it ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from .draft import Draft
from .model import App, Capacity, Container, Gpus, ServiceSpec, World
from .observe import ACCEPT_MS
from .states import ContainerState, DeploymentState

# A rollout whose containers find no room for this long is given up; a live version waits as long as it takes.
ROOM_WAIT_MS = 120_000
NO_ROOM = (
    "waits for room: the machine's cpu or memory is promised to other containers; "
    "ask for less cpu= or memory=, stop something, or raise cpu_overcommit in settings.toml"
)
NO_GPU = "waits for a GPU: those it may have are other containers'; stop something, or deploy with --strategy recreate"
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
        elif why := free.lacks(spec):
            _wait(draft, container, why)
        else:
            deadline_ms = now_ms + ACCEPT_MS + spec.startup_timeout_ms
            mine = replace(container, gpus=free.take(spec))
            draft.move(mine, ContainerState.STARTING, deadline_ms=deadline_ms)


def used(apps: Iterable[App], drafts: Iterable[Draft] = ()) -> Capacity:
    """The sum of requests of all containers that are started and have not ended."""
    stored = [(container, _spec(app, container)) for app in apps for container in app.containers if _is_started(container)]
    drafted = [(c, draft.spec(c)) for draft in drafts for c in draft.containers.values() if _is_started(c)]
    started = [*stored, *drafted]
    gpus: Counter[str] = Counter()
    for container, _ in started:
        if container.gpus is not None:
            gpus[container.gpus.model] += container.gpus.count
    return Capacity(
        cpu_milli=sum(spec.cpu_milli for _, spec in started),
        memory_mib=sum(spec.memory_mib for _, spec in started),
        gpus=tuple(Gpus(model, count) for model, count in sorted(gpus.items())),
    )


class _Free:
    """What is left while a round of placing goes on. GPUs are nobody's before it is known how many there are."""

    def __init__(self, capacity: Capacity | None, taken: Capacity) -> None:
        self.limited = capacity is not None
        self.cpu_milli = capacity.cpu_milli - taken.cpu_milli if capacity else 0
        self.memory_mib = capacity.memory_mib - taken.memory_mib if capacity else 0
        self.gpus = Counter({gpus.model: gpus.count for gpus in capacity.gpus} if capacity else {})
        self.gpus.subtract({gpus.model: gpus.count for gpus in taken.gpus})

    def lacks(self, spec: ServiceSpec) -> str:
        """In words, what it has to wait for; empty if there is room for it."""
        if self.limited and (spec.cpu_milli > self.cpu_milli or spec.memory_mib > self.memory_mib):
            return NO_ROOM
        return NO_GPU if spec.gpus and self._choice(spec) is None else ""

    def take(self, spec: ServiceSpec) -> Gpus | None:
        """Of what `lacks` nothing. The GPUs that it gets."""
        self.cpu_milli -= spec.cpu_milli
        self.memory_mib -= spec.memory_mib
        gpus = self._choice(spec)
        if gpus is not None:
            self.gpus[gpus.model] -= gpus.count
        return gpus

    def _choice(self, spec: ServiceSpec) -> Gpus | None:
        return next((gpus for gpus in spec.gpus if gpus.count <= self.gpus[gpus.model]), None)


def _wait(draft: Draft, container: Container, reason: str) -> None:
    """A rollout does not wait for ever: it has a deadline from the moment it is first kept waiting."""
    if container.reason == reason:
        return
    deadline_ms = container.deadline_ms or draft.now_ms + ROOM_WAIT_MS
    draft.wait(container, reason, deadline_ms if _rolls(draft, container) else 0)


def _is_started(container: Container) -> bool:
    return container.state is not ContainerState.PENDING


def _rolls(draft: Draft, container: Container) -> bool:
    return draft.deployments[container.version].state is DeploymentState.ROLLING


def _spec(app: App, container: Container) -> ServiceSpec:
    name = next(s.name for s in app.services if s.service_id == container.service_id)
    deployment = next(d for d in app.deployments if d.version == container.version)
    return next(s for s in deployment.services if s.name == name)
