"""Which versions may have a memory snapshot: those that may still get a container."""

from __future__ import annotations

from homeport.control.prepare import snapshot_name, snapshot_names
from homeport.core.model import App, Deployment, Service, Strategy, World
from homeport.core.states import AppState, DeploymentState


def deployment(version: int, state: DeploymentState) -> Deployment:
    return Deployment(version, f"digest{version}", (), Strategy.ROLLING, state, "", 0)


def test_versions_that_are_live_or_rolling_keep_their_snapshots() -> None:
    states = (DeploymentState.SUPERSEDED, DeploymentState.LIVE, DeploymentState.FAILED, DeploymentState.ROLLING)
    deployments = tuple(deployment(number, state) for number, state in enumerate(states, 1))
    services = (Service("fu-1", "A"), Service("fu-2", "B"))
    app = App("ap-1", "main", "x", AppState.DEPLOYED, 0, 4, services, deployments)
    found = set(snapshot_names(World("t", {"ap-1": app})))
    assert found == {snapshot_name(service, version) for service in ("fu-1", "fu-2") for version in (2, 4)}
