"""The World: everything that decisions need, and nothing else. Frozen values; a change is a new value.

One `App` is one aggregate: it is persisted, routed and reconciled as a whole, and never looks at another App.
Samples (health, in-flight) are kept beside the Apps because losing them is harmless; Apps are durable.
Times are milliseconds since the epoch, given from outside.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from .states import AppState, ContainerState, DeploymentState


class Strategy(StrEnum):
    ROLLING = "rolling"
    RECREATE = "recreate"


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """What the core needs to know of a Server; the rest stays in the manifest."""

    name: str
    host: str  # of its URL, without port
    authenticated: bool = True
    h2: bool = False
    max_concurrency: int = 0
    min_containers: int = 0
    max_containers: int = 0  # 0: no limit
    cpu_milli: int = 125
    memory_mib: int = 128
    startup_timeout_ms: int = 30_000
    exit_grace_ms: int = 0


@dataclass(frozen=True, slots=True)
class Service:
    """A Server as a lasting object: its id survives redeployments (semantics 1.1.12)."""

    service_id: str
    name: str
    failures: int = 0  # consecutive containers that never became ready, or died young
    retry_at_ms: int = 0  # not before this may the next one start


@dataclass(frozen=True, slots=True)
class Deployment:
    """One version of an App."""

    version: int
    manifest_digest: str
    services: tuple[ServiceSpec, ...]
    strategy: Strategy
    state: DeploymentState
    request_id: str
    published_at_ms: int
    settled_at_ms: int = 0  # when it became live or failed
    reason: str = ""  # why it failed, in words
    culprit: str = ""  # the container whose log tells more


@dataclass(frozen=True, slots=True)
class Container:
    container_id: str
    service_id: str
    version: int
    state: ContainerState
    created_at_ms: int
    since_ms: int  # when it came into its state
    address: str = ""
    was_ready: bool = False
    deadline_ms: int = 0  # of its state: startup timeout, end of the drain; 0 is none
    reason: str = ""  # why it waits, or why it ends
    failures: int = 0  # of consecutive health checks, as far as it is known


@dataclass(frozen=True, slots=True)
class App:
    """`deployments` holds the live one and the one that rolls, `containers` those that have not ended."""

    app_id: str
    environment: str
    name: str
    state: AppState
    created_at_ms: int
    version: int = 0  # the newest that was published, whatever became of it
    services: tuple[Service, ...] = ()
    deployments: tuple[Deployment, ...] = ()
    containers: tuple[Container, ...] = ()
    stopped_at_ms: int = 0
    wake_at_ms: int = 0  # the next deadline; 0 is none


@dataclass(frozen=True, slots=True)
class Capacity:
    cpu_milli: int
    memory_mib: int


@dataclass(frozen=True, slots=True)
class World:
    """All Apps that are not over yet. `tag` makes the ids of two platforms differ."""

    tag: str
    apps: dict[str, App] = field(default_factory=dict)  # by app id, in order of creation
    next_id: int = 1
    capacity: Capacity | None = None  # None: not known yet, nothing is refused
