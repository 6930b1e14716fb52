"""What it means for others that a container failed by itself: the next one waits, and a rollout has one try less."""

from __future__ import annotations

from dataclasses import replace

from .backoff import STABLE_MS, delay_ms
from .draft import Draft
from .model import Container
from .states import ContainerState, DeploymentState


def count(draft: Draft, container: Container, words: str = "") -> None:
    """One more in a row, unless it did well for long. `words`: what it did; none: its version is not to blame."""
    service = draft.services[container.service_id]
    well_until_ms = container.sick_since_ms or draft.now_ms
    stable = container.state is ContainerState.READY and well_until_ms - container.since_ms >= STABLE_MS
    failures = 1 if stable else service.failures + 1
    retry_at_ms = draft.now_ms + delay_ms(failures)
    draft.services[service.service_id] = replace(service, failures=failures, retry_at_ms=retry_at_ms)
    deployment = draft.deployments[container.version]
    if words and deployment.state is DeploymentState.ROLLING:
        draft.deployments[container.version] = replace(
            deployment,
            failures=deployment.failures + 1,
            reason=f"Server {service.name}: its container {words}",
            culprit=container.container_id,
        )
