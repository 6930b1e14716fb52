"""From an App to its routes: a pure function of the aggregate, so that only what changed is ever told to the router."""

from __future__ import annotations

from collections.abc import Iterable

from .current import current
from .model import App, Container, Deployment, ServiceSpec
from .rollout import is_serving
from .routes import Route, Target
from .scale import retry_after_s
from .states import AppState, ContainerState, DeploymentState


def table(app: App) -> tuple[Route, ...]:
    """All routes of the App, sorted by host. A stopped App's hosts stay, marked so, as long as it is remembered."""
    if app.state in (AppState.STOPPING, AppState.STOPPED):
        last = [] if app.yielded else [d for d in app.deployments if d.version in app.last]
        return _sorted({spec.host: _stopped(app, spec) for d in last for spec in d.services}.values())
    claims: dict[str, list[ServiceSpec]] = {}
    for deployment in current(app):
        for spec in deployment.services:
            claims.setdefault(spec.host, []).append(spec)
    return _sorted(_route(app, specs) for specs in claims.values())


def _route(app: App, specs: list[ServiceSpec]) -> Route:
    """`specs`: of the live version and of the one that rolls, in this order, as far as they have this host.

    While both serve, the stricter rule holds: no request reaches a container without the check that its version asks for.
    """
    service = next(s for s in app.services if s.name == specs[0].name)
    by_version = {d.version: d for d in app.deployments}
    pool = [c for c in app.containers if c.service_id == service.service_id]
    serving = [c for c in pool if is_serving(c) and _host(by_version[c.version], specs[0].name) == specs[0].host]
    draining = [c for c in pool if _finishes(c)]
    current = specs[-1] if any(by_version[c.version].state is DeploymentState.ROLLING for c in serving) else specs[0]
    targets = [Target(c.container_id, c.address) for c in serving]
    targets += [Target(c.container_id, c.address, draining=True) for c in draining]
    return Route(
        host=current.host,
        app_id=app.app_id,
        service_id=service.service_id,
        environment=app.environment,
        authenticated=any(spec.authenticated for spec in specs),
        h2=current.h2,
        max_concurrency=current.max_concurrency,
        sessioned=any(spec.sessions_max for spec in specs),
        retry_after_s=retry_after_s(service),
        targets=tuple(sorted(targets, key=lambda t: t.container_id)),
    )


def _finishes(container: Container) -> bool:
    """It gets nothing new and keeps what it has: also after SIGTERM, because whoever can finishes it then (2.3.5 c, d)."""
    if container.state is ContainerState.READY:
        return bool(container.failures)
    return bool(container.address) and container.state in (ContainerState.DRAINING, ContainerState.STOPPING)


def _host(deployment: Deployment, name: str) -> str:
    return next((s.host for s in deployment.services if s.name == name), "")


def _stopped(app: App, spec: ServiceSpec) -> Route:
    service_id = next(s.service_id for s in app.services if s.name == spec.name)
    return Route(spec.host, app.app_id, service_id, app.environment, stopped=True)


def _sorted(routes: Iterable[Route]) -> tuple[Route, ...]:
    return tuple(sorted(routes, key=lambda route: route.host))
