"""The shapes of the API's answers (docs/api.md), as types only: they are passed on as they came."""

from __future__ import annotations

from typing import Any, TypedDict


class ControlPlane(TypedDict):
    pid: int
    url: str


class RouterStatus(TypedDict):
    pid: int
    url: str
    http_port: int
    state: str


class SpawnerStatus(TypedDict):
    pid: int
    state: str
    backends: Any


class Status(TypedDict):
    version: str
    data_dir: str
    workspace: str
    domain: str
    started_at: str
    control_plane: ControlPlane
    router: RouterStatus
    spawner: SpawnerStatus
    apps: int
    containers: int


class AppSummary(TypedDict):
    app_id: str
    description: str
    state: str
    version: int | None
    tasks: str
    created_at: str
    stopped_at: str | None


class Lifecycle(TypedDict):
    state: str
    version: int | None
    created_at: str | None
    created_by: str | None
    deployed_at: str | None
    deployed_by: str | None
    stopped_at: str | None
    stopped_by: str | None


class ServerSummary(TypedDict):
    id: str
    summary: str
    url: str


class AppInfo(TypedDict):
    description: str
    app_id: str
    environment: str
    lifecycle: Lifecycle
    functions: dict[str, Any]
    servers: dict[str, ServerSummary]


class HistoryEntry(TypedDict):
    version: int
    time_deployed: str
    client: str
    deployed_by: str
    commit: dict[str, Any] | None
    tag: str
    type: str
    rollback_version: int | None
    outcome: str
    duration_ms: int | None
    reason: str


class PlanAgainst(TypedDict):
    version: int
    state: str
    since: str
    manifest_digest: str


class PlannedChange(TypedDict):
    path: str
    kind: str
    before: Any
    after: Any


class Plan(TypedDict):
    app_id: str | None
    app_name: str
    environment: str
    noop: bool
    manifest_digest: str
    against: PlanAgainst | None
    version: int
    changes: list[PlannedChange]


class AppCreated(TypedDict):
    app_id: str
    description: str
    environment: str
    created: bool


class AuditEntry(TypedDict):
    record: int
    time: str
    actor: str
    action: str
    app_id: str | None
    app_name: str | None
    environment: str | None
    version: int | None
    container_id: str | None
    subject: str | None
    hash: str


class AuditVerdict(TypedDict):
    ok: bool
    records: int
    problem: str | None


class EnvironmentInfo(TypedDict):
    name: str
    web_suffix: str
    apps: int
    restricted: bool
    default_role: str
    created_at: str
    created_by: str


class GarbageOfKind(TypedDict):
    kind: str
    count: int
    size_bytes: int


class Garbage(TypedDict):
    dry_run: bool
    kinds: list[GarbageOfKind]
    size_bytes: int
    apps_forgotten: int
    unreadable_manifests: list[str]


class Stopped(TypedDict):
    app_id: str
    containers_ended: int


class ContainerInfo(TypedDict):
    container_id: str
    app_id: str
    app_name: str
    server: str
    version: int
    state: str
    reason: str
    host: str
    port: int
    started_at: str | None
    exit_code: int | None


class ContainerStopped(TypedDict):
    container_id: str
    state: str


class ServerInfo(TypedDict):
    server_name: str
    object_id: str
    app_id: str
    app_name: str
    url: str
    port: int
    unauthenticated: bool
    h2_enabled: bool
    routing_region: str
    startup_timeout: float
    exit_grace_period: float
    cpu: Any
    memory_mib: Any
    version: int
    containers: int


class VolumeInfo(TypedDict):
    """`name` is None for one that lives as long as the program that made it."""

    volume_id: str
    name: str | None
    environment: str
    created_at: str
    created_by: str


class VolumeFile(TypedDict):
    """`type`: file, directory, symlink, fifo or socket; `mtime` in seconds since the epoch, `size` in bytes."""

    path: str
    type: str
    mtime: int
    size: int


class ImageNameInfo(TypedDict):
    name: str
    image_id: str
    published_at: str
    published_by: str
