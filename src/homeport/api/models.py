"""The shapes of requests and answers (docs/api.md). Owns fields and their types; what is in a manifest is for its codec.

Answers may hold more than is listed here: a client ignores what it doesn't know.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

DIGESTS_MAX = 200_000
TREES_MAX = 1000
TAGS_MAX = 100


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class BlobsMissingRequest(_Request):
    digests: list[str] = Field(max_length=DIGESTS_MAX)


class DeploymentRequest(_Request):
    manifest: dict[str, Any]
    request_id: str = Field(min_length=1, max_length=128)
    strategy: str = Field("rolling", json_schema_extra={"enum": ["rolling", "recreate"]})
    environment: str = "main"
    tag: str = ""
    client_version: str = Field("", max_length=100)
    commit: dict[str, str | bool | int | None] | None = None


class RolloverRequest(_Request):
    request_id: str = Field(min_length=1, max_length=128)
    strategy: str = Field("rolling", json_schema_extra={"enum": ["rolling", "recreate"]})


class RollbackRequest(RolloverRequest):
    version: int | None = None


class PlanRequest(_Request):
    manifest: dict[str, Any]
    environment: str = "main"
    trees: list[str] = Field(default_factory=list, max_length=TREES_MAX)


class AppRequest(_Request):
    name: str
    request_id: str = Field(min_length=1, max_length=128)
    environment: str = "main"
    client_version: str = Field("", max_length=100)


class TagsRequest(_Request):
    tags: dict[str, str] = Field(max_length=TAGS_MAX)


class ImageBuildRequest(_Request):
    recipe: dict[str, Any]
    name: str | None = Field(None, max_length=256, description="NAME or NAME:TAG that means this image from then on.")


class ExecRequest(_Request):
    argv: list[str] = Field(min_length=1)
    stdin: str | None = Field(None, json_schema_extra={"contentEncoding": "base64"})


class _Answer(BaseModel):
    model_config = ConfigDict(extra="allow")


class ProblemBody(_Answer):
    code: str
    message: str
    image_id: str | None = Field(None, description="Of a build that failed (code image_build)")


class Problem(_Answer):
    error: ProblemBody


class Health(_Answer):
    ok: bool
    version: str


class ControlPlane(_Answer):
    pid: int
    url: str


class RouterStatus(_Answer):
    pid: int | None
    url: str
    http_port: int
    state: str


class SpawnerStatus(_Answer):
    pid: int | None
    state: str
    backends: Any


class Status(_Answer):
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


class BlobsMissing(_Answer):
    missing: list[str]


class BlobArrived(_Answer):
    offset: int
    complete: bool


class AppSummary(_Answer):
    app_id: str
    description: str
    state: str
    version: int | None
    tasks: str
    created_at: str
    stopped_at: str | None


class Apps(_Answer):
    apps: list[AppSummary]


class Lifecycle(_Answer):
    state: str
    version: int | None
    created_at: str | None
    created_by: str | None
    deployed_at: str | None
    deployed_by: str | None
    stopped_at: str | None
    stopped_by: str | None


class ServerSummary(_Answer):
    id: str
    summary: str
    url: str


class AppInfo(_Answer):
    description: str
    app_id: str
    environment: str
    lifecycle: Lifecycle
    functions: dict[str, Any]
    servers: dict[str, ServerSummary]


class HistoryEntry(_Answer):
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
    reason: str | None


class History(_Answer):
    history: list[HistoryEntry]


class AppStopped(_Answer):
    app_id: str
    containers_ended: int
    requests_cut: int


class ContainerSummary(_Answer):
    container_id: str
    app_id: str
    app_name: str
    server: str
    version: int
    state: str
    reason: str | None
    host: str | None
    port: int | None
    started_at: str | None
    exit_code: int | None


class Containers(_Answer):
    containers: list[ContainerSummary]


class ContainerStopped(_Answer):
    container_id: str
    state: str
    requests_cut: int


class ServerInfo(_Answer):
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
    autoscaling: dict[str, Any]
    volumes: list[dict[str, Any]]
    secrets: list[dict[str, Any]]


class PlanAgainst(_Answer):
    version: int
    state: str
    since: str
    manifest_digest: str


class PlannedChange(_Answer):
    path: str
    kind: str
    before: Any
    after: Any


class Plan(_Answer):
    app_id: str | None
    app_name: str
    environment: str
    noop: bool
    manifest_digest: str
    against: PlanAgainst | None
    version: int
    changes: list[PlannedChange]


class AppCreated(_Answer):
    app_id: str
    description: str
    environment: str
    created: bool


class Tags(_Answer):
    tags: dict[str, str]


class AuditEntry(_Answer):
    record: int
    time: str
    actor: str
    action: str
    app_id: str | None
    app_name: str | None
    environment: str | None
    version: int | None
    container_id: str | None
    object: str | None
    hash: str


class AuditLog(_Answer):
    audit: list[AuditEntry]


class AuditVerdict(_Answer):
    ok: bool
    records: int
    problem: str | None


class EnvironmentRequest(_Request):
    name: str
    web_suffix: str | None = None
    restricted: bool = False
    default_role: str | None = None


class EnvironmentUpdate(_Request):
    name: str | None = None
    web_suffix: str | None = None
    restricted: bool | None = None
    default_role: str | None = None


class EnvironmentInfo(_Answer):
    name: str
    web_suffix: str
    apps: int
    restricted: bool
    default_role: str
    created_at: str
    created_by: str


class Environments(_Answer):
    environments: list[EnvironmentInfo]


class EnvironmentDeleted(_Answer):
    name: str


class GarbageOfKind(_Answer):
    kind: str
    count: int
    size_bytes: int


class Garbage(_Answer):
    dry_run: bool
    kinds: list[GarbageOfKind]
    size_bytes: int
    apps_forgotten: int
    unreadable_manifests: list[str]


class ImageName(_Answer):
    name: str
    image_id: str
    published_at: str
    published_by: str


class ImageNames(_Answer):
    names: list[ImageName]


class DeploymentCancelled(_Answer):
    request_id: str
    cancelled: bool
