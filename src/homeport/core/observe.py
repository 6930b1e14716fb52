"""One small function per fact: what is known changes, nothing is decided here that `reconcile` could decide.

Every fact may come late, twice or out of order: whoever cannot place one ignores it, because the next `EngineListed`
repairs what it should have told.
"""

from __future__ import annotations

from dataclasses import replace

from . import failures, scale
from .draft import Draft
from .events import AutoscalerChanged, DeploymentMoved
from .facts import (
    AppForgotten,
    AppStopRequested,
    AutoscalerUpdated,
    ContainerDrained,
    ContainerExited,
    ContainerProbed,
    ContainerReady,
    ContainerStarted,
    ContainerStopRequested,
    ContainerUnreachable,
    DemandSeen,
    DeployRequested,
    EngineListed,
    ExitReason,
    ServiceLoad,
)
from .model import Container, Deployment, Load, Override
from .overrides import added, spec_of
from .states import AppState, ContainerState, DeploymentState

AppFact = AppStopRequested | AppForgotten | AutoscalerUpdated | DemandSeen
ContainerFact = (
    ContainerStopRequested
    | ContainerStarted
    | ContainerReady
    | ContainerExited
    | ContainerProbed
    | ContainerUnreachable
    | ContainerDrained
)

# An unready container is given this long to be accepted by the engine, on top of its startup timeout.
ACCEPT_MS = 60_000
DEMAND_AGE_MS_MAX = 30_000
# A client that did not hear the answer asks again, with the same id. So many are known again, whatever came after them.
REQUESTS_KEPT = 16


def published(draft: Draft, fact: DeployRequested) -> None:
    """The next version (semantics 1.1.3). A rollout that is under way is superseded by it."""
    rolling = draft.in_state(DeploymentState.ROLLING)
    version = draft.app.version + 1
    if rolling is not None:
        draft.move_deployment(rolling.version, DeploymentState.SUPERSEDED, reason=f"superseded by v{version}")
    deployment = Deployment(
        version=version,
        manifest_digest=fact.manifest_digest,
        services=fact.services,
        strategy=fact.strategy,
        state=DeploymentState.ROLLING,
        request_id=fact.request_id,
        published_at_ms=draft.now_ms,
    )
    request_ids = (*draft.app.request_ids, fact.request_id)[-REQUESTS_KEPT:]
    draft.app = replace(draft.app, version=version, request_ids=request_ids)
    draft.deployments[version] = deployment
    draft.events.append(DeploymentMoved(draft.app.app_id, deployment, created=version == 1))
    live = draft.in_state(DeploymentState.LIVE)
    for spec in fact.services:
        service = draft.service_named(spec.name)
        if spec_of(live, spec.name) is None:  # what it needed long ago says nothing about now
            draft.services[service.service_id] = replace(service, count=0, load=Load(), scaled_at_ms=0, why="")
    for service in list(draft.services.values()):
        draft.services[service.service_id] = replace(service, failures=0, retry_at_ms=0)


def of_app(draft: Draft, fact: AppFact) -> None:
    """Whatever it is, to whom it concerns."""
    match fact:
        case AppStopRequested():
            stop_requested(draft)
        case AppForgotten():
            forgotten(draft)
        case AutoscalerUpdated():
            autoscaler_updated(draft, fact)
        case DemandSeen():
            demanded(draft, fact)


def stop_requested(draft: Draft) -> None:
    """No way back from here (semantics 1.8.1). Asked twice it is the same."""
    if draft.app.state in (AppState.STOPPING, AppState.STOPPED):
        return
    draft.keep_last()
    draft.move_app(AppState.STOPPING)
    for deployment in list(draft.deployments.values()):
        if deployment.state in (DeploymentState.ROLLING, DeploymentState.LIVE):
            draft.move_deployment(deployment.version, DeploymentState.SUPERSEDED, reason="the App was stopped")


def forgotten(draft: Draft) -> None:
    """As if another App had taken its URLs over. One that is not stopped is remembered for what it runs."""
    if draft.app.state is AppState.STOPPED:
        draft.app = replace(draft.app, yielded=True)


def autoscaler_updated(draft: Draft, fact: AutoscalerUpdated) -> None:
    """For every version that has this service and is current; the next deployment begins without (semantics 1.1.14)."""
    new = [Override(fact.service, name, value, draft.now_ms, fact.actor) for name, value in fact.changes]
    for deployment in (draft.in_state(DeploymentState.LIVE), draft.in_state(DeploymentState.ROLLING)):
        if deployment is not None and any(spec.name == fact.service for spec in deployment.services):
            overrides = added(deployment.overrides, new)
            draft.deployments[deployment.version] = replace(deployment, overrides=overrides)
            changed = AutoscalerChanged(draft.app.app_id, fact.service, fact.changes, fact.actor)
            if changed not in draft.events:
                draft.events.append(changed)


def loaded(draft: Draft, fact: ServiceLoad) -> bool:
    """A sample of one service that had requests. True: a container of it lost its last session, and need not stay."""
    service, spec = draft.services.get(fact.service_id), draft.current_spec(fact.service_id)
    if service is None or spec is None:
        return False
    load = Load(fact.in_flight_centi, draft.seen.until_ms, fact.busy)
    draft.scale(scale.loaded(service, spec, load, draft.now_ms))
    return bool(spec.sessions_max) and not {b.container_id for b in service.load.busy} <= {b.container_id for b in fact.busy}


def demanded(draft: Draft, fact: DemandSeen) -> None:
    """A request found no container. One that is told too late is no demand any more: its sender has asked again."""
    service, spec = draft.services.get(fact.service_id), draft.current_spec(fact.service_id)
    if service is not None and spec is not None and draft.now_ms - fact.at_ms <= DEMAND_AGE_MS_MAX:
        draft.scale(scale.needed(service, spec, draft.now_ms, "a request found no container"))


def of_container(draft: Draft, fact: ContainerFact) -> None:
    """Whatever it is, to whom it concerns."""
    match fact:
        case ContainerStopRequested():
            container_stop_requested(draft, fact)
        case ContainerStarted():
            started(draft, fact)
        case ContainerReady():
            ready(draft, fact)
        case ContainerExited():
            exited(draft, fact)
        case ContainerProbed():
            probed(draft, fact)
        case ContainerUnreachable():
            unreachable(draft, fact)
        case ContainerDrained():
            drained(draft, fact)


def container_stop_requested(draft: Draft, fact: ContainerStopRequested) -> None:
    """One that drains is on its way already, and its requests keep their time."""
    container = draft.containers.get(fact.container_id)
    if container is not None and container.state is not ContainerState.DRAINING:
        draft.retire(container, "stopped by a person", draft.spec(container).exit_grace_ms)


def started(draft: Draft, fact: ContainerStarted) -> None:
    """It has an address; from now on its startup timeout counts, and the engine lists it."""
    container = draft.containers.get(fact.container_id)
    if container is None or container.address == fact.address:
        return
    deadline_ms, since_ms = container.deadline_ms, container.since_ms if container.address else draft.now_ms
    if container.state is ContainerState.STARTING:
        deadline_ms = draft.now_ms + draft.spec(container).startup_timeout_ms
    draft.amend(replace(container, address=fact.address, deadline_ms=deadline_ms, since_ms=since_ms), tell=True)


def ready(draft: Draft, fact: ContainerReady) -> None:
    container = draft.containers.get(fact.container_id)
    if container is not None and container.state is ContainerState.STARTING and container.address:
        draft.move(container, ContainerState.READY)
        service = draft.services[container.service_id]
        draft.services[container.service_id] = scale.timed(service, draft.now_ms - container.placed_at_ms)


def probed(draft: Draft, fact: ContainerProbed) -> None:
    container = draft.containers.get(fact.container_id)
    if container is not None and container.state is ContainerState.READY:
        failed = 0 if fact.healthy else container.failures + 1
        sick_since_ms = (container.sick_since_ms or draft.now_ms) if failed else 0
        draft.amend(replace(container, failures=failed, sick_since_ms=sick_since_ms))


def unreachable(draft: Draft, fact: ContainerUnreachable) -> None:
    """Shown while it starts, and said again if it never gets ready."""
    container = draft.containers.get(fact.container_id)
    if container is not None and container.state is ContainerState.STARTING:
        draft.amend(replace(container, reason=fact.why), tell=container.reason != fact.why)


def drained(draft: Draft, fact: ContainerDrained) -> None:
    """What was seen before this drain began says nothing: it may have served since."""
    container = draft.containers.get(fact.container_id)
    if container is None or container.state is not ContainerState.DRAINING or fact.seen_at_ms < container.since_ms:
        return
    if fact.in_flight == 0:
        draft.move(container, ContainerState.STOPPING, reason=container.reason)


def exited(draft: Draft, fact: ContainerExited) -> None:
    """It is over. If nobody asked for that, its service waits a little longer each time before the next one."""
    container = draft.containers.get(fact.container_id)
    if container is None:
        return
    if container.state is ContainerState.PENDING:
        return  # it was never asked for: the fact is about something else
    unasked = container.state in (ContainerState.STARTING, ContainerState.READY)
    if unasked and fact.reason is not ExitReason.STOPPED:
        # a machine that went away says nothing about the version
        failures.count(draft, container, _words(container, fact) if fact.reason is not ExitReason.LOST else "")
        container = replace(container, failed=True)
    draft.end(container, _words(container, fact), fact.exit_code, fact.detail)


def listed(draft: Draft, fact: EngineListed) -> None:
    """Whoever the engine should know and does not is gone."""
    known = frozenset(fact.running_ids) | frozenset(fact.ended_ids)
    for container in list(draft.containers.values()):
        accepted = container.address != "" or container.state is ContainerState.STOPPING
        # who was told to stop before it was accepted may still be on its way
        listed_from_ms = container.since_ms + (0 if container.address else ACCEPT_MS)
        if accepted and container.container_id not in known and listed_from_ms < fact.asked_at_ms:
            exited(draft, ContainerExited(container.container_id, ExitReason.LOST))


def _words(container: Container, fact: ContainerExited) -> str:
    if container.state is ContainerState.STOPPING:
        return container.reason or "stopped"
    detail = f": {fact.detail}" if fact.detail else ""
    if fact.reason is ExitReason.OOM:
        return "ran out of memory and was ended by the kernel; raise memory= or its limit"
    if fact.reason is ExitReason.START_FAILED:
        return f"could not be started{detail}"
    if fact.reason is ExitReason.LOST:
        return "is gone, and nobody saw how"
    when = " before its port was open" if container.state is ContainerState.STARTING else ""
    code = "" if fact.exit_code is None else f" with exit code {fact.exit_code}"
    return f"ended{code}{when}{detail}"
