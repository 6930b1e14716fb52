"""The shapes of answers about requests (docs/api.md)."""

from __future__ import annotations

from typing import Any

from .models import Lifecycle, _Answer


class Phases(_Answer):
    """Parts of `duration_seconds`; null where the request did not get that far."""

    receive_seconds: float | None
    queue_seconds: float | None
    connect_seconds: float | None
    response_seconds: float | None


class Request(_Answer):
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
    phases: Phases


class Requests(_Answer):
    requests: list[Request]
    next: str | None
    dropped: int


class ServerStats(_Answer):
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


class MetricsSchema(_Answer):
    object_id: str
    groups: dict[str, dict[str, Any]]
    bucket_sizes: list[str]
    limits: dict[str, int]


class ServerMetrics(_Answer):
    object_id: str
    group: str
    since: str
    until: str
    bucket_size: str
    series: list[dict[str, Any]]
    note: str


class ServerSummary(_Answer):
    id: str
    requests: int
    failed: int
    containers: int
    errors: int


class AppStats(_Answer):
    app_id: str
    since: str
    until: str
    lifecycle: Lifecycle
    functions: dict[str, Any]
    servers: dict[str, ServerSummary]
    sandboxes: dict[str, int]
    deployment_count: int
