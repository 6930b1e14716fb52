"""One App while a step works on it: a mutable copy that can be looked at by service and changed only by legal moves.

Owns how a move is carried out (state, times, event, the action that follows from it). Decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from operator import is_
from typing import Any

from . import ids
from .actions import Action, ForgetContainer, StopContainer
from .events import AppMoved, ContainerMoved, DeploymentMoved, Event, Scaled
from .model import App, Container, Deployment, LoadSeen, Service, ServiceSpec
from .overrides import spec_of
from .states import AppState, ContainerState, DeploymentState, move

# SIGTERM, then this long for processes and exit handlers, then SIGKILL (semantics 2.3.5).
KILL_AFTER_MS = 30_000
NEVER = LoadSeen()
ACTIVE = (ContainerState.PENDING, ContainerState.STARTING, ContainerState.READY)


class Draft:
    """Made from an App, ends as an App (`finish`). `actions` and `events` collect what the moves bring about."""

    def __init__(self, app: App, now_ms: int, seen: LoadSeen = NEVER) -> None:
        self._was = app
        self.seen = seen
        self.app = app
        self.now_ms = now_ms
        self.services = {service.service_id: service for service in app.services}
        self.deployments = {deployment.version: deployment for deployment in app.deployments}
        self.containers = {container.container_id: container for container in app.containers}
        self.actions: list[Action] = []
        self.events: list[Event] = []

    def finish(self, wake_at_ms: int) -> App:
        """The App as it is now. Deployments that nothing needs any more are left out."""
        was = self._was.containers  # the same value stays the same object
        needed = {container.version for container in self.containers.values()}
        kept = tuple(
            deployment
            for version, deployment in sorted(self.deployments.items())
            if version in needed
            or deployment.state in (DeploymentState.ROLLING, DeploymentState.LIVE)
            or version in self.app.last
        )
        return replace(
            self.app,
            services=tuple(self.services.values()),
            deployments=self._was.deployments if kept == self._was.deployments else kept,
            containers=was if _same(self.containers, was) else tuple(self.containers.values()),
            wake_at_ms=wake_at_ms,
        )

    def is_changed(self) -> bool:
        """False: the facts so far told nothing new."""
        was = self._was
        same = self.app is was and _same(self.services, was.services) and _same(self.deployments, was.deployments)
        return not (same and _same(self.containers, was.containers))

    def is_calm(self) -> bool:
        """Nothing came but samples of its load, and they ask for what there is; what is due later has a deadline."""
        was = self._was
        if self.app is not was or not _same(self.deployments, was.deployments) or not _same(self.containers, was.containers):
            return False
        old = {service.service_id: service for service in was.services}
        return all(s is old.get(i) or (i in old and s.count == old[i].count) for i, s in self.services.items())

    # What is there

    def in_state(self, state: DeploymentState) -> Deployment | None:
        """The newest deployment in that state."""
        found = [d for d in self.deployments.values() if d.state is state]
        return max(found, key=lambda d: d.version, default=None)

    def of_service(self, service_id: str) -> Iterator[Container]:
        return (c for c in list(self.containers.values()) if c.service_id == service_id)

    def spec(self, container: Container) -> ServiceSpec:
        """What the deployment of this container says about its service."""
        name = self.services[container.service_id].name
        return next(s for s in self.deployments[container.version].services if s.name == name)

    def current_spec(self, service_id: str) -> ServiceSpec | None:
        """What holds for a service now: of the live version, else of the one that rolls; None if neither has it."""
        name = self.services[service_id].name if service_id in self.services else ""
        found = (spec_of(self.in_state(state), name) for state in (DeploymentState.LIVE, DeploymentState.ROLLING))
        return next((spec for spec in found if spec is not None), None)

    def service_named(self, name: str) -> Service:
        """The lasting object behind a name; made when the App never had one (semantics 1.1.12)."""
        for service in self.services.values():
            if service.name == name:
                return service
        service = Service(ids.service_id(self.app.app_id, len(self.services) + 1), name, count=0)
        self.services[service.service_id] = service
        return service

    # What can be done

    def keep_last(self) -> None:
        """It is about to be over: what is current now says so from then on (semantics 1.8.5)."""
        current = (DeploymentState.ROLLING, DeploymentState.LIVE)
        last = tuple(sorted(version for version, d in self.deployments.items() if d.state in current))
        self.app = replace(self.app, last=last)

    def move_app(self, state: AppState) -> None:
        self.app = replace(self.app, state=move(self.app.state, state))
        self.events.append(AppMoved(self.app.app_id, self.app.environment, self.app.name, state))

    def move_deployment(self, version: int, state: DeploymentState, *, reason: str = "", culprit: str = "") -> None:
        old = self.deployments[version]
        settled = self.now_ms if old.state is DeploymentState.ROLLING else old.settled_at_ms
        new = replace(
            old,
            state=move(old.state, state),
            settled_at_ms=settled,
            reason=reason or old.reason,
            culprit=culprit or old.culprit,
        )
        self.deployments[version] = new
        self.events.append(DeploymentMoved(self.app.app_id, new))

    def scale(self, new: Service) -> None:
        """What is known of a service's load is `new` from now on."""
        old = self.services[new.service_id]
        if new is old:
            return
        self.services[new.service_id] = new
        if new.count != old.count:
            self.events.append(Scaled(self.app.app_id, new.name, old.count, new.count, new.why))

    def create(self, service_id: str, version: int) -> None:
        number = self.app.next_container
        self.app = replace(self.app, next_container=number + 1)
        new = Container(
            container_id=ids.container_id(self.app.app_id, number),
            service_id=service_id,
            version=version,
            state=ContainerState.PENDING,
            created_at_ms=self.now_ms,
            since_ms=self.now_ms,
        )
        self.containers[new.container_id] = new
        self._tell(new)

    def move(self, container: Container, state: ContainerState, *, deadline_ms: int = 0, reason: str = "") -> Container:
        """Moves to any state but ENDED (that is `end`). STOPPING brings its action with it."""
        assert state is not ContainerState.ENDED, container
        new = replace(
            container,
            state=move(container.state, state),
            since_ms=self.now_ms,
            deadline_ms=deadline_ms,
            reason=reason,
            failures=0,
            sick_since_ms=0,
            placed_at_ms=self.now_ms if state is ContainerState.STARTING else container.placed_at_ms,
        )
        self.containers[new.container_id] = new
        self._tell(new)
        if state is ContainerState.STOPPING:
            self.actions.append(StopContainer(new.container_id, KILL_AFTER_MS))
        return new

    def amend(self, container: Container, *, tell: bool = False) -> None:
        """Changes what is not a state: address, deadline, failures, reason. `tell`: people want to know."""
        old = self.containers[container.container_id]
        assert old.state is container.state, container
        if old == container:
            return
        self.containers[container.container_id] = container
        if tell:
            self._tell(container)

    def wait(self, container: Container, reason: str, deadline_ms: int) -> None:
        """It stays pending, and now it is said why."""
        self.amend(replace(container, reason=reason, deadline_ms=deadline_ms), tell=True)

    def end(self, container: Container, reason: str, exit_code: int | None = None, detail: str = "") -> None:
        state = move(container.state, ContainerState.ENDED)
        ended = replace(container, state=state, since_ms=self.now_ms, deadline_ms=0, reason=reason)
        del self.containers[container.container_id]
        self._tell(ended, exit_code, detail)
        if container.state is not ContainerState.PENDING:
            self.actions.append(ForgetContainer(container.container_id))

    def retire(self, container: Container, reason: str, grace_ms: int = 0) -> None:
        """The way out that fits its state: never started ends, booting stops, ready drains for up to `grace_ms`."""
        if container.state is ContainerState.PENDING or self._is_placed_now(container):
            self.end(container, reason)
        elif container.state is ContainerState.READY and grace_ms > 0:
            self.move(container, ContainerState.DRAINING, deadline_ms=self.now_ms + grace_ms, reason=reason)
        elif container.state is not ContainerState.STOPPING:
            self.move(container, ContainerState.STOPPING, reason=reason)

    def _is_placed_now(self, container: Container) -> bool:
        """It was given room in this very step: nobody has been told to start it yet."""
        if container.state is not ContainerState.STARTING:
            return False
        before = next((c for c in self._was.containers if c.container_id == container.container_id), None)
        return before is None or before.state is ContainerState.PENDING

    def _tell(self, container: Container, exit_code: int | None = None, detail: str = "") -> None:
        name = self.services[container.service_id].name
        self.events.append(ContainerMoved(self.app.app_id, container, name, exit_code, detail))


def _same(now: dict[Any, Any], was: tuple[Any, ...]) -> bool:
    """The very same values: what changes is replaced, never altered."""
    return len(now) == len(was) and all(map(is_, now.values(), was))
