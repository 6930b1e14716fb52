"""The laws between what a step made of the World and what it asks others to do about it.

Like those in `invariants.py`, which are about one App: named functions to sentences, without any code of the deciding parts.
What a router serves is taken from `routing.table`, whose content has laws of its own here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from . import routing
from .actions import Action, ForgetContainer, SetRoutes, StartContainer, StopContainer
from .events import DeploymentMoved
from .model import App, Container, ServiceSpec, Strategy, World
from .reconcile import Step
from .routes import Route
from .states import AppState, ContainerState, DeploymentState

# A load that was seen longer ago is not known any more.
FRESH_MS = 2_000

Law = Callable[[World, Step], Iterator[str]]

CURRENT = (DeploymentState.LIVE, DeploymentState.ROLLING)


def routed_implies_ready(_before: World, step: Step) -> Iterator[str]:
    for app, route in _told(step):
        ready = {c.container_id: c for c in app.containers if c.state is ContainerState.READY} if app else {}
        for target in route.targets:
            container = ready.get(target.container_id)
            sick = container is None or container.failures or container.address != target.address
            if not target.draining and sick:
                yield f"{route.host} sends requests to {target.container_id}, which is not ready there"


def what_serves_is_routed(_before: World, step: Step) -> Iterator[str]:
    """A container that serves gets requests, and one that drains stays known, so that its requests can end."""
    for action in _set_routes(step.actions):
        app = step.world.apps.get(action.app_id)
        targets = {(r.host, t.container_id): t.draining for r in action.routes for t in r.targets}
        for container, spec in _routable(app) if app else ():
            if container.state is ContainerState.READY and not container.failures:
                if targets.get((spec.host, container.container_id), True):
                    yield f"{container.container_id} serves {spec.host} and gets no requests"
            elif not targets.get((spec.host, container.container_id), False):
                yield f"{container.container_id} drains and {spec.host} does not know it"


def the_stricter_check_holds(_before: World, step: Step) -> Iterator[str]:
    """While two versions serve, no request reaches a container without the check that its version asks for."""
    for app, route in _told(step):
        if app is None or route.stopped:
            continue
        specs = [s for d in app.deployments if d.state in CURRENT for s in d.services if s.host == route.host]
        if route.authenticated != any(s.authenticated for s in specs):
            yield f"{route.host} asks for a token: {route.authenticated}"


def a_stopped_app_serves_nothing(_before: World, step: Step) -> Iterator[str]:
    for app, route in _told(step):
        over = app is None or app.state in (AppState.STOPPING, AppState.STOPPED)
        if over != route.stopped or (over and route.targets):
            yield f"{route.app_id} is {app.state.value if app else 'gone'}, and {route.host} is not"


def a_stopped_app_still_says_so(before: World, step: Step) -> Iterator[str]:
    """Semantics 1.8.5: until another has its name or URL, or it is forgotten. That is each URL that it had to the end."""
    for action in _set_routes(step.actions):
        app = step.world.apps.get(action.app_id)
        if app is None or app.yielded or app.state not in (AppState.STOPPING, AppState.STOPPED):
            continue
        old = before.apps.get(app.app_id)
        if old is not None and old.version == app.version:
            had = [d for d in old.deployments if d.state in CURRENT]
        else:  # published and over in one step
            had = [d for d in app.deployments if d.version == app.version]
        if not {route.host for route in action.routes} >= {spec.host for d in had for spec in d.services}:
            yield f"{app.app_id} is stopped, and its URLs don't say so"


def a_host_has_one_owner(before: World, step: Step) -> Iterator[str]:
    """Two Apps never claim one host, whether for containers or for the answer that an App was stopped; and where one
    takes over from another in this step, the other gives up first."""
    told = list(_set_routes(step.actions))
    if not told:
        return
    hosts = {route.host for action in told for route in action.routes}
    rivals = [a for a in before.apps.values() if any(s.host in hosts for d in a.deployments for s in d.services)]
    owners = {route.host: app.app_id for app in rivals for route in routing.table(app)}
    for action in told:
        for host in [host for host, owner in owners.items() if owner == action.app_id]:
            del owners[host]
        for route in action.routes:
            if owners.setdefault(route.host, action.app_id) != action.app_id:
                yield f"{route.host} belongs to {owners[route.host]} and to {action.app_id}"


def routes_are_told(before: World, step: Step) -> Iterator[str]:
    told = {action.app_id: action.routes for action in _set_routes(step.actions)}
    for app_id, old, app in _touched(before, step):
        was, now = routing.table(old) if old else (), routing.table(app) if app else ()
        if told.get(app_id, was) != now:
            yield f"{app_id} has new routes, and the router was not told"


def what_moves_is_told(before: World, step: Step) -> Iterator[str]:
    """Who starts, stops and ends is said to the engine; nobody is started twice, or forgotten before the end."""
    told = [(a.container_id, type(a)) for a in step.actions if not isinstance(a, SetRoutes)]
    expected: set[tuple[str, type]] = set()
    for _, old, app in _touched(before, step):
        was, now = _containers(old), _containers(app)
        for container_id in {**was, **now}:
            moves = {(container_id, kind) for kind in _expected(was.get(container_id), now.get(container_id))}
            expected |= moves
            if missing := sorted(kind.__name__ for _, kind in moves.difference(told)):
                yield f"{container_id} was not told {missing}"
            if (container_id, ForgetContainer) in told and container_id in was and container_id in now:
                yield f"{container_id} is forgotten and has not ended"
    for container_id, kind in told:
        if kind is StartContainer and (container_id, kind) not in expected:
            yield f"{container_id} is started again"


def capacity_is_never_oversubscribed(_before: World, step: Step) -> Iterator[str]:
    capacity = step.world.capacity
    if capacity is None or not any(isinstance(action, StartContainer) for action in step.actions):
        return
    started = [(a, c) for a in step.world.apps.values() for c in a.containers if c.state is not ContainerState.PENDING]
    specs = [_spec(app, container) for app, container in started]
    cpu_milli, memory_mib = sum(s.cpu_milli for s in specs), sum(s.memory_mib for s in specs)
    if cpu_milli > capacity.cpu_milli or memory_mib > capacity.memory_mib:
        yield f"promised {cpu_milli} milli and {memory_mib} MiB of {capacity}"


def gpus_are_never_shared(_before: World, step: Step) -> Iterator[str]:
    """Of what is given in this step: earlier ones may be more than a machine has that lost some."""
    given = {action.container_id: action.gpus for action in step.actions if isinstance(action, StartContainer)}
    models = {gpus.model for gpus in given.values() if gpus is not None}
    capacity = step.world.capacity
    there = {gpus.model: gpus.count for gpus in capacity.gpus} if capacity else {}
    started = [(a, c) for a in step.world.apps.values() for c in a.containers if c.state is not ContainerState.PENDING]
    for model in sorted(models):
        count = sum(c.gpus.count for _, c in started if c.gpus is not None and c.gpus.model == model)
        if count > there.get(model, 0):
            yield f"gave {count} GPUs {model} of {there.get(model, 0)}"
    for app, container in started:
        wanted = _spec(app, container).gpus if container.container_id in given else ()
        if wanted and container.gpus not in wanted:
            yield f"{container.container_id} has {container.gpus} and asked for one of {wanted}"


def a_session_keeps_its_container(before: World, step: Step) -> Iterator[str]:
    """Semantics 2.5.9: who has sessions, or may have some while the load is not known, is not given up for want of load."""
    seen = step.world.load_seen
    for _, old, app in _touched(before, step):
        was = _containers(old)
        for container in app.containers if app else ():
            left = container.container_id in was and was[container.container_id].state is ContainerState.READY
            if app is None or not left or container.state is ContainerState.READY or not _is_given_up(app, container):
                continue
            load = next(s.load for s in app.services if s.service_id == container.service_id)
            held = load.seen_at_ms > seen.since_ms and container.container_id in {b.container_id for b in load.busy}
            if held or not seen.until_ms or container.since_ms >= seen.until_ms + FRESH_MS:
                yield f"{container.container_id} is {container.state.value} and {'has' if held else 'may have'} sessions"


def every_version_is_announced(before: World, step: Step) -> Iterator[str]:
    """History has no gap: each version that a step publishes is an event, in order; and a failure says why."""
    moved = [event for event in step.events if isinstance(event, DeploymentMoved)]
    for app_id, old, app in _touched(before, step):
        was = old.version if old else 0
        new = [e.deployment.version for e in moved if e.app_id == app_id and e.deployment.settled_at_ms == 0]
        if app is not None and new != list(range(was + 1, app.version + 1)):
            yield f"{app_id} went from v{was} to v{app.version} and told {new}"
    for event in moved:
        ended = event.deployment.state in (DeploymentState.FAILED, DeploymentState.SUPERSEDED)
        if ended and not event.deployment.reason:
            yield f"{event.app_id} v{event.deployment.version} is {event.deployment.state.value} and nobody knows why"


LAWS: Sequence[Law] = (
    routed_implies_ready,
    what_serves_is_routed,
    the_stricter_check_holds,
    a_stopped_app_serves_nothing,
    a_stopped_app_still_says_so,
    a_host_has_one_owner,
    routes_are_told,
    what_moves_is_told,
    capacity_is_never_oversubscribed,
    gpus_are_never_shared,
    a_session_keeps_its_container,
    every_version_is_announced,
)


def _set_routes(actions: Sequence[Action]) -> Iterator[SetRoutes]:
    return (action for action in actions if isinstance(action, SetRoutes))


def _told(step: Step) -> Iterator[tuple[App | None, Route]]:
    return ((step.world.apps.get(a.app_id), route) for a in _set_routes(step.actions) for route in a.routes)


def _routable(app: App) -> Iterator[tuple[Container, ServiceSpec]]:
    """Containers that serve or drain, as far as a current version has their URL."""
    hosts = {spec.host for d in app.deployments if d.state in CURRENT for spec in d.services}
    for container in app.containers:
        if container.state in (ContainerState.READY, ContainerState.DRAINING):
            spec = _spec(app, container)
            if spec.host in hosts:
                yield container, spec


def _spec(app: App, container: Container) -> ServiceSpec:
    name = next(s.name for s in app.services if s.service_id == container.service_id)
    deployment = next(d for d in app.deployments if d.version == container.version)
    return next(s for s in deployment.services if s.name == name)


def _is_given_up(app: App, container: Container) -> bool:
    """It could have sessions, and goes because there are too many: by a rollout, only if that is not live and has no cap."""
    spec = _spec(app, container)
    states = {d.version: d.state for d in app.deployments}
    rolling = next((d for d in app.deployments if d.state is DeploymentState.ROLLING), None)
    overtaken = states[container.version] not in CURRENT
    if not spec.sessions_max or overtaken or (rolling and rolling.strategy is Strategy.RECREATE):
        return False
    caps = {s.name: s.max_containers for s in rolling.services} if rolling else {}
    caps |= {o.service: o.value for o in (rolling.overrides if rolling else ()) if o.setting == "max_containers"}
    reasons = ("no longer wanted", f"replaced by v{rolling.version}" if rolling else "")
    return container.reason in reasons and not caps.get(spec.name)


def _touched(before: World, step: Step) -> Iterator[tuple[str, App | None, App | None]]:
    """Each App that this step changed, made or dropped: what it was, and what it is."""
    after = step.world.apps
    for app_id in {**before.apps, **after}:
        old, new = before.apps.get(app_id), after.get(app_id)
        if old is not new:
            yield app_id, old, new


def _containers(app: App | None) -> dict[str, Container]:
    return {c.container_id: c for c in app.containers} if app else {}


def _expected(was: Container | None, now: Container | None) -> Iterable[type]:
    before = was.state if was else ContainerState.PENDING
    after = now.state if now else ContainerState.ENDED
    if before is after:
        return
    if before is ContainerState.PENDING and after not in (ContainerState.PENDING, ContainerState.ENDED):
        yield StartContainer
    if after is ContainerState.STOPPING:
        yield StopContainer
    if after is ContainerState.ENDED and was is not None and before is not ContainerState.PENDING:
        yield ForgetContainer
