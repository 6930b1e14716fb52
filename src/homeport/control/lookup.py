"""Which version of an App, and which Server, is meant when people ask. Owns the choice, and the words when there is none.

The live version counts, while another rolls out and after it failed; the one that rolls out counts for what is only in it.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..core.current import current
from ..core.model import App, Deployment, ServiceSpec
from ..errors import NotFoundError
from ..store.history import AppRow
from .hints import no_server


@dataclass(frozen=True, slots=True)
class Subject:
    """One Server as it is now."""

    app: App
    deployment: Deployment
    spec: ServiceSpec  # as it was published

    @property
    def service_id(self) -> str:
        return next(s.service_id for s in self.app.services if s.name == self.spec.name)


def find_server(row: AppRow, app: App | None, server: str) -> Subject:
    """`app`: the same as it is in the World. Raises NotFoundError, also for an App that is not deployed (2.4.1)."""
    versions = current(app) if app is not None else ()
    if app is None or not versions:
        raise NotFoundError(
            f"App {row.name!r} is not deployed; deploy it first. `homeport app history {row.name}` tells how it ended."
        )
    for deployment in versions:
        for spec in deployment.services:
            if spec.name == server:
                return Subject(app, deployment, spec)
    raise no_server(row.name, server, (spec.name for spec in versions[0].services))


def shown(app: App | None) -> Deployment | None:
    """The version that an App is shown by; of one that is over the last that was live. None if it is not remembered."""
    if app is None or not app.deployments:
        return None
    last = [d for d in app.deployments if d.version in app.last]
    return next(iter((*current(app), *last)), None)
