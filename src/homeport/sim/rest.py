"""Laws of a world that was left in peace: everything has come to an end, all sides agree, and what can run runs.

Shares nothing with the deciding code but the model.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from ..control.kernel import Kernel, lasting
from ..core import routing
from ..core.model import App, Capacity, Container, Deployment, ServiceSpec, World
from ..core.states import AppState, ContainerState, DeploymentState
from ..store import records
from ..testing.journal import MemoryJournal
from .plane import LawBroken, Surroundings
from .router import SimRouter
from .streams import Streams


def at_rest(kernel: Kernel, around: Surroundings, streams: Streams) -> None:
    """Raises LawBroken naming the first thing that is not at rest."""
    world = kernel.world
    history_is_whole(around.journal)
    free = _free(world)
    for app in world.apps.values():
        _app_at_rest(app, free, streams, around.router)
    believed = {
        c.container_id for app in world.apps.values() for c in app.containers if c.state is not ContainerState.PENDING
    }
    existing = set(around.engine.sandboxes)
    if believed != existing:
        raise LawBroken(f"engine and World disagree: {sorted(believed ^ existing)}")
    if sick := [s.container_id for s in around.engine.sandboxes.values() if s.ended or s.hanging or not s.ready]:
        raise LawBroken(f"the World is content with {sick}, which do not serve")
    tables = {app.app_id: table for app in world.apps.values() if (table := routing.table(app))}
    if tables != around.router.tables:
        raise LawBroken("router and World disagree")
    reloaded = Kernel(around.journal, "simsim").world.apps.values()
    if [lasting(app) for app in reloaded] != [lasting(app) for app in world.apps.values()]:
        raise LawBroken("the journal does not hold what the World holds")


def history_is_whole(journal: MemoryJournal) -> None:
    """Versions from 1 without a gap, and each of them came to exactly one end or is the live one."""
    newest: dict[str, int] = {}
    open_ones: set[tuple[str, int]] = set()
    for written in journal.records:
        kind, body = written.record.kind, written.record.body
        if kind == records.DEPLOYMENT_PUBLISHED:
            app_id, version = str(body["app_id"]), int(str(body["version"]))
            if version != newest.get(app_id, 0) + 1:
                raise LawBroken(f"{app_id}: v{version} was published after v{newest.get(app_id, 0)}")
            newest[app_id] = version
            open_ones.add((app_id, version))
        elif kind == records.DEPLOYMENT_SETTLED:
            open_ones.discard((str(body["app_id"]), int(str(body["version"]))))
    if open_ones:
        raise LawBroken(f"these deployments never came to an end: {sorted(open_ones)}")


def _app_at_rest(app: App, free: Capacity | None, streams: Streams, router: SimRouter) -> None:
    if app.state not in (AppState.DEPLOYED, AppState.STOPPED):
        raise LawBroken(f"{app.app_id} is {app.state.value} for ever")
    if any(d.state is DeploymentState.ROLLING for d in app.deployments):
        raise LawBroken(f"{app.app_id} rolls for ever")
    if app.state is AppState.STOPPED and app.containers:
        raise LawBroken(f"{app.app_id} is stopped and has containers")
    if app.state is AppState.STOPPED:
        return
    live = next(d for d in app.deployments if d.state is DeploymentState.LIVE)
    if strangers := [c.container_id for c in app.containers if not _belongs(app, live, c)]:
        raise LawBroken(f"{app.app_id} has {strangers}, which nobody wants")
    for spec in live.services:
        changed: dict[str, Any] = {o.setting: o.value for o in live.overrides if o.service == spec.name}
        _service_at_rest(app, replace(spec, **changed), free, streams.at(spec.host), router)


def _service_at_rest(app: App, spec: ServiceSpec, free: Capacity | None, held: int, router: SimRouter) -> None:
    """What `held` requests need, or as near to it as the room that is left allows; its minimum alone without any. More
    only where sessions are: none of those is given up."""
    mine = [c for c in app.containers if _name(app, c) == spec.name]
    waiting = [c for c in mine if c.state is ContainerState.PENDING]
    serving = [c for c in mine if c.state is ContainerState.READY and not c.failures]
    fits = free is None or (spec.cpu_milli <= free.cpu_milli and spec.memory_mib <= free.memory_mib)
    # where there is room for none, nobody is in flight: there is only the demand of those that are refused
    want = _want(spec, held if serving else min(held, 1))
    if spec.sessions_max:
        want = max(want, sum(router.in_flight(c.container_id) > 0 for c in serving))
    if len(mine) != want or len(serving) + len(waiting) != want or (waiting and fits):
        raise LawBroken(f"{app.app_id}/{spec.name} has {[c.state.value for c in mine]} of {want}; fits: {fits}")


def _want(spec: ServiceSpec, held: int) -> int:
    if not held:
        return spec.min_containers
    load = math.ceil(held / (spec.target_concurrency_centi / 100)) if spec.target_concurrency_centi else 1
    want = max(load + spec.buffer_containers, spec.min_containers)
    return min(want, spec.max_containers) if spec.max_containers else want


def _free(world: World) -> Capacity | None:
    capacity = world.capacity
    if capacity is None:
        return None
    started = [(a, c) for a in world.apps.values() for c in a.containers if c.state is not ContainerState.PENDING]
    specs = [_spec(app, container) for app, container in started]
    cpu_milli, memory_mib = sum(s.cpu_milli for s in specs), sum(s.memory_mib for s in specs)
    return Capacity(capacity.cpu_milli - cpu_milli, capacity.memory_mib - memory_mib)


def _belongs(app: App, live: Deployment, container: Container) -> bool:
    return container.version == live.version and _name(app, container) in {s.name for s in live.services}


def _spec(app: App, container: Container) -> ServiceSpec:
    deployment = next(d for d in app.deployments if d.version == container.version)
    return next(s for s in deployment.services if s.name == _name(app, container))


def _name(app: App, container: Container) -> str:
    return next(s.name for s in app.services if s.service_id == container.service_id)
