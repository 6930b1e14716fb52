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
    rollback_allowed: bool
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
    requests_cut: int


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
    requests_cut: int


class ServerInfo(TypedDict):
    server_name: str
    object_id: str
    app_id: str
    app_name: str
    url: str
    server_url: str
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
    image_id: str
    sessioned: bool
    cpu_limit: float | None
    memory_limit_mib: int | None
    gpus: list[str]
    ephemeral_disk_mib: int | None
    nonpreemptible: bool
    compute_regions: list[str]
    cloud: str | None
    autoscaling: dict[str, Any]
    volumes: list[dict[str, Any]]
    cloud_bucket_mounts: list[dict[str, Any]]
    secrets: list[dict[str, Any]]


class LogEntry(TypedDict):
    """One line. `source`: stdout, stderr or system; `function_id` of its Server, None for what is nobody's."""

    timestamp: str
    source: str
    container_id: str
    function_id: str | None
    server: str
    version: int
    text: str


class RequestInfo(TypedDict):
    """`status` is None for a client that left unanswered; `why` is what the router refused it for."""

    timestamp: str
    route: str
    container_id: str | None
    duration_seconds: float
    status: int | None
    method: str
    version: int | None
    bytes_up: int
    bytes_down: int
    protocol: str
    why: str | None
    phases: dict[str, float | None]


class ServerStats(TypedDict):
    object_id: str
    since: str
    until: str
    request_count: int
    request_count_by_status_code: dict[str, int]
    request_rate_per_second: float
    container_started_count: int
    container_error_count: int
    container_total_count: int
    container_creating_at_end_count: int
    request_percentile_stats: dict[str, dict[str, float | None]]
    container_percentile_stats: dict[str, Any]
    inference: None


class MetricsSchema(TypedDict):
    """`groups`: by name, its `series` (name, unit, description) and a `note`, mostly empty."""

    object_id: str
    groups: dict[str, dict[str, Any]]
    bucket_sizes: list[str]
    limits: dict[str, int]


class ServerMetrics(TypedDict):
    """`series`: name, unit and points, each a time and a number, or None where nothing was measured."""

    object_id: str
    group: str
    since: str
    until: str
    bucket_size: str
    series: list[dict[str, Any]]
    note: str


class AppStats(TypedDict):
    app_id: str
    since: str
    until: str
    lifecycle: Lifecycle
    functions: dict[str, Any]
    servers: dict[str, dict[str, Any]]
    sandboxes: dict[str, int]
    deployment_count: int


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
