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
class Gpus:
    """So many GPUs of one model. Which ones they are is known where containers are started."""

    model: str
    count: int


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """What the core needs to know of a Server; the rest stays in the manifest."""

    name: str
    host: str  # of its URL, without port
    authenticated: bool = True
    h2: bool = False
    max_concurrency: int = 0
    sessions_max: int = 0  # per container; 0: it is no sessioned Server
    min_containers: int = 0
    max_containers: int = 0  # 0: no limit
    buffer_containers: int = 0  # idle ones beside those that work, while any works
    target_concurrency_centi: int = 0  # hundredths of a request per container; 0: load does not scale it
    scaleup_window_s: int = 0  # so long the load has to last before containers are added; 0: none
    scaledown_window_s: int = 60
    cpu_milli: int = 125
    memory_mib: int = 128
    startup_timeout_ms: int = 30_000
    exit_grace_ms: int = 0
    gpus: tuple[Gpus, ...] = ()  # one of these, the first that is free; none: it needs no GPU


@dataclass(frozen=True, slots=True)
class Peak:
    """So many containers were needed until then."""

    at_ms: int
    count: int


@dataclass(frozen=True, slots=True)
class Busy:
    """Requests in flight in one container, at the end of a sample."""

    container_id: str
    in_flight: int


@dataclass(frozen=True, slots=True)
class Load:
    """What samples said of one service. Not written down: it comes again by itself."""

    in_flight_centi: int = 0  # on average over the last sample that had any
    seen_at_ms: int = 0  # the end of that sample
    busy: tuple[Busy, ...] = ()
    peaks: tuple[Peak, ...] = ()  # later ones are lower
    rising_since_ms: int = 0  # since then it needed more than it has without a pause; 0: it doesn't
    rising_count: int = 0  # the fewest that it needed since then


@dataclass(frozen=True, slots=True)
class LoadSeen:
    """The loads of all services are known from `since_ms` to `until_ms` without a gap; 0: never seen."""

    since_ms: int = 0
    until_ms: int = 0


@dataclass(frozen=True, slots=True)
class Service:
    """A Server as a lasting object: its id survives redeployments (semantics 1.1.12)."""

    service_id: str
    name: str
    failures: int = 0  # consecutive containers that ended by themselves before they were stable
    retry_at_ms: int = 0  # not before this may the next one start
    count: int = 1  # containers that its load needs, before minimum, maximum and buffer; 0: it is idle
    scaled_at_ms: int = 0  # when that was decided; 0: with its first deployment
    why: str = ""  # in words
    starts_ms: tuple[int, ...] = ()  # how long its last containers took to get ready, oldest first
    load: Load = Load()


@dataclass(frozen=True, slots=True)
class Override:
    """An autoscaler setting that somebody changed while its version runs (semantics 7.8). It goes with that version."""

    service: str  # the Server's name
    setting: str  # one of `overrides.SETTINGS`
    value: int  # 0 is none, as in `ServiceSpec`
    at_ms: int
    actor: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """One version of an App. `services` is what was published; what holds now is `overrides.effective`."""

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
    overrides: tuple[Override, ...] = ()  # sorted by service and setting


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
    sick_since_ms: int = 0  # the first of these; 0: none
    placed_at_ms: int = 0  # when there was room for it
    failed: bool = False  # it ends because of what it did itself
    gpus: Gpus | None = None  # its own until it ended; given when there was room for it


@dataclass(frozen=True, slots=True)
class App:
    """`containers` holds those that have not ended; `deployments` the live one, the one that rolls, and those that a
    container still belongs to, oldest first. A stopped App keeps those of `last`.
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
    last: tuple[int, ...] = ()  # versions that were current when it was stopped: their URLs say that it is
    yielded: bool = False  # it is over, and another App has one of its URLs now: it answers for none of them any more
    wake_at_ms: int = 0  # the next deadline; 0 is none
    request_ids: tuple[str, ...] = ()  # of the last deployments that were published, oldest first


@dataclass(frozen=True, slots=True)
class Capacity:
    cpu_milli: int
    memory_mib: int
    gpus: tuple[Gpus, ...] = ()  # each model once


@dataclass(frozen=True, slots=True)
class World:
    """All Apps, stopped ones as long as nothing took their URLs over. `tag` makes the ids of two platforms differ."""

    tag: str
    apps: dict[str, App] = field(default_factory=dict)  # by app id, in order of creation
    next_app: int = 1
    load_seen: LoadSeen = LoadSeen()
    capacity: Capacity | None = None  # None: not known yet, nothing is refused
