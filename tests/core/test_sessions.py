"""A session ends with its container: what has some is replaced, and never given up because the load is lower."""

from __future__ import annotations

from homeport.core.facts import AutoscalerUpdated
from homeport.core.model import Busy
from homeport.core.states import ContainerState

from .platform import spec
from .test_scale import SECOND, Town


class Held(Town):
    """Five sessions, spread 2, 2, 1 over three containers of a sessioned Server whose load was higher once."""

    def __init__(self, **settings: int) -> None:
        super().__init__(sessions_max=10, target_concurrency_centi=1000, scaledown_window_s=5, **settings)
        self.load(25)
        first, second, third = sorted(c.container_id for c in self.ready())
        self.busy = (Busy(first, 2), Busy(second, 2), Busy(third, 1))


def test_a_container_with_sessions_is_not_scaled_down_and_goes_when_they_have_ended() -> None:
    town = Held()
    assert town.load(*[5] * 9, busy=town.busy) == 3
    assert town.service.count == 1
    assert town.load(4, busy=town.busy[:2]) == 2
    assert sorted(c.container_id for c in town.ready()) == [busy.container_id for busy in town.busy[:2]]


def test_of_a_sessioned_server_the_idle_ones_go_as_of_any() -> None:
    town = Held()
    assert town.load(*[4] * 9, busy=town.busy[1:]) == 2
    assert sorted(c.container_id for c in town.ready()) == [busy.container_id for busy in town.busy[1:]]


def test_while_nobody_knows_who_has_sessions_nothing_is_taken_away() -> None:
    """Also not by a lower minimum; it holds again as soon as somebody has looked."""
    town = Town(sessions_max=10, target_concurrency_centi=1000, scaledown_window_s=5, min_containers=3)
    town.later(60 * SECOND)
    town.say(AutoscalerUpdated(town.app().app_id, "web", (("min_containers", 0),), "ada"))
    assert town.many() == 3
    town.looked_ms = town.now_ms
    assert town.load(0) == 1


def test_sessions_that_ended_while_nobody_looked_keep_nothing() -> None:
    town = Held()
    town.load(*[5] * 9, busy=town.busy)
    town.now_ms += 5 * SECOND
    town.looked_ms = town.now_ms - 500
    assert town.load(1, busy=town.busy[:1]) == 1


def test_a_lower_cap_waits_for_sessions() -> None:
    town = Held()
    town.load(5, busy=town.busy)
    town.say(AutoscalerUpdated(town.app().app_id, "web", (("max_containers", 2),), "ada"))
    assert town.load(5, busy=town.busy) == 3
    assert town.load(4, busy=town.busy[:2]) == 2


def test_a_rollout_that_fails_has_cost_no_session() -> None:
    """The containers beyond what the load needs now stay until the new version is live."""
    town = Held()
    town.load(*[5] * 9, busy=town.busy)
    kept = {c.container_id for c in town.ready()}
    town.deploy("two", spec(sessions_max=10, target_concurrency_centi=1000))
    assert {c.container_id for c in town.ready()} == kept
    town.later(200 * SECOND)
    assert {c.container_id for c in town.ready()} == kept
    town.deploy("three", spec(sessions_max=10, target_concurrency_centi=1000))
    town.boot(next(c for c in town.in_state(ContainerState.STARTING)))
    assert {c.container_id for c in town.in_state(ContainerState.DRAINING)} == kept


def test_a_rollout_with_a_cap_has_its_room() -> None:
    town = Held(max_containers=3)
    town.load(*[5] * 9, busy=town.busy)
    town.deploy("two", spec(sessions_max=10, target_concurrency_centi=1000, max_containers=3))
    assert len(town.ready()) == 1
