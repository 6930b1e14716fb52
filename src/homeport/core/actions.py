"""Everything the core can ask for. Actions are idempotent and keyed by container or app id; none answers but by facts."""

from __future__ import annotations

from dataclasses import dataclass

from .model import Gpus
from .routes import Route


@dataclass(frozen=True, slots=True)
class StartContainer:
    """Start it, unless it was started before. Told again after a restart of the control plane."""

    container_id: str
    app_id: str
    environment: str
    service_id: str
    service_name: str
    version: int
    manifest_digest: str
    gpus: Gpus | None = None  # how many of which model are its own


@dataclass(frozen=True, slots=True)
class StopContainer:
    """SIGTERM to all of its processes now, SIGKILL after `kill_after_ms` (semantics 2.3.5)."""

    container_id: str
    kill_after_ms: int


@dataclass(frozen=True, slots=True)
class ForgetContainer:
    """It ended and was accounted for: release what is left of it (its log stays)."""

    container_id: str


@dataclass(frozen=True, slots=True)
class SetRoutes:
    """These are all routes of this App from now on; an empty tuple removes them."""

    app_id: str
    routes: tuple[Route, ...]


Action = StartContainer | StopContainer | ForgetContainer | SetRoutes
