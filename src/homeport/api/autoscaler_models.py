"""The shapes of requests and answers about autoscalers (docs/api.md)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class AutoscalerChanges(BaseModel):
    """What is not there stays as it is; null takes it away."""

    model_config = ConfigDict(extra="forbid")

    min_containers: int | None = None
    max_containers: int | None = None
    buffer_containers: int | None = None
    scaleup_window: int | None = None
    scaledown_window: int | None = None
    target_concurrency: float | None = None


class AutoscalerOverride(BaseModel):
    setting: str
    updated_at: str
    actor_name: str
    actor_id: str
    actor_type: str


class AutoscalerSettings(BaseModel):
    app_id: str
    server_name: str
    object_id: str
    current_settings: dict[str, float | int | None]
    default_settings: dict[str, float | int | None]
    static_settings: dict[str, float | int | None]
    override_settings: dict[str, float | int | None]
    override_events: list[AutoscalerOverride]


class AutoscalerIdle(BaseModel):
    at: str
    wanted: int


class AutoscalerExplanation(BaseModel):
    app_id: str
    server_name: str
    object_id: str
    wanted: int
    containers: dict[str, int]
    needed: int
    rule: str
    since: str | None
    in_flight: float | None
    retry_after_s: int
    when_idle: AutoscalerIdle | None
    lines: list[str]
