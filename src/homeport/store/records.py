"""The kinds of records that the control loop appends, and what each one says. Owns names and bodies; writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from ..ports import Record

DEPLOYMENT_PUBLISHED = "deployment.published"
DEPLOYMENT_SETTLED = "deployment.settled"
APP_STOP = "app.stop"
APP_STOPPED = "app.stopped"
APP_TAGS = "app.tags"
AUTOSCALER_UPDATE = "autoscaler.update"
SERVICE_SCALED = "service.scaled"
CONTAINER_CREATED = "container.created"
CONTAINER_STARTED = "container.started"
CONTAINER_READY = "container.ready"
CONTAINER_STOP = "container.stop"
CONTAINER_ENDED = "container.ended"
REQUESTS_CUT = "container.requests_cut"
ENVIRONMENT_CREATED = "environment.created"
ENVIRONMENT_UPDATED = "environment.updated"
ENVIRONMENT_DELETED = "environment.deleted"
SECRET_CREATED = "secret.created"
SECRET_UPDATED = "secret.updated"
SECRET_DELETED = "secret.deleted"
SECRET_KEY_ROTATED = "secret.key_rotated"
GARBAGE_COLLECTED = "garbage.collected"
VOLUME_CREATED = "volume.created"
VOLUME_RENAMED = "volume.renamed"
VOLUME_DELETED = "volume.deleted"


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


@dataclass(frozen=True, slots=True)
class ContainerEnded:
    """`reason` is in words. `failed`: by its own doing."""

    container_id: str
    reason: str
    exit_code: int | None = None
    detail: str = ""
    failed: bool = False

    def record(self) -> Record:
        return Record(CONTAINER_ENDED, asdict(self))


def requests_cut(container_id: str, count: int) -> Record:
    """So many requests in all ended with this container, though they were not over."""
    return Record(REQUESTS_CUT, {"container_id": container_id, "count": count})


def app_stop(app_id: str, actor: str) -> Record:
    """Somebody asked for the App to stop."""
    return Record(APP_STOP, {"app_id": app_id}, actor)


def app_stopped(app_id: str) -> Record:
    """Its last container ended."""
    return Record(APP_STOPPED, {"app_id": app_id})


def app_tags(app_id: str, tags: Mapping[str, str], code_tags: Mapping[str, str], actor: str) -> Record:
    """These are all tags of the App now; `code_tags` are those that its code gave it at that time."""
    return Record(APP_TAGS, {"app_id": app_id, "tags": dict(tags), "code_tags": dict(code_tags)}, actor)


def autoscaler_update(app_id: str, service: str, changes: Iterable[tuple[str, int]], actor: str) -> Record:
    """Settings of a Server are other ones until the next deployment; 0 is none."""
    return Record(AUTOSCALER_UPDATE, {"app_id": app_id, "service": service, "changes": dict(changes)}, actor)


def service_scaled(app_id: str, service: str, before: int, count: int, why: str) -> Record:
    """The load of a Server needs another number of containers, before minimum, maximum and buffer."""
    body: dict[str, object] = {"app_id": app_id, "service": service, "before": before, "count": count, "why": why}
    return Record(SERVICE_SCALED, body)


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


def environment_created(
    environment_id: str, name: str, web_suffix: str, actor: str, access: Mapping[str, object] | None = None
) -> Record:
    """`access`: `restricted` and `default_role`; without it nobody's role is bounded."""
    body: dict[str, object] = {"environment_id": environment_id, "name": name, "web_suffix": web_suffix}
    return Record(ENVIRONMENT_CREATED, body | dict(access or {}), actor)


def environment_updated(environment_id: str, old_name: str, now: Mapping[str, object], actor: str) -> Record:
    """`now`: its `name`, `web_suffix` and (as above) access. The stopped Apps in it go with the name."""
    return Record(ENVIRONMENT_UPDATED, {"environment_id": environment_id, "old_name": old_name, **now}, actor)


def environment_deleted(environment_id: str, name: str, actor: str) -> Record:
    return Record(ENVIRONMENT_DELETED, {"environment_id": environment_id, "name": name}, actor)


@dataclass(frozen=True, slots=True)
class AboutSecret:
    """What a record may say of a Secret: everything but its values. `name` is empty for one that was made from values."""

    secret_id: str
    environment: str
    name: str
    keys: tuple[str, ...]

    def record(self, kind: str, actor: str) -> Record:
        """`kind` is one of the `SECRET_…` above."""
        return Record(kind, {**asdict(self), "keys": list(self.keys)}, actor)


def secret_key_rotated(key_id: str, secrets: int, actor: str) -> Record:
    """`key_id` encrypts from now on; so many Secrets were encrypted anew."""
    return Record(SECRET_KEY_ROTATED, {"key_id": key_id, "secrets": secrets}, actor)


def garbage_collected(counts: dict[str, int], size_bytes: int, actor: str) -> Record:
    """How many things of each kind were removed, and how large they were together."""
    return Record(GARBAGE_COLLECTED, {"counts": dict(counts), "size_bytes": size_bytes}, actor)


def volume_created(volume_id: str, name: str, environment: str, actor: str) -> Record:
    """`name` is empty for one that lives as long as the program that made it."""
    return Record(VOLUME_CREATED, {"volume_id": volume_id, "name": name, "environment": environment}, actor)


def volume_renamed(volume_id: str, old_name: str, name: str, actor: str) -> Record:
    return Record(VOLUME_RENAMED, {"volume_id": volume_id, "old_name": old_name, "name": name}, actor)


def volume_deleted(volume_id: str, name: str, actor: str) -> Record:
    return Record(VOLUME_DELETED, {"volume_id": volume_id, "name": name}, actor)
