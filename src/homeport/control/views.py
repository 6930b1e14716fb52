"""From the World and the history to the JSON that people are shown (docs/api.md). Pure; asks nobody anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from ..core.model import App, Container, Deployment, Service
from ..core.states import ContainerState, DeploymentState
from ..manifest.schema import AppManifest, ServerSpec
from ..settings import Settings
from ..store.history import AppRow, ContainerRow, DeploymentRow

Json = dict[str, object]


def iso(at_ms: int | None) -> str | None:
    """UTC, to the millisecond; None for a time that did not come."""
    if not at_ms:
        return None
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def already_stopped(row: AppRow) -> str:
    """Semantics 1.8.4. Nobody is named when nobody asked for it: its first version failed."""
    by = f" by {row.stopped_by!r}" if row.stopped_by else ""
    return f"App is already stopped. (Stopped at {iso(row.stopped_at_ms)}{by})."


def app_line(row: AppRow, app: App | None) -> Json:
    tasks = sum(c.state is not ContainerState.PENDING for c in app.containers) if app else 0
    return {
        "app_id": row.app_id,
        "description": row.name,
        "state": app.state.value if app else row.state,
        "version": app.version if app else None,
        "tasks": str(tasks),
        "created_at": iso(row.created_at_ms),
        "stopped_at": iso(row.stopped_at_ms),
    }


def app_info(row: AppRow, history: list[DeploymentRow], servers: Mapping[str, Json]) -> Json:
    live = next((d for d in history if d.live_at_ms is not None), None)
    return {
        "description": row.name,
        "app_id": row.app_id,
        "environment": row.environment,
        "lifecycle": {
            "state": row.state,
            "version": live.version if live else None,
            "created_at": iso(row.created_at_ms),
            "created_by": row.created_by,
            "deployed_at": iso(live.at_ms) if live else None,
            "deployed_by": live.actor if live else None,
            "stopped_at": iso(row.stopped_at_ms),
            "stopped_by": row.stopped_by,
        },
        "functions": {},
        "servers": dict(servers),
    }


def server_lines(app: App | None, manifest: AppManifest | None, settings: Settings) -> dict[str, Json]:
    """By name: id, a summary as in semantics 1.9.2, and the URL. Empty for an App that is not remembered."""
    if app is None or manifest is None or not app.deployments:
        return {}
    specs = {spec.name: spec for spec in app.deployments[-1].services}
    ids = {service.name: service.service_id for service in app.services}
    return {
        server.name: {
            "id": ids[server.name],
            "summary": summary(server),
            "url": settings.server_url(specs[server.name].host),
        }
        for server in manifest.servers
    }


def summary(server: ServerSpec) -> str:
    parts = [" or ".join(server.resources.gpu) + " GPU" if server.resources.gpu else "CPU"]
    parts += ["Unauthenticated"] if server.unauthenticated else []
    return " · ".join(parts)


def history_line(row: DeploymentRow) -> Json:
    return {
        "version": row.version,
        "time_deployed": iso(row.at_ms),
        "client": row.client_version,
        "deployed_by": row.actor,
        "commit": row.commit,
        "tag": row.tag,
        "type": row.type,
        "rollback_version": row.rollback_version,
        "outcome": row.outcome,
        "duration_ms": row.settled_at_ms - row.at_ms if row.settled_at_ms else None,
        "reason": row.reason or "",
    }


def container_line(row: ContainerRow, app: AppRow, now: Container | None) -> Json:
    host, _, port = (row.address or "").rpartition(":")
    return {
        "container_id": row.container_id,
        "app_id": row.app_id,
        "app_name": app.name,
        "server": row.service,
        "version": row.version,
        "state": now.state.value if now else ContainerState.ENDED.value,
        "reason": _why(now) if now else row.reason or "",
        "host": host or None,
        "port": int(port) if port else None,
        "started_at": iso(row.started_at_ms),
        "exit_code": row.exit_code,
        "requests_cut": row.cut or 0,
    }


def _why(container: Container) -> str:
    """Of its state; and of one that is ready, what it lacks to be replaced for."""
    failing = container.state is ContainerState.READY and container.failures
    return f"the port does not answer, {failing} health checks in a row" if failing else container.reason


def container_event(container: Container, service: str) -> Json:
    return {
        "container_id": container.container_id,
        "server": service,
        "version": container.version,
        "state": container.state.value,
        "reason": container.reason,
    }


def server_id(app: App, service: Service) -> Json:
    return {"app_id": app.app_id, "app_name": app.name, "server_name": service.name, "object_id": service.service_id}


def live_first(deployments: Sequence[Deployment]) -> list[Deployment]:
    """In the order in which they tell of a Server: the live one, then the newest, which may bring Servers along."""
    return sorted(deployments, key=lambda deployment: (deployment.state is not DeploymentState.LIVE, -deployment.version))


def server_info(app: App, deployment: Deployment, server: ServerSpec, settings: Settings, overrides: Json) -> Json:
    """Of `server` as `deployment` says it, with what somebody changed of its autoscaler since."""
    spec = next(s for s in deployment.services if s.name == server.name)
    service = next(s for s in app.services if s.name == server.name)
    return {
        "server_name": server.name,
        "object_id": service.service_id,
        "app_id": app.app_id,
        "app_name": app.name,
        "url": settings.server_url(spec.host),
        "port": server.port,
        "unauthenticated": server.unauthenticated,
        "h2_enabled": server.h2_enabled,
        "routing_region": server.routing_region,
        "startup_timeout": server.startup_timeout_ms / 1000,
        "exit_grace_period": server.exit_grace_period_ms / 1000,
        "cpu": server.resources.cpu_milli / 1000,
        "memory_mib": server.resources.memory_mib,
        **_more(server, overrides),
        "version": deployment.version,
        "containers": sum(c.service_id == service.service_id and c.state is ContainerState.READY for c in app.containers),
    }


def _more(server: ServerSpec, overrides: Json) -> Json:
    """What `server info` shows besides (semantics 2.4.3, 2.6.8)."""
    scale, resources = server.scale, server.resources
    target = scale.target_concurrency_centi
    return {
        "image_id": server.image_id,
        "sessioned": server.sessioned,
        "cpu_limit": None if resources.cpu_limit_milli is None else resources.cpu_limit_milli / 1000,
        "memory_limit_mib": resources.memory_limit_mib,
        "gpus": list(resources.gpu),
        "ephemeral_disk_mib": resources.ephemeral_disk_mib,
        "nonpreemptible": server.nonpreemptible,
        "compute_regions": list(server.compute_region),
        "cloud": server.cloud,
        "cluster": None,
        "autoscaling": {
            "min_containers": scale.min_containers or 0,
            "max_containers": scale.max_containers,
            "buffer_containers": scale.buffer_containers or 0,
            "scaleup_window": scale.scaleup_window_s,
            "scaledown_window": scale.scaledown_window_s,
            "target_concurrency": None if target is None else target / 100,
            "max_concurrency": scale.max_concurrency,
            "overrides": overrides,
        },
        "volumes": [
            {"path": m.path, "volume_id": m.volume_id, "name": m.name, "read_only": m.read_only} for m in server.volumes
        ],
        "cloud_bucket_mounts": [],
        "secrets": [
            {"secret_id": secret.secret_id, "name": secret.name, "required_keys": list(secret.required_keys)}
            for secret in server.secrets
        ],
    }
