"""What may run at once: the machine's promises and `max_containers`. Rows of the semantics in brackets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from homeport.core.backoff import ROLLOUT_TRIES
from homeport.core.draft import ACTIVE
from homeport.core.facts import (
    AppStopRequested,
    CapacityKnown,
    ContainerDrained,
    ContainerExited,
    ContainerProbed,
    DeployRequested,
    ExitReason,
)
from homeport.core.model import Strategy
from homeport.core.place import NO_ROOM, ROOM_WAIT_MS
from homeport.core.rollout import GRACE_MS
from homeport.core.states import ContainerState

from .platform import Platform, spec


@pytest.fixture
def platform() -> Platform:
    return Platform()


def test_a_cap_of_one_leaves_a_gap_and_no_crash(platform: Platform) -> None:  # 1.1.9, 11.37
    platform.live("one", spec(max_containers=1))
    platform.deploy("two", spec(max_containers=1))
    assert platform.states(1) == ["draining"]
    assert platform.states(2) == ["starting"]


def test_what_is_kept_of_the_old_version_counts_for_the_cap_though_it_died(platform: Platform) -> None:  # 1.1.9
    """Found by the simulator: the live version was refilled beside a full new one."""
    platform.live("one", spec(min_containers=2))
    platform.deploy("two", spec(min_containers=3, max_containers=3))
    for container in platform.in_state(ContainerState.READY):
        platform.exit(container)
    platform.later(1_000)
    assert len(platform.in_state(ContainerState.STARTING)) == 3


def test_what_was_overtaken_counts_for_the_cap(platform: Platform) -> None:  # 1.1.9
    """Found by the simulator: a Server that the live version does not have."""
    platform.live("one", spec("other"))
    platform.deploy("two", spec("other"), spec(min_containers=2))
    platform.boot(next(c for c in platform.in_state(ContainerState.STARTING) if c.service_id.endswith("2")))
    platform.deploy("three", spec("other"), spec(min_containers=1, max_containers=1))
    assert len([c for c in platform.app().containers if c.service_id.endswith("2") and c.state in ACTIVE]) == 1


def test_what_was_overtaken_and_stops_answering_goes_and_the_live_version_takes_its_place(platform: Platform) -> None:
    """Found by the simulator: both were kept, beyond the cap of the version that came up beside them."""
    platform.live("one", spec(min_containers=2))
    platform.deploy("two", spec(min_containers=2), spec("other"))
    webs = [c for c in platform.in_state(ContainerState.STARTING) if c.service_id.endswith("1")]
    for container in webs:
        platform.boot(container)
    platform.deploy("three", spec(min_containers=2, max_containers=3))
    platform.say(ContainerProbed(webs[0].container_id, healthy=False))
    active = [c for c in platform.app().containers if c.service_id == webs[0].service_id and c.state in ACTIVE]
    assert sorted(c.version for c in active) == [1, 2, 3]
    assert platform.states(2).count("draining") == 1


def test_what_does_not_fit_waits_and_says_why(platform: Platform) -> None:
    platform.say(CapacityKnown(cpu_milli=1_000, memory_mib=4_096))
    platform.live("one", spec(cpu_milli=1_000))
    platform.deploy("two", spec(cpu_milli=1_000))
    assert [c.reason for c in platform.in_state(ContainerState.PENDING)] == [NO_ROOM]
    assert platform.started() == []


def test_a_rollout_that_finds_no_room_is_given_up(platform: Platform) -> None:  # found by seed 4
    platform.say(CapacityKnown(cpu_milli=1_000, memory_mib=4_096))
    platform.live("one", spec(cpu_milli=1_000))
    platform.deploy("two", spec(cpu_milli=1_000))
    platform.later(ROOM_WAIT_MS)
    assert [d.version for d in platform.app().deployments] == [1]
    assert platform.states(1) == ["ready"]


def test_a_failed_version_gives_way_where_there_is_no_room_for_both(platform: Platform) -> None:
    """Found by the simulator: it served for ever, because what should replace it waited for its room."""
    platform.say(CapacityKnown(1_125, 4_096))
    platform.live("one", spec(cpu_milli=500))
    platform.deploy("two", spec("api"), spec(cpu_milli=1_000, max_containers=1))
    platform.say(ContainerDrained(platform.in_state(ContainerState.DRAINING)[0].container_id, 0, platform.now_ms))
    platform.exit(platform.in_state(ContainerState.STOPPING)[0], ExitReason.STOPPED, 0)
    web, api = sorted(platform.in_state(ContainerState.STARTING), key=lambda c: c.service_id)
    platform.boot(web)
    platform.exit(api)
    for _ in range(ROLLOUT_TRIES - 1):
        platform.later(60_000)
        platform.exit(platform.in_state(ContainerState.STARTING)[0])
    assert (platform.states(1), platform.states(2)) == (["pending"], ["draining"])
    platform.later(GRACE_MS)
    platform.exit(platform.in_state(ContainerState.STOPPING)[0], ExitReason.STOPPED, 0)
    assert platform.states(1) == ["starting"]


def test_room_that_one_app_leaves_is_given_to_another(platform: Platform) -> None:
    platform.say(CapacityKnown(cpu_milli=1_000, memory_mib=4_096))
    platform.live("one", spec(cpu_milli=1_000), name="first")
    platform.deploy("two", spec("api", cpu_milli=1_000), name="second")
    platform.say(AppStopRequested(platform.app("first").app_id))
    platform.exit(platform.in_state(ContainerState.STOPPING, "first")[0], ExitReason.STOPPED)
    assert len(platform.in_state(ContainerState.STARTING, "second")) == 1


def test_a_live_version_gets_its_room_back_before_a_rollout_of_an_older_app_takes_it(platform: Platform) -> None:
    platform.say(CapacityKnown(1_000, 4_096))
    platform.live("one", spec(cpu_milli=125), name="shop")
    platform.live("two", replace(spec(cpu_milli=500), host="home--blog-web.us-east.localhost"), name="blog")
    platform.deploy("big", spec(cpu_milli=500), name="shop")
    assert [c.reason for c in platform.in_state(ContainerState.PENDING, "shop")] == [NO_ROOM]
    platform.exit(platform.in_state(ContainerState.READY, "blog")[0])
    assert len(platform.in_state(ContainerState.STARTING, "blog")) == 1
    assert [c.reason for c in platform.in_state(ContainerState.PENDING, "shop")] == [NO_ROOM]


def test_of_two_that_wait_for_room_the_older_app_is_first(platform: Platform) -> None:
    platform.say(CapacityKnown(500, 4_096))
    platform.deploy("one", spec(cpu_milli=500), name="taken")
    for name in ("older", "newer"):
        platform.deploy(name, replace(spec(cpu_milli=500), host=f"home--{name}-web.us-east.localhost"), name=name)
    platform.deploy("two", replace(spec(cpu_milli=500), host="home--newer-web.us-east.localhost"), name="newer")
    stop, gone = AppStopRequested(platform.app("taken").app_id), platform.in_state(ContainerState.STARTING, "taken")[0]
    newest = DeployRequested("main", "newer", "three", platform.app("newer").deployments[-1].services, Strategy.ROLLING, "r")
    platform.say(stop)
    platform.say(newest, ContainerExited(gone.container_id, ExitReason.STOPPED, 0))
    assert len(platform.in_state(ContainerState.STARTING, "older")) == 1
    assert [c.reason for c in platform.in_state(ContainerState.PENDING, "newer")] == [NO_ROOM]
