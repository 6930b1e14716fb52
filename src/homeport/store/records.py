"""The kinds of records that the control loop appends, and what each one says. Owns names and bodies; writes nothing."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ..ports import Record

DEPLOYMENT_PUBLISHED = "deployment.published"
DEPLOYMENT_SETTLED = "deployment.settled"
APP_STOP = "app.stop"
APP_STOPPED = "app.stopped"
CONTAINER_CREATED = "container.created"
CONTAINER_STARTED = "container.started"
CONTAINER_READY = "container.ready"
CONTAINER_STOP = "container.stop"
CONTAINER_ENDED = "container.ended"


@dataclass(frozen=True, slots=True)
class Published:
    """A new version of an App. `created`: it is the App's first one; `type` as in semantics 1.5.8, lower case.

    `rollback_version`: the version that a rollback or rollover repeats.
    """

    app_id: str
    app_name: str
    environment: str
    version: int
    manifest_digest: str
    created: bool
    tag: str = ""
    client_version: str = ""
    commit: dict[str, object] | None = None
    type: str = "standard"
    rollback_version: int | None = None

    def record(self, actor: str) -> Record:
        return Record(DEPLOYMENT_PUBLISHED, asdict(self), actor)


@dataclass(frozen=True, slots=True)
class Settled:
    """A version reached `outcome` (live, superseded or failed) at `at_ms`; `reason` in words, or empty."""

    app_id: str
    version: int
    outcome: str
    at_ms: int
    reason: str = ""

    def record(self) -> Record:
        return Record(DEPLOYMENT_SETTLED, asdict(self))


def app_stop(app_id: str, actor: str) -> Record:
    """Somebody asked for the App to stop."""
    return Record(APP_STOP, {"app_id": app_id}, actor)


def app_stopped(app_id: str) -> Record:
    """Its last container ended."""
    return Record(APP_STOPPED, {"app_id": app_id})


def container_created(container_id: str, app_id: str, service: str, version: int) -> Record:
    """A container is wanted. `service` is the Server's name."""
    body: dict[str, object] = {"container_id": container_id, "app_id": app_id, "service": service, "version": version}
    return Record(CONTAINER_CREATED, body)


def container_started(container_id: str, address: str) -> Record:
    return Record(CONTAINER_STARTED, {"container_id": container_id, "address": address})


def container_ready(container_id: str) -> Record:
    return Record(CONTAINER_READY, {"container_id": container_id})


def container_stop(container_id: str, actor: str) -> Record:
    """A person asked for this one container to end."""
    return Record(CONTAINER_STOP, {"container_id": container_id}, actor)


def container_ended(container_id: str, reason: str, exit_code: int | None = None, detail: str = "") -> Record:
    """`reason` is a `core.facts.ExitReason`, or words of the core for one that never ran."""
    body: dict[str, object] = {"container_id": container_id, "reason": reason, "exit_code": exit_code, "detail": detail}
    return Record(CONTAINER_ENDED, body)
