"""The laws, each a named function from a World (or from two, one step apart) to the sentences that say how it is broken.

Used after every step by the simulator and by property tests, and as alarms in production. They state what must hold, not
how it is brought about, and share no code with the deciding parts but the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from . import routing
from .actions import Action, SetRoutes, StartContainer
from .model import App, Container, Strategy, World
from .place import used
from .reconcile import Step
from .states import AppState, ContainerState, DeploymentState

Law = Callable[[World, Step], Iterator[str]]


def broken(before: World, step: Step) -> list[str]:
    """Every law that this step breaks, in words; empty when all hold."""
    return [f"{law.__name__}: {words}" for law in LAWS for words in law(before, step)]


def routed_implies_ready(_before: World, step: Step) -> Iterator[str]:
    for action in _set_routes(step.actions):
        app = step.world.apps.get(action.app_id)
        ready = {c.container_id for c in _containers(app) if c.state is ContainerState.READY and c.address}
        for route in action.routes:
            for target in route.targets:
                if not target.draining and target.container_id not in ready:
                    yield f"{route.host} sends requests to {target.container_id}, which is not ready"


def a_stopped_app_serves_nothing(_before: World, step: Step) -> Iterator[str]:
    for action in _set_routes(step.actions):
        app = step.world.apps.get(action.app_id)
        over = app is None or app.state in (AppState.STOPPING, AppState.STOPPED)
        if over and any(route.targets or not route.stopped for route in action.routes):
            yield f"{action.app_id} is over and has a route to containers"


def one_live_one_rolling(before: World, step: Step) -> Iterator[str]:
    for app in _touched(before, step):
        for state in (DeploymentState.LIVE, DeploymentState.ROLLING):
            if sum(d.state is state for d in app.deployments) > 1:
                yield f"{app.app_id} has two deployments that are {state.value}"


def history_grows_by_one(before: World, step: Step) -> Iterator[str]:
    for app in _touched(before, step):
        old = before.apps.get(app.app_id)
        versions = [d.version for d in app.deployments]
        if old is not None and app.version < old.version:
            yield f"{app.app_id} went from v{old.version} to v{app.version}"
        if any(v > app.version for v in versions) or versions != sorted(set(versions)):
            yield f"{app.app_id} has deployments {versions} at v{app.version}"


def a_rollout_takes_nothing_away(before: World, step: Step) -> Iterator[str]:
    """While a rolling rollout runs, a step may retire a serving container only if what serves then still reaches what
    the live version wants (or the target, if that is lower)."""
    for app in _touched(before, step):
        old = before.apps.get(app.app_id)
        rolling = next((d for d in app.deployments if d.state is DeploymentState.ROLLING), None)
        if old is None or rolling is None or rolling.strategy is Strategy.RECREATE:
            continue
        yield from _taken(old, app)


def _taken(old: App, app: App) -> Iterator[str]:
    targets = {s.name: s for d in app.deployments if d.state is DeploymentState.ROLLING for s in d.services}
    floors = {s.name: s for d in app.deployments if d.state is DeploymentState.LIVE for s in d.services}
    for service in app.services:
        target, live = targets.get(service.name), floors.get(service.name)
        if target is None or live is None or target.max_containers:
            continue
        was = {c.container_id for c in old.containers if c.service_id == service.service_id and _serves(c)}
        now = {c.container_id: c for c in app.containers if c.service_id == service.service_id}
        taken = [c for c in was if c in now and now[c].reason.startswith("replaced by") and not _serves(now[c])]
        serving = sum(_serves(c) for c in now.values())
        floor = min(max(1, live.min_containers), max(1, target.min_containers))
        if taken and serving < floor:
            yield f"{app.app_id}/{service.name}: {sorted(taken)} retired while {serving} of {floor} serve"


def an_unready_version_takes_no_traffic(before: World, step: Step) -> Iterator[str]:
    """A version that failed is never the one that is left: its containers go, and those of the live version stay."""
    for app in _touched(before, step):
        old = before.apps.get(app.app_id)
        states = {d.version: d.state for d in app.deployments}
        if old is None:
            continue
        newly = {d.version for d in old.deployments if d.state is DeploymentState.ROLLING} & {
            version for version, state in states.items() if state is DeploymentState.FAILED
        }
        live = {version for version, state in states.items() if state is DeploymentState.LIVE}
        retired = {c.container_id for c in app.containers if c.state is not ContainerState.READY}
        lost = [c for c in old.containers if _serves(c) and c.version in live and c.container_id in retired]
        if newly and lost:
            yield f"{app.app_id}: v{max(newly)} failed and took {[c.container_id for c in lost]} with it"


def what_is_replaced_drains_first(before: World, step: Step) -> Iterator[str]:
    """Old containers finish what they were assigned (the rolling strategy); only `recreate` ends them at once."""
    for app in _touched(before, step):
        old = before.apps.get(app.app_id)
        recreate = any(d.state is DeploymentState.ROLLING and d.strategy is Strategy.RECREATE for d in app.deployments)
        was = {c.container_id: c.state for c in _containers(old)}
        for container in app.containers:
            replaced = container.reason.startswith("replaced by") and container.state is ContainerState.STOPPING
            if replaced and was.get(container.container_id) is ContainerState.READY and not recreate:
                yield f"{container.container_id} was serving and was told to end without a drain"


def a_host_has_one_owner(_before: World, step: Step) -> Iterator[str]:
    """Two Apps never claim one host, whether for containers or for the answer that an App was stopped."""
    if not any(_set_routes(step.actions)):
        return
    owners: dict[str, str] = {}
    for app in step.world.apps.values():
        for route in routing.table(app):
            if owners.setdefault(route.host, app.app_id) != app.app_id:
                yield f"{route.host} belongs to {owners[route.host]} and to {app.app_id}"


def capacity_is_never_oversubscribed(_before: World, step: Step) -> Iterator[str]:
    capacity = step.world.capacity
    if capacity is None or not any(isinstance(action, StartContainer) for action in step.actions):
        return
    taken = used(step.world.apps.values())
    if taken.cpu_milli > capacity.cpu_milli or taken.memory_mib > capacity.memory_mib:
        yield f"promised {taken} of {capacity}"


def a_container_starts_once(before: World, step: Step) -> Iterator[str]:
    known = {c.container_id: c.state for app in before.apps.values() for c in app.containers}
    for action in step.actions:
        if isinstance(action, StartContainer) and known.get(action.container_id, ContainerState.PENDING) != "pending":
            yield f"{action.container_id} is {known[action.container_id].value} and is started again"


def every_wait_has_an_end(before: World, step: Step) -> Iterator[str]:
    """No container can be left in a state that nothing would ever end."""
    for app in _touched(before, step):
        for container in app.containers:
            timed = container.state in (ContainerState.STARTING, ContainerState.DRAINING)
            if timed and not container.deadline_ms:
                yield f"{container.container_id} is {container.state.value} without a deadline"


LAWS: Sequence[Law] = (
    routed_implies_ready,
    a_stopped_app_serves_nothing,
    one_live_one_rolling,
    history_grows_by_one,
    a_rollout_takes_nothing_away,
    an_unready_version_takes_no_traffic,
    what_is_replaced_drains_first,
    a_host_has_one_owner,
    capacity_is_never_oversubscribed,
    a_container_starts_once,
    every_wait_has_an_end,
)


def _touched(before: World, step: Step) -> Iterator[App]:
    """What a step did not touch is the same object and broke no law before."""
    return (app for app in step.world.apps.values() if app is not before.apps.get(app.app_id))


def _set_routes(actions: Sequence[Action]) -> Iterator[SetRoutes]:
    return (action for action in actions if isinstance(action, SetRoutes))


def _containers(app: App | None) -> Sequence[Container]:
    return app.containers if app is not None else ()


def _serves(container: Container) -> bool:
    return container.state is ContainerState.READY and container.failures == 0
