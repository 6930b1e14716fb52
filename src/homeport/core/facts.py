"""Everything that can be told to the core. Facts are values; whoever observes something puts one into the inbox.

Durable facts are in the journal before anybody is answered. Samples are not: losing one only delays a decision.
Any fact may come late, twice, out of order or never.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .model import Busy, Gpus, ServiceSpec, Strategy


class ExitReason(StrEnum):
    EXITED = "exited"  # ended by itself, exit_code tells how
    STOPPED = "stopped"  # ended because it was told to
    OOM = "oom"  # the kernel ended it for its memory limit
    START_FAILED = "start_failed"  # it never ran: no sandbox could be made (`detail` says which step)
    LOST = "lost"  # it is gone and nobody saw how


class DeployKind(StrEnum):
    """Semantics 1.5.8. Whatever the kind, a deployment rolls out by the same rules."""

    STANDARD = "standard"
    ROLLBACK = "rollback"  # an earlier version once more
    ROLLOVER = "rollover"  # the version that is there once more, with new containers


@dataclass(frozen=True, slots=True)
class DeployRequested:
    """A built manifest is published (one durable fact per deployment).

    A rollback or rollover is of a version of one App, which has to be deployed; it is never a no-op for being equal.
    """

    environment: str
    app_name: str
    manifest_digest: str
    services: tuple[ServiceSpec, ...]  # sorted by name
    strategy: Strategy
    request_id: str  # made by the client; the same id again is the same deploy
    kind: DeployKind = DeployKind.STANDARD
    app_id: str = ""  # of a rollback or rollover; a standard deployment goes by the name alone
    of_version: int = 0  # whose manifest this is, in a rollback or rollover


@dataclass(frozen=True, slots=True)
class AppStopRequested:
    app_id: str


@dataclass(frozen=True, slots=True)
class AppForgotten:
    """An App was stopped so long ago that its URLs need not answer for it any more. Others it does not concern."""

    app_id: str


@dataclass(frozen=True, slots=True)
class AutoscalerUpdated:
    """Somebody changed autoscaler settings of the version that runs, and of the one that rolls out if there is one.

    `changes` are pairs of a setting (one of `overrides.SETTINGS`) and its value; what is not mentioned stays.
    """

    app_id: str
    service: str  # the Server's name
    changes: tuple[tuple[str, int], ...]
    actor: str


@dataclass(frozen=True, slots=True)
class ContainerStopRequested:
    """A person asked for this one container to end; its Server replaces it."""

    container_id: str


@dataclass(frozen=True, slots=True)
class ContainerStarted:
    """The engine accepted the start; the container has an address and is booting."""

    container_id: str
    address: str


@dataclass(frozen=True, slots=True)
class ContainerReady:
    """Its port accepted a TCP connection (semantics 2.3.2)."""

    container_id: str


@dataclass(frozen=True, slots=True)
class ContainerExited:
    """Witnessed (or given up on, LOST). Terminal: a container id is never started twice."""

    container_id: str
    reason: ExitReason
    exit_code: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ContainerProbed:
    """Sample: one health check of a ready container (semantics 2.3.4)."""

    container_id: str
    healthy: bool


@dataclass(frozen=True, slots=True)
class ContainerUnreachable:
    """Sample: a container that starts listens somewhere else than it should (semantics 2.2.11); `why` says where."""

    container_id: str
    why: str


@dataclass(frozen=True, slots=True)
class ContainerDrained:
    """Sample: at `seen_at_ms` the router gave it no new requests, and this many were still in flight."""

    container_id: str
    in_flight: int
    seen_at_ms: int


@dataclass(frozen=True, slots=True)
class EngineListed:
    """Sample: every container the engine knew when it was asked at `asked_at_ms`.

    A container that the World believes in since before then and that is not listed is gone (LOST); one that is listed
    and that the World does not know is an orphan: it is stopped, then forgotten.
    """

    asked_at_ms: int
    running_ids: tuple[str, ...]
    ended_ids: tuple[str, ...] = ()  # ended, not forgotten yet


@dataclass(frozen=True, slots=True)
class CapacityKnown:
    """Sample: what the machine can promise to containers, sum of requests."""

    cpu_milli: int
    memory_mib: int
    gpus: tuple[Gpus, ...] = ()  # each model once


@dataclass(frozen=True, slots=True)
class ServiceLoad:
    """One service in a sample: requests in flight on average over its time, and where they are at its end."""

    app_id: str
    service_id: str
    in_flight_centi: int  # above 0 if there was any request
    busy: tuple[Busy, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadSampled:
    """Sample: all services that had a request between these times; whoever is not in it had none."""

    from_ms: int
    to_ms: int
    loads: tuple[ServiceLoad, ...] = ()


@dataclass(frozen=True, slots=True)
class DemandSeen:
    """Sample: at `at_ms` a request found no container of this service (semantics 2.2.3)."""

    app_id: str
    service_id: str
    at_ms: int


Durable = (
    DeployRequested
    | AppStopRequested
    | AppForgotten
    | AutoscalerUpdated
    | ContainerStopRequested
    | ContainerStarted
    | ContainerReady
    | ContainerExited
)
Sample = ContainerProbed | ContainerUnreachable | ContainerDrained | EngineListed | CapacityKnown | LoadSampled | DemandSeen
Fact = Durable | Sample

DURABLE: tuple[type, ...] = (
    DeployRequested,
    AppStopRequested,
    AppForgotten,
    AutoscalerUpdated,
    ContainerStopRequested,
    ContainerStarted,
    ContainerReady,
    ContainerExited,
)
