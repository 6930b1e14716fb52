"""How one version takes over from another: which containers it needs, which ones end, and when a rollout is over.

A service is looked at alone: the containers of the target version on one side, all others on the other. The old side
shrinks by one for each new container that serves, so what serves never falls below what served before; where
`max_containers` leaves no room beside the old ones, they shrink by one more (semantics 1.1.9). A target whose containers
fail loses its claim, and the live version is brought back to full strength by the same rule.
"""

from __future__ import annotations

from dataclasses import dataclass

from .backoff import ROLLOUT_TRIES
from .draft import ACTIVE, Draft
from .model import Container, Deployment, ServiceSpec, Strategy
from .overrides import effective, spec_of
from .place import NO_GPU, NO_ROOM
from .scale import is_known, least, lowered, needed, wanted
from .states import AppState, ContainerState, DeploymentState

# What a container that is replaced or not needed any more leaves to its requests in flight, where the Server asks for no
# grace period of its own (decision 6).
GRACE_MS = 10_000


@dataclass(frozen=True, slots=True)
class Sides:
    """One service as it should be now."""

    target: Deployment | None  # the version that shall serve alone in the end; None: the service goes away
    base: Deployment | None  # the live version, kept at strength while the target comes up; None: nothing to keep
    target_count: int  # containers of the target
    others_count: int  # ready containers of all other versions that may go on serving


def settle(draft: Draft) -> None:
    """Ends the rollout that is under way if its time has come: failed, or live and the live one superseded."""
    rolling = draft.in_state(DeploymentState.ROLLING)
    if rolling is None:
        return
    if rolling.failures >= ROLLOUT_TRIES:
        fail(draft, rolling, f"{rolling.reason} ({rolling.failures} tries)")
    elif all(_is_up(draft, rolling, effective(rolling, spec)) for spec in rolling.services):
        _go_live(draft, rolling)


def has_least(draft: Draft, container: Container) -> bool:
    """Enough of this container's version and service run or boot without it: the rollout can do without more room."""
    name = draft.services[container.service_id].name
    spec = spec_of(draft.deployments[container.version], name)
    mine = (c for c in draft.of_service(container.service_id) if c.version == container.version)
    placed = sum(c.state in (ContainerState.STARTING, ContainerState.READY) for c in mine)
    return spec is not None and placed >= least(spec)


def scale_down(draft: Draft) -> None:
    """Whatever the load needed once and does not any more."""
    for service_id, service in list(draft.services.items()):
        spec = draft.current_spec(service_id)
        if spec is not None:
            draft.scale(lowered(service, spec, draft.seen, draft.now_ms))


def fail(draft: Draft, deployment: Deployment, reason: str, culprit: str = "") -> None:
    """Nothing of it goes on; an App that never had a live version is over with it (semantics 1.1.11)."""
    over = draft.in_state(DeploymentState.LIVE) is None
    if over:
        draft.keep_last()
    draft.move_deployment(deployment.version, DeploymentState.FAILED, reason=reason, culprit=culprit)
    if over:
        draft.move_app(AppState.STOPPING)


def arrange(draft: Draft) -> None:
    """Creates the containers that are missing and retires those that are too many, service by service."""
    _cut_drains(draft)
    for service_id, service in sorted(draft.services.items()):
        sides = _sides(draft, service_id, service.name)
        _retire_others(draft, service_id, sides)
        _resize(draft, service_id, sides.target, sides.target_count)
        _resize(draft, service_id, sides.base, sides.others_count - _dead_but_ready(draft, service_id, sides))


def lacks_room(container: Container) -> bool:
    return container.state is ContainerState.PENDING and container.reason in (NO_ROOM, NO_GPU)


def is_serving(container: Container) -> bool:
    return container.state is ContainerState.READY and container.failures == 0


def _go_live(draft: Draft, rolling: Deployment) -> None:
    live = draft.in_state(DeploymentState.LIVE)
    if live is not None:
        draft.move_deployment(live.version, DeploymentState.SUPERSEDED, reason=f"superseded by v{rolling.version}")
    draft.move_deployment(rolling.version, DeploymentState.LIVE)
    for spec in rolling.services:  # as if a request had just come: people look at what they deployed
        service = draft.service_named(spec.name)
        draft.scale(needed(service, effective(rolling, spec), draft.now_ms, f"v{rolling.version} went live"))
    scale_down(draft)  # its windows hold from now on
    if draft.app.state is AppState.INITIALIZING:
        draft.move_app(AppState.DEPLOYED)


def _cut_drains(draft: Draft) -> None:
    """A recreate ends what is old at once, and that is also what still drains from before (semantics 1.1.8, 1.4.13)."""
    rolling = draft.in_state(DeploymentState.ROLLING)
    if rolling is None or rolling.strategy is not Strategy.RECREATE:
        return
    for container in list(draft.containers.values()):
        if container.state is ContainerState.DRAINING and container.version != rolling.version:
            draft.retire(container, _reason(draft))


def _is_up(draft: Draft, rolling: Deployment, spec: ServiceSpec) -> bool:
    """As many as the load needs now; those beyond the least for which there is no room are not waited for."""
    service = draft.service_named(spec.name)
    mine = [c for c in draft.of_service(service.service_id) if c.version == rolling.version]
    without_room = sum(map(lacks_room, mine))
    return sum(map(is_serving, mine)) >= max(least(spec), wanted(spec, max(1, service.count)) - without_room)


def _sides(draft: Draft, service_id: str, name: str) -> Sides:
    rolling, live = draft.in_state(DeploymentState.ROLLING), draft.in_state(DeploymentState.LIVE)
    count = draft.services[service_id].count
    recreate = rolling is not None and rolling.strategy is Strategy.RECREATE
    target = rolling or live
    base = live if rolling is not None and not recreate else None
    spec, base_spec = spec_of(target, name), spec_of(base, name)
    if target is None or spec is None:
        return Sides(None, base if base_spec else None, 0, wanted(base_spec, count))
    serving = sum(c.version == target.version and is_serving(c) for c in draft.of_service(service_id))
    want = wanted(spec, max(1, count) if rolling is not None else count)
    if recreate:
        return Sides(target, None, want, 0)
    owed = wanted(base_spec, count) if base_spec is not None else want
    if base_spec is not None:  # new ones that took the place of the live version's stay while that one is owed so many
        want = max(want, min(serving, owed))
    others = max(0, owed - serving)
    if rolling is None:  # what failed or was overtaken serves for the live version, but keeps no room from it
        others = max(0, others - sum(map(lacks_room, draft.of_service(service_id))))
    if spec.max_containers and rolling is not None:
        others = max(0, min(others, spec.max_containers - serving - 1))
        if base_spec is None:  # nobody fills up what is there of versions that were overtaken
            others = min(others, _ready_of_others(draft, service_id, target))
        want = max(0, min(want, spec.max_containers - others))
    return Sides(target, base if base_spec else None, want, others)


def _ready_of_others(draft: Draft, service_id: str, target: Deployment) -> int:
    others = (c for c in draft.of_service(service_id) if c.version != target.version)
    return sum(c.state is ContainerState.READY for c in others)


def _dead_but_ready(draft: Draft, service_id: str, sides: Sides) -> int:
    """Containers of versions that are neither target nor base, and that serve until somebody replaces them."""
    named = {d.version for d in (sides.target, sides.base) if d is not None}
    return sum(is_serving(c) and c.version not in named for c in draft.of_service(service_id))


def _retire_others(draft: Draft, service_id: str, sides: Sides) -> None:
    """Of neither side and no use, or more than may serve: newest of a dead version first, those of the base last."""
    target_version = sides.target.version if sides.target else 0
    base_version = sides.base.version if sides.base else 0
    others = [c for c in draft.of_service(service_id) if c.state in ACTIVE and c.version != target_version]
    for container in others:
        if container.version == base_version:
            continue
        if container.state is not ContainerState.READY:
            draft.retire(container, _reason(draft))
        elif sides.base and container.failures:  # one of the base takes its place
            draft.retire(container, f"does not answer; {_reason(draft)}", _grace_ms(draft, container))
    ready = [c for c in draft.of_service(service_id) if c.state is ContainerState.READY and c.version != target_version]
    ready.sort(key=lambda c: (is_serving(c), c.version == base_version, c.version, c.container_id))
    for container in ready[: max(0, len(ready) - sides.others_count)]:
        if container.version != base_version or not _stays(draft, container):
            draft.retire(container, _reason(draft), _grace_ms(draft, container))


def _reason(draft: Draft) -> str:
    target = draft.in_state(DeploymentState.ROLLING) or draft.in_state(DeploymentState.LIVE)
    return f"replaced by v{target.version}" if target else "the App was stopped"


def _grace_ms(draft: Draft, container: Container) -> int:
    rolling = draft.in_state(DeploymentState.ROLLING)
    if rolling is not None and rolling.strategy is Strategy.RECREATE:
        return 0
    return draft.spec(container).exit_grace_ms or GRACE_MS


def _resize(draft: Draft, service_id: str, deployment: Deployment | None, count: int) -> None:
    """Makes the active containers of this version `count`; of those too many, the least ready, busy and old go."""
    if deployment is None:
        return
    active = [c for c in draft.of_service(service_id) if c.state in ACTIVE and c.version == deployment.version]
    order = {ContainerState.PENDING: 0, ContainerState.STARTING: 1, ContainerState.READY: 2}
    busy = {each.container_id: each.in_flight for each in draft.services[service_id].load.busy}
    active.sort(key=lambda c: (order[c.state], is_serving(c), busy.get(c.container_id, 0), -c.created_at_ms, c.container_id))
    for container in active[: max(0, len(active) - count)]:
        if not _stays(draft, container):
            draft.retire(container, "no longer wanted", _grace_ms(draft, container))
    for _ in range(count - len(active)):
        draft.create(service_id, deployment.version)


def _stays(draft: Draft, container: Container) -> bool:
    """It has sessions, or may have: they end with it, so it is replaced, and never just given up (semantics 2.5.9).

    A rollout with a cap needs its room; one without any leaves it alone until the new version is live.
    """
    if container.state is not ContainerState.READY or not draft.spec(container).sessions_max:
        return False
    service, seen = draft.services[container.service_id], draft.seen
    target = spec_of(draft.in_state(DeploymentState.ROLLING), service.name)
    if target is not None and target.max_containers:
        return False
    busy = any(each.container_id == container.container_id for each in service.load.busy)
    return not is_known(seen, draft.now_ms) or (busy and service.load.seen_at_ms > seen.since_ms)
