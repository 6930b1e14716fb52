"""What is said of a Server while more than one version of its App is there."""

from __future__ import annotations

from homeport.control.views import live_first
from homeport.core.model import Deployment, Strategy
from homeport.core.states import DeploymentState


def test_the_live_version_speaks_for_a_server_before_one_that_rolls_out() -> None:
    states = (DeploymentState.SUPERSEDED, DeploymentState.LIVE, DeploymentState.ROLLING)
    there = [Deployment(number, "digest", (), Strategy.ROLLING, state, "r", 0) for number, state in enumerate(states)]
    assert [deployment.state for deployment in live_first(there)] == [
        DeploymentState.LIVE,
        DeploymentState.ROLLING,
        DeploymentState.SUPERSEDED,
    ]
    assert live_first([]) == []
