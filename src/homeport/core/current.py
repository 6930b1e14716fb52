"""Which versions of an App hold now. Pure."""

from __future__ import annotations

from .model import App, Deployment
from .states import DeploymentState


def current(app: App) -> tuple[Deployment, ...]:
    """The live version, then the one that rolls out; none of an App that is over.

    What both have is as the first has it: look-ups go by the live version (semantics 1.1.13, 1.10.4).
    """
    return tuple(d for state in (DeploymentState.LIVE, DeploymentState.ROLLING) for d in app.deployments if d.state is state)
