"""What ends at a deadline: starts that never became ready, drains, containers that stopped answering."""

from __future__ import annotations

from dataclasses import replace

from . import failures, rollout
from .draft import Draft
from .model import Container
from .place import ROOM_WAIT_MS
from .states import AppState, ContainerState, DeploymentState

# More consecutive failed health checks than this, and the container is replaced (semantics 2.3.4).
FAILED_PROBES_MAX = 10


def expire(draft: Draft) -> None:
    for container in list(draft.containers.values()):
        due = bool(container.deadline_ms) and container.deadline_ms <= draft.now_ms
        if container.state is ContainerState.STARTING and due:
            _never_ready(draft, container)
        elif container.state is ContainerState.PENDING and due:
            _never_placed(draft, container)
        elif container.state is ContainerState.DRAINING and due:
            draft.move(container, ContainerState.STOPPING, reason=f"{container.reason}; its grace period was over")
        elif container.state is ContainerState.READY and container.failures > FAILED_PROBES_MAX:
            words = "failed its health checks: the port does not answer"
            failures.count(draft, container, words)
            draft.move(replace(container, failed=True), ContainerState.STOPPING, reason=words)


def stop_all(draft: Draft) -> None:
    """For an App that is stopping: everything ends now; when nothing is left, so does the App."""
    for container in list(draft.containers.values()):
        if container.state is ContainerState.DRAINING:
            draft.move(container, ContainerState.STOPPING, reason="the App was stopped")
        else:
            draft.retire(container, "the App was stopped")
    if not draft.containers:
        draft.move_app(AppState.STOPPED)


def _never_placed(draft: Draft, container: Container) -> None:
    deployment = draft.deployments[container.version]
    if deployment.state is DeploymentState.ROLLING and rollout.has_least(draft, container):
        draft.amend(replace(container, deadline_ms=draft.now_ms + ROOM_WAIT_MS))
        return
    draft.amend(replace(container, deadline_ms=0))
    if deployment.state is DeploymentState.ROLLING:
        name = draft.services[container.service_id].name
        rollout.fail(draft, deployment, f"Server {name}: its container could not be started, it {container.reason}")


def _never_ready(draft: Draft, container: Container) -> None:
    """Startup timeout (semantics 2.3.3): a rollout fails at once, a live version tries again later and later."""
    service, spec = draft.services[container.service_id], draft.spec(container)
    seconds = f"{spec.startup_timeout_ms / 1000:g}"
    reason = f"did not become ready within its startup_timeout of {seconds} s"
    seen = container.reason  # what it does instead, if that is known
    words = f"{reason}: {seen}" if seen else reason
    failures.count(draft, container)
    draft.move(replace(container, failed=True), ContainerState.STOPPING, reason=words)
    deployment = draft.deployments[container.version]
    if deployment.state is DeploymentState.ROLLING:
        likely = f": {seen}" if seen else "; make sure that it listens on 0.0.0.0, at the Server's port"
        rollout.fail(draft, deployment, f"Server {service.name}: its container {reason}{likely}", container.container_id)
