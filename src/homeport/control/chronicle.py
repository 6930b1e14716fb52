"""From what was asked and what a step changed to the lines of the journal. Pure; owns who is named as the actor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..core.events import AppMoved, AutoscalerChanged, ContainerMoved, DeploymentMoved, Event, Scaled
from ..core.facts import AppStopRequested, ContainerStopRequested, DeployRequested, Fact
from ..core.states import AppState, ContainerState, DeploymentState
from ..ports import Record
from ..store import records


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asked for a deployment, and what the history shall say of it besides its manifest (semantics 1.5)."""

    actor: str = ""
    tag: str = ""
    client_version: str = ""
    commit: dict[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """A fact on its way into the kernel."""

    fact: Fact
    origin: Origin = field(default_factory=Origin)


def chronicle(inputs: Sequence[Input], events: Iterable[Event], now_ms: int) -> list[Record]:
    """The records of one step, in the order in which things happened."""
    asked = {i.fact.request_id: i for i in inputs if isinstance(i.fact, DeployRequested)}
    wishes = [(i.fact, i.origin.actor) for i in inputs]
    lines = [records.container_stop(f.container_id, who) for f, who in wishes if isinstance(f, ContainerStopRequested)]
    stoppers = {i.fact.app_id: i.origin.actor for i in inputs if isinstance(i.fact, AppStopRequested)}
    for event in events:
        match event:
            case DeploymentMoved():
                lines.append(_deployment(event, asked, now_ms))
            case ContainerMoved():
                lines += _container(event)
            case AppMoved(app_id, _, _, AppState.STOPPING):
                lines.append(records.app_stop(app_id, stoppers.get(app_id, "")))
            case AppMoved(app_id, _, _, AppState.STOPPED):
                lines.append(records.app_stopped(app_id))
            case Scaled(app_id, service, before, count, why):
                lines.append(records.service_scaled(app_id, service, before, count, why))
            case AutoscalerChanged(app_id, service, changes, actor):
                lines.append(records.autoscaler_update(app_id, service, changes, actor))
            case _:
                pass
    return lines


def _deployment(event: DeploymentMoved, asked: dict[str, Input], now_ms: int) -> Record:
    deployment = event.deployment
    if deployment.state is not DeploymentState.ROLLING:
        return records.Settled(event.app_id, deployment.version, deployment.state.value, now_ms, deployment.reason).record()
    given = asked[deployment.request_id]
    fact, origin = given.fact, given.origin
    assert isinstance(fact, DeployRequested), fact
    return records.Published(
        app_id=event.app_id,
        app_name=fact.app_name,
        environment=fact.environment,
        version=deployment.version,
        manifest_digest=deployment.manifest_digest,
        created=event.created,
        tag=origin.tag,
        client_version=origin.client_version,
        commit=origin.commit,
        type=fact.kind.value,
        rollback_version=fact.of_version or None,
    ).record(origin.actor)


def _container(event: ContainerMoved) -> list[Record]:
    container = event.container
    match container.state:
        case ContainerState.PENDING if not container.reason:
            return [records.container_created(container.container_id, event.app_id, event.service, container.version)]
        case ContainerState.STARTING if container.address:
            return [records.container_started(container.container_id, container.address)]
        case ContainerState.READY:
            return [records.container_ready(container.container_id)]
        case ContainerState.ENDED:
            return [_ended(event)]
        case _:
            return []


def _ended(event: ContainerMoved) -> Record:
    container = event.container
    return records.ContainerEnded(
        container_id=container.container_id,
        reason=container.reason,
        exit_code=event.exit_code,
        detail=event.detail,
        failed=container.failed,
    ).record()
