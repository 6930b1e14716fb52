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
    failures: int = 0  # consecutive containers that ended by themselves before they were stable
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
    failures: int = 0  # containers of it that ended by themselves while it was rolling


@dataclass(frozen=True, slots=True)
class Container:
    container_id: str
    service_id: str
    version: int
    state: ContainerState
    created_at_ms: int
    since_ms: int  # when it came into its state, or when the engine accepted it in that state
    address: str = ""
    deadline_ms: int = 0  # of its state: startup timeout, end of the drain; 0 is none
    reason: str = ""  # why it waits, or why it ends
    failures: int = 0  # of consecutive health checks, as far as it is known
    failed: bool = False  # it ends because of what it did itself


@dataclass(frozen=True, slots=True)
class App:
    """`containers` holds those that have not ended; `deployments` the live one, the one that rolls, and those that a
    container still belongs to, oldest first. A stopped App keeps its last deployment, whose URLs then answer 404.
    """

    app_id: str
    environment: str
    name: str
    state: AppState
    created_at_ms: int
    version: int = 0  # the newest that was published, whatever became of it
    services: tuple[Service, ...] = ()
    deployments: tuple[Deployment, ...] = ()
    containers: tuple[Container, ...] = ()
    next_container: int = 1
    yielded: bool = False  # it is over, and another App has one of its URLs now: it answers for none of them any more
    wake_at_ms: int = 0  # the next deadline; 0 is none
    request_ids: tuple[str, ...] = ()  # of the last deployments that were published, oldest first


@dataclass(frozen=True, slots=True)
class Capacity:
    cpu_milli: int
    memory_mib: int


@dataclass(frozen=True, slots=True)
class World:
    """All Apps, stopped ones as long as nothing took their URLs over. `tag` makes the ids of two platforms differ."""

    tag: str
    apps: dict[str, App] = field(default_factory=dict)  # by app id, in order of creation
    next_app: int = 1
    capacity: Capacity | None = None  # None: not known yet, nothing is refused
