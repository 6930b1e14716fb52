"""What a step changed, as values: for the journal, for people who watch, never for decisions."""

from __future__ import annotations

from dataclasses import dataclass

from .model import App, Container, Deployment
from .states import AppState


@dataclass(frozen=True, slots=True)
class AppMoved:
    app_id: str
    environment: str
    name: str
    state: AppState


@dataclass(frozen=True, slots=True)
class DeploymentMoved:
    """Also when it is published: then its state is ROLLING and `created` tells whether the App is new."""

    app_id: str
    deployment: Deployment
    created: bool = False


@dataclass(frozen=True, slots=True)
class DeployUnchanged:
    """A no-op: `app` runs this very configuration already (semantics 1.1.4)."""

    app: App
    request_id: str


@dataclass(frozen=True, slots=True)
class DeployRefused:
    """A rollback or rollover of an App that is not deployed (semantics 1.6.3, 1.7.6): nothing has changed."""

    app_id: str
    request_id: str


@dataclass(frozen=True, slots=True)
class AutoscalerChanged:
    """Settings of a Server are other ones from now on, because `actor` wanted it."""

    app_id: str
    service: str
    changes: tuple[tuple[str, int], ...]
    actor: str


@dataclass(frozen=True, slots=True)
class Scaled:
    """A service needs another number of containers than before, and why."""

    app_id: str
    service: str
    before: int
    count: int
    why: str


@dataclass(frozen=True, slots=True)
class ContainerMoved:
    app_id: str
    container: Container
    service: str
    exit_code: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RequestsCut:
    """So many more requests ended with a container that was told to end. Not of a step: the router's records tell it."""

    app_id: str
    container_id: str
    count: int


Event = (
    AppMoved | DeploymentMoved | DeployUnchanged | DeployRefused | AutoscalerChanged | Scaled | ContainerMoved | RequestsCut
)
