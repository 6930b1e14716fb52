"""How many containers a load needs: up when it lasts, down to the highest need of a window, never for want of news."""

from __future__ import annotations

import pytest

from homeport.core import scale
from homeport.core.events import Scaled
from homeport.core.facts import AutoscalerUpdated, DemandSeen, LoadSampled, ServiceLoad
from homeport.core.model import Busy, Container, LoadSeen, Service, ServiceSpec
from homeport.core.states import ContainerState

from .platform import Platform, spec

SECOND = 1000


class Town(Platform):
    """A platform with one App, whose load is looked at every second."""

    def __init__(self, **settings: int) -> None:
        super().__init__()
        self.looked_ms = self.now_ms
        self.live("one", spec(**settings))

    @property
    def service(self) -> Service:
        return self.app().services[0]

    def load(self, *in_flight: float, busy: tuple[Busy, ...] = ()) -> int:
        """So many requests on average, second by second. The containers that are wanted in the end."""
        for many in in_flight:
            self.now_ms += SECOND
            mine = ServiceLoad(self.app().app_id, self.service.service_id, round(many * 100), busy)
            self.say(LoadSampled(self.looked_ms, self.now_ms, (mine,) if many else ()))
            self.looked_ms = self.now_ms
            while waiting := self.in_state(ContainerState.STARTING):
                self.boot(waiting[0])
        return self.many()

    def ask(self) -> int:
        """A request that finds no container."""
        self.say(DemandSeen(self.app().app_id, self.service.service_id, self.now_ms))
        return self.many()

    def many(self) -> int:
        active = (ContainerState.PENDING, ContainerState.STARTING, ContainerState.READY)
        return sum(c.state in active for c in self.app().containers)

    def ready(self) -> list[Container]:
        return self.in_state(ContainerState.READY)


@pytest.mark.parametrize(
    ("target_centi", "in_flight", "needed"),
    [(0, 500, 1), (1000, 45, 5), (1000, 50, 5), (1000, 50.01, 6), (150, 3, 2), (150, 3.01, 3), (100, 0.01, 1)],
)
def test_a_load_needs_as_many_as_keep_each_at_its_target(target_centi: int, in_flight: float, needed: int) -> None:
    assert scale.need(spec(target_concurrency_centi=target_centi), round(in_flight * 100)) == needed


def test_a_step_in_load_is_followed_at_the_first_sample_that_shows_it() -> None:
    town = Town(target_concurrency_centi=1000)
    assert town.load(3, 3) == 1
    assert town.load(45) == 5
    assert "45 requests were in flight" in town.service.why


def test_a_load_that_has_to_last_adds_nothing_before_its_window_is_over() -> None:
    town = Town(target_concurrency_centi=1000, scaleup_window_s=3)
    assert town.load(45, 45, 45) == 1
    assert town.load(45) == 5


def test_a_load_that_pauses_within_the_window_has_to_last_anew() -> None:
    town = Town(target_concurrency_centi=1000, scaleup_window_s=3)
    assert town.load(45, 45, 1, 45, 45, 45) == 1
    assert town.load(45) == 5


def test_what_is_added_is_what_all_of_the_window_needed() -> None:
    town = Town(target_concurrency_centi=1000, scaleup_window_s=2)
    assert town.load(30, 95, 95) == 3


def test_a_sawtooth_within_the_window_keeps_what_its_peaks_need() -> None:
    town = Town(target_concurrency_centi=1000, scaledown_window_s=10)
    town.load(45)
    events = [town.load(2, 2, 2, 2, 45) for _ in range(10)]
    assert events == [5] * 10


def test_it_falls_to_the_highest_need_of_the_window_not_to_the_last() -> None:
    town = Town(target_concurrency_centi=1000, scaledown_window_s=10)
    town.load(45, 28)
    assert town.load(*[5] * 9) == 5
    assert town.load(5) == 3
    assert town.load(5, 5) == 1
    assert town.service.why == "no more than 1 was needed for 10 s"


def test_an_idle_server_goes_to_nothing_after_its_window_and_a_request_brings_it_back() -> None:
    town = Town(scaledown_window_s=5)
    assert town.load(1, 0, 0, 0, 0, 0) == 1
    assert town.load(0, 0) == 0
    assert town.service.why == "none was needed for 5 s"
    assert town.load(*[0] * 20) == 0
    assert town.ask() == 1
    assert town.service.why == "a request found no container"


def test_a_stream_that_is_in_flight_all_the_time_keeps_its_container() -> None:
    assert Town(scaledown_window_s=2).load(*[1] * 30) == 1


def test_lost_samples_never_cost_a_container() -> None:
    town = Town(target_concurrency_centi=100, scaledown_window_s=5)
    town.load(4)
    town.later(60 * SECOND)
    assert town.many() == 4
    town.looked_ms = town.now_ms
    assert town.load(*[0] * 4) == 4
    assert town.load(0) == 0


def test_a_sample_that_was_overtaken_says_nothing() -> None:
    town = Town(target_concurrency_centi=100, scaledown_window_s=5)
    town.load(1, 1, 1)
    late = ServiceLoad(town.app().app_id, town.service.service_id, 900)
    town.say(LoadSampled(town.now_ms - 3 * SECOND, town.now_ms - 2 * SECOND, (late,)))
    assert town.many() == 1


def test_minimum_maximum_and_buffer_bound_what_a_load_gets() -> None:
    town = Town(target_concurrency_centi=100, min_containers=2, max_containers=6, buffer_containers=1, scaledown_window_s=5)
    assert town.many() == 2
    assert town.load(1) == 2
    assert town.load(3) == 4
    assert town.load(50) == 6
    assert town.load(*[0] * 7) == 2  # no buffer while nobody asks


def test_of_several_the_least_busy_goes_and_of_those_the_newest() -> None:
    town = Town(target_concurrency_centi=100, scaledown_window_s=5)
    town.load(3)
    oldest, middle, _ = sorted(c.container_id for c in town.ready())
    town.load(*[2] * 7, busy=(Busy(oldest, 1), Busy(middle, 1)))
    assert sorted(c.container_id for c in town.ready()) == [oldest, middle]


def test_an_idle_app_that_is_redeployed_is_proved_and_idle_again() -> None:
    town = Town(scaledown_window_s=5)
    town.load(*[0] * 7)
    assert town.many() == 0
    town.live("two", spec(scaledown_window_s=5))
    assert [c.version for c in town.ready()] == [2]
    assert town.load(*[0] * 7) == 0


def test_a_request_of_half_a_minute_ago_is_no_demand() -> None:
    town = Town(scaledown_window_s=5)
    town.load(*[0] * 7)
    asked_ms, town.now_ms = town.now_ms, town.now_ms + 31 * SECOND
    town.say(DemandSeen(town.app().app_id, town.service.service_id, asked_ms))
    assert town.many() == 0


def test_whoever_failed_waits_also_when_requests_come() -> None:
    town = Town(scaledown_window_s=600)
    for _ in range(3):
        town.now_ms += SECOND
        for container in [*town.ready(), *town.in_state(ContainerState.STARTING)]:
            town.exit(container)
        town.later(SECOND)
    (waiting,) = town.app().containers
    town.ask()
    assert (waiting.state, town.many()) == (ContainerState.PENDING, 1)
    assert town.started() == []


def test_a_changed_window_holds_for_what_is_there() -> None:
    town = Town(scaledown_window_s=60)
    town.load(1, 0, 0, 0, 0, 0)
    town.say(AutoscalerUpdated(town.app().app_id, "web", (("scaledown_window_s", 3),), "ada"))
    assert town.load(0) == 0


def test_samples_of_idle_services_touch_nothing() -> None:
    town = Town(scaledown_window_s=600)
    town.load(1)
    before = town.world.apps
    town.load(0)
    assert all(town.world.apps[app_id] is app for app_id, app in before.items())


def test_a_count_that_changes_is_told_with_its_reason() -> None:
    town = Town(target_concurrency_centi=1000)
    town.load(45)
    town.now_ms += SECOND
    town.say(LoadSampled(town.looked_ms, town.now_ms, (ServiceLoad(town.app().app_id, town.service.service_id, 9000, ()),)))
    (told,) = [event for event in town.events if isinstance(event, Scaled)]
    assert (told.before, told.count) == (5, 9)


@pytest.mark.parametrize(
    ("starts_ms", "seconds"),
    [((), 1), ((200,), 1), ((1001,), 2), ((100,) * 9 + (9000,), 1), ((100,) * 8 + (9000,) * 2, 9), ((3000,), 3)],
)
def test_who_finds_none_is_told_to_come_back_when_nine_of_ten_starts_are_over(
    starts_ms: tuple[int, ...], seconds: int
) -> None:
    assert scale.retry_after_s(Service("fu-1", "web", starts_ms=starts_ms)) == seconds


def test_start_times_are_measured_from_when_there_was_room_and_the_last_ones_count() -> None:
    town = Town(scaledown_window_s=5)
    app_id = town.app().app_id
    assert town.routes[app_id][0].retry_after_s == 1
    for _ in range(scale.STARTS_KEPT):
        town.load(*[0] * 7)
        town.ask()
        town.now_ms += 4_200
        town.looked_ms = town.now_ms
        town.boot(town.in_state(ContainerState.STARTING)[0])
    assert town.service.starts_ms == (4_200,) * scale.STARTS_KEPT
    assert town.routes[app_id][0].retry_after_s == 5


def test_a_window_that_is_made_much_shorter_counts_from_now() -> None:
    town = Town(target_concurrency_centi=100, scaledown_window_s=3600)
    assert town.load(3) == 3
    town.say(AutoscalerUpdated(town.app().app_id, "web", (("scaledown_window_s", 5),), "ada"))
    assert town.load(1, 1, 1, 1, 1, 1) == 1


def test_windows_are_bounded_in_what_they_remember() -> None:
    service, settings = (
        Service("fu-1", "web"),
        ServiceSpec("web", "h", target_concurrency_centi=100, scaledown_window_s=3600),
    )
    for second in range(5_000):
        load = scale.Load((5_000 - second) * 100, second * SECOND)
        service = scale.loaded(service, settings, load, second * SECOND)
        service = scale.lowered(service, settings, LoadSeen(1, second * SECOND), second * SECOND)
    assert len(service.load.peaks) <= scale.PARTS + 2


@pytest.mark.parametrize(("exit_grace_ms", "drains_ms"), [(0, 10_000), (60_000, 60_000), (1, 1)])
def test_who_is_scaled_down_drains_for_its_grace_period_or_ten_seconds(exit_grace_ms: int, drains_ms: int) -> None:
    town = Town(target_concurrency_centi=100, scaledown_window_s=5, exit_grace_ms=exit_grace_ms)
    town.load(3)
    town.load(*[2] * 6)
    (draining,) = town.in_state(ContainerState.DRAINING)
    assert draining.deadline_ms == draining.since_ms + drains_ms
    town.later(drains_ms - 1 - (town.now_ms - draining.since_ms))
    assert town.stopped() == []
    town.later(1)
    assert town.stopped() == [draining.container_id]
