"""What fails by itself is started again later and later, however it fails."""

from __future__ import annotations

import pytest

from homeport.core.backoff import ROLLOUT_TRIES
from homeport.core.facts import ContainerProbed, ExitReason
from homeport.core.model import Container
from homeport.core.retire import FAILED_PROBES_MAX
from homeport.core.states import ContainerState, DeploymentState

from .platform import Platform, spec

SECOND = 1000


@pytest.fixture
def platform() -> Platform:
    return Platform()


def falls_silent(platform: Platform, container: Container, after_ms: int = SECOND) -> None:
    """Its server process dies, and the container with it lives on: nothing listens any more."""
    platform.now_ms += after_ms - SECOND
    for _ in range(FAILED_PROBES_MAX + 1):
        platform.now_ms += SECOND
        platform.say(ContainerProbed(container.container_id, healthy=False))
    assert container.container_id in platform.stopped()


def waits(platform: Platform, after_ms: int, times: int) -> list[int]:
    """How long the next one waits each time, in milliseconds."""
    found = []
    for _ in range(times):
        falls_silent(platform, platform.in_state(ContainerState.READY)[0], after_ms)
        platform.exit(platform.in_state(ContainerState.STOPPING)[0], ExitReason.STOPPED, 0)
        found.append(max(0, platform.app().services[0].retry_at_ms - platform.now_ms))
        platform.later(found[-1])
        platform.boot(platform.in_state(ContainerState.STARTING)[0])
    return found


def test_a_server_process_that_keeps_dying_in_a_living_container_is_started_later_and_later(platform: Platform) -> None:
    platform.live("one")
    assert waits(platform, SECOND, 6) == [0, 1_000, 2_000, 4_000, 8_000, 16_000]
    assert platform.app().services[0].failures == 6


def test_one_that_did_well_for_long_before_is_replaced_at_once(platform: Platform) -> None:
    platform.live("one")
    waits(platform, SECOND, 2)
    assert waits(platform, 10 * SECOND, 2) == [0, 0]
    assert waits(platform, 10 * SECOND - 1, 1) == [1_000]


def test_a_version_whose_containers_fall_silent_is_given_up_like_one_whose_containers_end(platform: Platform) -> None:
    """One of its Servers never gets ready, so it rolls all the while."""
    slow = spec("slow", startup_timeout_ms=1_000_000)
    platform.deploy("one", spec("web"), slow)
    for _ in range(ROLLOUT_TRIES):
        web = next(c for c in platform.in_state(ContainerState.STARTING) if c.service_id.endswith("1"))
        platform.boot(web)
        falls_silent(platform, web)
        platform.later(60 * SECOND)
    (version,) = platform.app().deployments
    assert version.state is DeploymentState.FAILED
    assert version.reason == "Server web: its container failed its health checks: the port does not answer (3 tries)"
