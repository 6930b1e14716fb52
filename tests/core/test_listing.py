"""What the engine says more than once, too late, or not at all: listings repair it, and nothing is decided twice."""

from __future__ import annotations

import pytest

from homeport.core.facts import (
    ContainerExited,
    ContainerProbed,
    ContainerReady,
    ContainerStarted,
    EngineListed,
    ExitReason,
)
from homeport.core.observe import ACCEPT_MS
from homeport.core.states import ContainerState

from .platform import Platform


@pytest.fixture
def platform() -> Platform:
    return Platform()


def test_a_container_that_the_engine_does_not_know_is_lost_and_replaced(platform: Platform) -> None:
    platform.live("one")
    platform.now_ms += 1_000
    platform.say(EngineListed(platform.now_ms, ()))
    assert platform.states(1) == ["starting"]


def test_a_listing_from_before_a_container_was_accepted_does_not_lose_it(platform: Platform) -> None:
    """Found by the simulator, with listings that take their time."""
    container = platform.deploy("one").containers[0]
    asked_at_ms = platform.now_ms + 5
    platform.later(10)
    platform.say(ContainerStarted(container.container_id, "10.0.0.2:8000"))
    platform.say(EngineListed(asked_at_ms, ()))
    assert platform.app().containers[0].container_id == container.container_id
    platform.say(EngineListed(platform.now_ms + 1, ()))
    assert platform.app().containers[0].container_id != container.container_id


def test_who_is_stopped_before_it_was_accepted_may_still_be_on_its_way(platform: Platform) -> None:
    platform.deploy("one")
    platform.later(10)
    platform.deploy("two")
    assert platform.states(1) == ["stopping"]
    platform.say(EngineListed(platform.now_ms + 5, ()))
    assert platform.states(1) == ["stopping"]
    platform.later(ACCEPT_MS)
    platform.say(EngineListed(platform.now_ms + 5, ()))
    assert platform.states(1) == []


def test_who_is_stopped_and_then_accepted_is_not_lost_by_a_listing_from_in_between(platform: Platform) -> None:
    container = platform.deploy("one").containers[0]
    platform.later(10)
    platform.deploy("two")
    asked_at_ms = platform.now_ms + 5
    platform.later(10)
    platform.say(ContainerStarted(container.container_id, "10.0.0.2:8000"))
    platform.say(EngineListed(asked_at_ms, ()))
    assert platform.states(1) == ["stopping"]


def test_a_container_that_nobody_asked_for_is_ended(platform: Platform) -> None:
    platform.say(EngineListed(platform.now_ms, ("ta-strange",), ("ta-dead",)))
    assert [type(action).__name__ for action in platform.actions] == ["StopContainer", "ForgetContainer"]


def test_what_is_known_already_touches_nothing(platform: Platform) -> None:
    app = platform.live("one")
    container = app.containers[0]
    known = ContainerStarted(container.container_id, container.address), ContainerReady(container.container_id)
    listed = EngineListed(platform.now_ms, (container.container_id,))
    platform.say(*known, ContainerProbed(container.container_id, healthy=True), listed)
    assert platform.app() is app


def test_late_and_doubled_facts_of_a_container_that_is_gone_change_nothing(platform: Platform) -> None:
    platform.live("one")
    gone = platform.in_state(ContainerState.READY)[0]
    platform.exit(gone)
    before = platform.world
    platform.say(
        ContainerExited(gone.container_id, ExitReason.EXITED, 1),
        ContainerReady(gone.container_id),
        ContainerStarted(gone.container_id, "10.0.0.9:8000"),
    )
    assert platform.world == before
