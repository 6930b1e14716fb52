"""What is said of a Server while more than one version of its App is there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from homeport.control.views import container_line, live_first
from homeport.core.model import Container, Deployment, Strategy
from homeport.core.states import ContainerState, DeploymentState
from homeport.store.history import AppRow, ContainerRow

APP = AppRow("ap-1", "main", "shop", "deployed", 0, "ada", None, None)
ROW = ContainerRow("ta-1", "ap-1", "web", 1, 0, 0, 0, None, None, None, None, None, None)


def test_the_live_version_speaks_for_a_server_before_one_that_rolls_out() -> None:
    states = (DeploymentState.SUPERSEDED, DeploymentState.LIVE, DeploymentState.ROLLING)
    there = [Deployment(number, "digest", (), Strategy.ROLLING, state, "r", 0) for number, state in enumerate(states)]
    assert [deployment.state for deployment in live_first(there)] == [
        DeploymentState.LIVE,
        DeploymentState.ROLLING,
        DeploymentState.SUPERSEDED,
    ]
    assert live_first([]) == []


@pytest.mark.parametrize(
    ("state", "failures", "expected"),
    [
        (ContainerState.READY, 0, ""),
        (ContainerState.READY, 2, "the port does not answer, 2 health checks in a row"),
        (ContainerState.STOPPING, 2, "replaced by v2"),
    ],
)
def test_a_ready_container_that_does_not_answer_is_said_to(state: ContainerState, failures: int, expected: str) -> None:
    now = Container("ta-1", "fu-1", 1, state, 0, 0, failures=failures)
    now = replace(now, reason="" if state is ContainerState.READY else "replaced by v2")
    assert container_line(ROW, APP, now)["reason"] == expected
