"""From the World and the history to the JSON that people are shown (docs/api.md). Pure; asks nobody anything."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from ..core.model import App, Container, Deployment
from ..core.overrides import effective
from ..core.states import ContainerState
from ..manifest.schema import AppManifest, ServerSpec
from ..settings import Settings
from ..store.history import AppRow, ContainerRow, DeploymentRow
from .lookup import Subject
from .scale_settings import public

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


def server_lines(app: App, deployment: Deployment, manifest: AppManifest, settings: Settings) -> dict[str, Json]:
    """Of one version, by name: id, a summary as in semantics 1.9.2, and the URL."""
    specs = {spec.name: spec for spec in deployment.services}
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


def history_line(row: DeploymentRow, rollback_allowed: bool) -> Json:
    return {
        "version": row.version,
        "time_deployed": iso(row.at_ms),
        "client": row.client_version,
        "deployed_by": row.actor,
        "commit": row.commit,
        "tag": row.tag,
        "type": row.type,
        "rollback_version": row.rollback_version,
        "rollback_allowed": rollback_allowed,
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


def server_info(subject: Subject, server: ServerSpec, settings: Settings) -> Json:
    """`server`: what the manifest of the same version has."""
    app, service_id = subject.app, subject.service_id
    url = settings.server_url(subject.spec.host)
    return {
        "server_name": server.name,
        "object_id": service_id,
        "app_id": app.app_id,
        "app_name": app.name,
        "url": url,
        "server_url": url,  # what it is called in Python
        "port": server.port,
        "unauthenticated": server.unauthenticated,
        "h2_enabled": server.h2_enabled,
        "routing_region": server.routing_region,
        "startup_timeout": server.startup_timeout_ms / 1000,
        "exit_grace_period": server.exit_grace_period_ms / 1000,
        "cpu": server.resources.cpu_milli / 1000,
        "memory_mib": server.resources.memory_mib,
        **_more(server),
        "autoscaling": {
            **public(effective(subject.deployment, subject.spec)),
            "max_concurrency": subject.spec.max_concurrency or None,
        },
        "version": subject.deployment.version,
        "containers": sum(c.service_id == service_id and c.state is ContainerState.READY for c in app.containers),
    }


def _more(server: ServerSpec) -> Json:
    """What `server info` shows besides (semantics 2.4.3, 2.6.8)."""
    resources = server.resources
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
        "volumes": [
            {"path": m.path, "volume_id": m.volume_id, "name": m.name, "read_only": m.read_only} for m in server.volumes
        ],
        "cloud_bucket_mounts": [],
        "secrets": [
            {"secret_id": secret.secret_id, "name": secret.name, "required_keys": list(secret.required_keys)}
            for secret in server.secrets
        ],
    }
