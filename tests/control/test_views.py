"""What is said of a container that is not as it should be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from homeport.control.views import container_line
from homeport.core.model import Container
from homeport.core.states import ContainerState
from homeport.store.history import AppRow, ContainerRow

APP = AppRow("ap-1", "main", "shop", "deployed", 0, "ada", None, None)
ROW = ContainerRow("ta-1", "ap-1", "web", 1, 0, 0, 0, None, None, None, None, None, None)


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
